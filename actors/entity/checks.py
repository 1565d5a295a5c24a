"""What every document must satisfy, by what the registry says of its attributes. Pure; names the field and the remedy."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from protocol import limits
from protocol.document import About, Ref, about
from protocol.errors import Refusal
from protocol.registry import title_of

_plain: Final = re.compile(r"[\w.\-+]+( [\w.\-+]+)*")


def invalid(field: str, reason: str, remedy: str = "", *, code: str = "invalid", status: int = 400) -> Refusal:
    """A refusal of what was sent."""
    return Refusal(code=code, reason=reason, remedy=remedy, status=status, field=field)


def not_found(kind: str, id: str, field: str = "") -> Refusal:
    """There is no such object: 404 when it is what was asked for, 400 when a `field` names it."""
    return Refusal(
        code="not_found",
        reason=f"There is no {title_of(kind)} with id {id!r}.",
        remedy=f"List them with `corral {kind.replace('_', '-')} list`.",
        status=400 if field else 404,
        field=field,
        entity="" if field else f"{kind}/{id}",
    )


def missing(field: str, of: str, remedy: str = "") -> Refusal:
    """An attribute that an *add* needs was left out."""
    reason = f"A {of} needs {field.replace('_', ' ')}."
    return invalid(field, reason, remedy or f"Give `{field}`.", code="missing_attribute")


def name(of: str, value: str) -> Refusal | None:
    """Names are printable, not empty, not too long, without spaces at the ends."""
    if (
        not value.strip()
        or value != value.strip()
        or not value.isprintable()
        or len(value) > limits.name_characters_max
    ):
        return invalid(
            "name",
            f"{value[:80]!r} is no name for a {of}.",
            f"Use 1 to {limits.name_characters_max} printable characters, without spaces at the ends.",
        )
    return None


def plain_name(of: str, value: str) -> Refusal | None:
    """A name that leaves Corral, as libvirt's of a domain does (it refuses a slash): letters, digits, a few signs."""
    if refusal := name(of, value):
        return refusal
    if not _plain.fullmatch(value):
        return invalid(
            "name",
            f"{value[:80]!r} is no name for a {of}.",
            "Use letters, digits, '.', '-', '_', '+' and single spaces.",
        )
    return None


def required(document: Any, of: str) -> Refusal | None:
    """Everything is set that an *add* of this class needs."""
    for field in attrs.fields(type(document)):
        value = getattr(document, field.name)
        if about(field).required and not about(field).read_only and (value is None or value == ""):
            return missing(field.name, of)
    return None


def values(document: Any, path: str = "") -> Refusal | None:
    """Every set attribute is one of its choices and within its bounds, nested ones included."""
    for field in attrs.fields(type(document)):
        value = getattr(document, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if item is not None and (refusal := _value(about(field), item, f"{path}{field.name}")):
                return refusal
    return None


def _value(known: About, item: Any, where: str) -> Refusal | None:
    if isinstance(item, str):
        if known.choices and item not in known.choices:
            return invalid(where, f"{item[:80]!r} is no {where}.", f"Choose one of {', '.join(known.choices)}.")
        if len(item) > limits.description_characters_max or "\0" in item:
            most = limits.description_characters_max
            return invalid(where, f"{where} is too long or has a NUL.", f"Use at most {most} characters.")
    if isinstance(item, int) and not isinstance(item, bool):
        if known.minimum is not None and item < known.minimum:
            return invalid(where, f"{where} is {item}; the least is {known.minimum} {known.unit}.".rstrip())
        if known.maximum is not None and item > known.maximum:
            return invalid(where, f"{where} is {item}; the most is {known.maximum} {known.unit}.".rstrip())
    if attrs.has(type(item)) and not isinstance(item, Ref):
        return values(item, f"{where}.")
    return None


def given(document: Any) -> dict[str, Any]:
    """The attributes of a document that are set, by name."""
    names = (field.name for field in attrs.fields(type(document)))
    return {name: value for name in names if (value := getattr(document, name)) is not None}
