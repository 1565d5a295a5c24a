"""A relation with attributes of its own, for tests: a tag has another comment on each VM, host and template.

No relation that is served has any yet; the networks of a cluster will.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs
import pytest

from protocol import registry
from protocol.activity import audit
from protocol.document import SHOWN
from protocol.registry import BY_KIND, BY_REL, RESOURCES
from protocol.resource import Resource

COMMENT: Final = {"comment": SHOWN}


@contextmanager
def comments_of_their_own() -> Iterator[None]:
    """In here `comment` of a tag is said of each holder."""
    with pytest.MonkeyPatch.context() as patched:
        for resource in registry._with_assigned(*map(_plain, RESOURCES)):
            patched.setitem(BY_KIND, resource.kind, resource)
            patched.setitem(BY_REL, resource.rel, resource)
        said = attrs.evolve(audit.TEXTS["tag_updated"], text="Tag {name} of VM {holder} was updated by {user_name}.")
        patched.setitem(audit.TEXTS, "tag_updated_in_vm", said)  # type: ignore[arg-type]
        yield


def _plain(resource: Resource) -> Resource:
    sub = tuple(each for each in resource.sub if each.source != "assigned")
    own = COMMENT if resource.kind == "tag" else {}
    return attrs.evolve(resource, sub=sub, assigned_attributes=own)
