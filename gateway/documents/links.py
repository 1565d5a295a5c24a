"""What can be followed from an object: its references, its nested objects, its sub-collections.

A link that nobody knows is refused by its name: an answer without it would read as if there were nothing behind it.
"""

from __future__ import annotations

import difflib
from typing import Any

import attrs

from gateway.documents.addresses import BY_TYPE_NAME
from gateway.documents.follow import Follow, squeezed
from gateway.documents.known import ovirt_names
from protocol.attributes import Attribute, attributes
from protocol.document import Ref
from protocol.errors import BadInput
from protocol.registry import BY_KIND
from protocol.resource import SubCollection


@attrs.frozen
class Followed:
    """An object at the end of a link: its class and what lies below it."""

    cls: type[Any]
    sub: tuple[SubCollection, ...] = ()


def refuse_unknown_links(follow: Follow, at: Followed, path: str = "") -> None:
    """Raises `BadInput` for the first link that leads nowhere."""
    known = links_of(at)
    for name, behind in follow.paths():
        found = known.get(squeezed(name))
        if found is None:
            raise _unknown(f"{path}{name}", name, at, known)
        refuse_unknown_links(behind, found[1], f"{path}{name}.")


def links_of(at: Followed) -> dict[str, tuple[str, Followed]]:
    """By the name without underscores: the name and where the link leads."""
    found = {}
    for attribute in attributes(at.cls):
        if attrs.has(attribute.type):
            found[squeezed(attribute.name)] = attribute.name, _behind(attribute, at)
    for sub in at.sub:
        if sub.source != "nested":
            below = BY_KIND[sub.kind].sub if sub.source == "filter" else sub.sub
            found[squeezed(sub.tag)] = sub.tag, Followed(sub.item, below)
    return found


def _behind(attribute: Attribute, at: Followed) -> Followed:
    refers = BY_TYPE_NAME.get(attribute.about.refers)
    if refers is not None and (attribute.type is Ref or not attribute.many):
        return Followed(refers.cls, refers.sub)
    sub = next((sub for sub in at.sub if sub.attribute == attribute.name), None)
    return Followed(attribute.type, sub.sub if sub is not None else ())


def _unknown(path: str, name: str, at: Followed, known: dict[str, tuple[str, Followed]]) -> BadInput:
    title = at.cls.__name__
    listed = sorted(shown for shown, _ in known.values())
    close = difflib.get_close_matches(name, listed, 1)
    if squeezed(name) in {squeezed(each) for each in ovirt_names().get(title, ())}:
        reason, remedy = f"{path!r:.300} cannot be followed in this release.", "Leave it out."
    else:
        reason, remedy = f"{title} has no link {path!r:.300}.", f"Did you mean {close[0]!r}?" if close else ""
    remedy = f"{remedy} Known here: {', '.join(listed) or 'none'}.".strip()
    return BadInput(reason, remedy=remedy, field="follow")
