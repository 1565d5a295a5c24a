"""What an object lies in, up to the root: a VM in its cluster, that in its data center.

By `within` and `owned` of the registry; a job lies in what it works on, an event in the first object that it names. Who may
touch or see the one above may touch or see this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from protocol.activity.model import NAMED_IN_EVENTS
from protocol.document import kind_and_id
from protocol.registry import BY_KIND, RESOURCES

Key = tuple[str, str]  # kind, id

WITHIN: Final = {resource.kind: (resource.within, resource.within_kind) for resource in RESOURCES}
"""By kind: the reference to what an object lies in, and the kind of that; both "" for those that lie in nothing."""


def parents_of(kind: str, document: Any, document_of: Callable[[str, str], Any]) -> Iterator[Key]:
    """The nearest first. `document_of` looks up the others; None for what it does not know ends the chain."""
    seen: set[Key] = {(kind, getattr(document, "id", None) or "")}
    while (above := _parent_of(kind, document)) is not None and above not in seen:
        seen.add(above)
        yield above
        kind, document = above[0], document_of(*above)


def _parent_of(kind: str, document: Any) -> Key | None:
    if document is None or kind not in BY_KIND:
        return None
    if BY_KIND[kind].owned:
        owner, id = kind_and_id(document.object or "")
        return (owner, id) if id else None
    ways = [WITHIN[kind]] if not BY_KIND[kind].history else [(named, named) for named in NAMED_IN_EVENTS]
    found = ((above, getattr(document, attribute, None)) for attribute, above in ways if attribute)
    return next(((above, reference.id) for above, reference in found if reference is not None and reference.id), None)
