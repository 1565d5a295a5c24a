"""Where each object lives in the URL tree, and which element names it. It must not look anything up in the read model."""

from __future__ import annotations

import re
from typing import Any, Final

from protocol.registry import PLURALS, RESOURCES, TAGS, Resource

BASE: Final = "/ovirt-engine/api"
BASES: Final = (BASE, "/rhevm-api", "/api")  # the longest that fits is taken first

BY_TYPE_NAME: Final[dict[str, Resource]] = {resource.cls.__name__: resource for resource in RESOURCES}


def href_of(kind_rel: str, id: str) -> str:
    return f"{BASE}/{kind_rel}/{id}"


def snake(name: str) -> str:
    """`VnicProfile` -> `vnic_profile`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def tag_of(cls: type[Any]) -> str:
    """The element of one object of a class."""
    return TAGS.get(cls) or snake(cls.__name__)


def plural_of(cls: type[Any]) -> str:
    return PLURALS.get(cls) or tag_of(cls) + "s"


def tag_of_type_name(name: str) -> str:
    """The element of one reference to a type."""
    resource = BY_TYPE_NAME.get(name)
    return resource.tag if resource else snake(name)


def rebase(body: bytes, base: str) -> bytes:
    """A document made for `BASE`, for a client that came by another base path."""
    if base == BASE:
        return body
    return body.replace(b'"' + BASE.encode() + b"/", b'"' + base.encode() + b"/")
