"""Lays one document over another, as an update does: what is set wins, also inside nested documents. Pure."""

from __future__ import annotations

from typing import Any

import attrs

from protocol.model.types import about


def merged_over(base: Any, over: Any) -> Any:
    """`base` with what is set in `over`, attribute by attribute, also inside nested ones of the same class."""
    if type(base) is not type(over):
        return over
    changes = {}
    for field in attrs.fields(type(base)):
        value, below = getattr(over, field.name), getattr(base, field.name)
        if value is not None:
            nested = attrs.has(type(below)) and type(below) is type(value)
            changes[field.name] = merged_over(below, value) if nested else value
    return attrs.evolve(base, **changes)


def writable(document: Any, *, but: frozenset[str] = frozenset({"id"})) -> Any:
    """A document without what is read-only and without `but`: clients send back what they got."""
    fields = attrs.fields(type(document))
    return attrs.evolve(
        document, **{field.name: None for field in fields if about(field).read_only or field.name in but}
    )
