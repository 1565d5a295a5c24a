"""Lays one document's set attributes over another's. Pure; it must not check what is legal."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from protocol.model.types import Ref, about

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
        if before is not None and attrs.has(type(value)) and not isinstance(value, Ref):
            value = merge(before, value, read_only=read_only)
        if value != before:
            changed[field.name] = value
    return attrs.evolve(base, **changed) if changed else base  # type: ignore[misc]


def writable(document: T) -> T:
    """The document without what only the engine writes."""
    cleared = {f.name: None for f in attrs.fields(type(document)) if about(f).read_only}  # type: ignore[arg-type]
    return attrs.evolve(document, **cleared) if cleared else document  # type: ignore[misc]
