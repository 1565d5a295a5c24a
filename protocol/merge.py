"""Merges the attributes that one document sets into another. Pure; whether the result is legal is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import attrs

from protocol.document import About, Ref, about

T = TypeVar("T")


def merge(base: T, changes: T, *, read_only: bool = False) -> T:
    """`base` with every attribute that `changes` sets; nested values are merged, lists and references replaced.

    Attributes that only the engine writes are left out unless `read_only`.
    """
    changed: dict[str, object] = {}
    for name, known, value in given(changes):
        if known.read_only and not read_only:
            continue
        before = getattr(base, name)
        if _is_nested(value):
            if before is not None:
                value = merge(before, value, read_only=read_only)
            elif not read_only:
                value = _written(value)
                if value is None:
                    continue
        if value != before:
            changed[name] = value
    return changed_by(base, changed)


def writable(document: T) -> T:
    """The document without what only the engine writes, nested values included; lists stay as they are."""
    cleared: dict[str, object] = {}
    for name, known, value in given(document):
        left = None if known.read_only else _written(value) if _is_nested(value) else value
        if left is not value:
            cleared[name] = left
    return changed_by(document, cleared)


def given(document: object) -> Iterator[tuple[str, About, object]]:
    """Name, metadata and value of each attribute that is set."""
    for field in attrs.fields(type(document)):  # type: ignore[arg-type]
        value = getattr(document, field.name)
        if value is not None:
            yield field.name, about(field), value


def changed_by(document: T, changes: Mapping[str, object]) -> T:
    """The document with these attributes."""
    return attrs.evolve(document, **changes) if changes else document  # type: ignore[misc]


def _is_nested(value: object) -> bool:
    return attrs.has(type(value)) and not isinstance(value, Ref)


def _written(value: object) -> object:
    """What of a nested value may be written; None when nothing of it may."""
    left = writable(value)
    return None if left is not value and left == type(value)() else left
