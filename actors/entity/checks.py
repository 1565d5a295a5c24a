"""What every document must satisfy, by what the registry says of its attributes. Pure; names the field and the remedy."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from typing import Final

import attrs

from protocol import limits
from protocol.attributes import attributes
from protocol.document import About, Document, Ref
from protocol.errors import Refusal
from protocol.merge import given
from protocol.refusals import invalid, missing
from protocol.vm.model import TimeZone

TIME_ZONES: Final = frozenset(zoneinfo.available_timezones())
"""Empty on a machine without the database: what cannot be told is not refused."""

_plain: Final = re.compile(r"[\w.\-+]+( [\w.\-+]+)*")


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


def required(document: Document, of: str) -> Refusal | None:
    """Everything is set that an *add* of this class needs."""
    for attribute in attributes(type(document)):
        is_needed = attribute.about.required and not attribute.about.read_only
        if is_needed and getattr(document, attribute.name) in (None, ""):
            return missing(attribute.name, of)
    return None


def values(document: object, path: str = "") -> Refusal | None:
    """Every set attribute is one of its choices and within its bounds, nested ones included."""
    for name, known, value in given(document):
        for item in value if isinstance(value, tuple) else (value,):
            if refusal := _value(known, item, f"{path}{name}"):
                return refusal
    return None


def time_zone(wanted: TimeZone | None) -> Refusal | None:
    """libvirt takes any name, and sets the guest's clock to UTC for one that its host does not know."""
    name = (wanted.name if wanted is not None else None) or ""
    if not TIME_ZONES or not name or name in TIME_ZONES:
        return None
    close = difflib.get_close_matches(name, TIME_ZONES, 1)
    remedy = f"Did you mean {close[0]}?" if close else "Name one of the IANA time zone database, like Europe/Berlin."
    return invalid("time_zone.name", f"There is no time zone {name[:80]!r}.", remedy)


def _value(known: About, item: object, where: str) -> Refusal | None:
    if isinstance(item, str):
        if known.choices and item not in known.choices:
            return invalid(where, f"{item[:80]!r} is no {where}.", f"Choose one of {', '.join(known.choices)}.")
        if len(item) > limits.description_characters_max or "\0" in item:
            most = limits.description_characters_max
            return invalid(where, f"{where} is too long or has a NUL.", f"Use at most {most} characters.")
    if isinstance(item, int) and not isinstance(item, bool):
        if known.minimum is not None and item < known.minimum:
            return invalid(where, f"{where} is {known.figure(item)}.", f"The minimum is {known.figure(known.minimum)}.")
        if known.maximum is not None and item > known.maximum:
            return invalid(where, f"{where} is {known.figure(item)}.", f"The maximum is {known.figure(known.maximum)}.")
    if attrs.has(type(item)) and not isinstance(item, Ref):
        return values(item, f"{where}.")
    return None
