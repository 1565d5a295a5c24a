"""Merges the attributes that one document sets into another. Pure; whether the result is legal is decided elsewhere."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from protocol.document import Ref, about

T = TypeVar("T")


def merge(base: T, changes: T, *, read_only: bool = False) -> T:
    """`base` with every attribute that `changes` sets; nested values are merged, lists and references replaced.

    Attributes that only the engine writes are left out unless `read_only`.
    """
    changed: dict[str, Any] = {}
    for field in attrs.fields(type(base)):  # type: ignore[arg-type]
        value = getattr(changes, field.name)
        if value is None or (about(field).read_only and not read_only):
            continue
        before = getattr(base, field.name)
        if _is_nested(value):
            if before is not None:
                value = merge(before, value, read_only=read_only)
            elif not read_only:
                value = _written(value)
                if value is None:
                    continue
        if value != before:
            changed[field.name] = value
    return attrs.evolve(base, **changed) if changed else base  # type: ignore[misc]


def writable(document: T) -> T:
    """The document without what only the engine writes, nested values included; lists stay as they are."""
    cleared: dict[str, Any] = {}
    for field in attrs.fields(type(document)):  # type: ignore[arg-type]
        value = getattr(document, field.name)
        if value is None:
            continue
        left = None if about(field).read_only else _written(value) if _is_nested(value) else value
        if left is not value:
            cleared[field.name] = left
    return attrs.evolve(document, **cleared) if cleared else document  # type: ignore[misc]


def _is_nested(value: object) -> bool:
    return attrs.has(type(value)) and not isinstance(value, Ref)


def _written(value: Any) -> Any:
    """What of a nested value may be written; None when nothing of it may."""
    left = writable(value)
    return None if left is not value and left == type(value)() else left
