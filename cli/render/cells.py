"""Formats one value of a document for people: sizes, times, references, nested objects in short form.

Control characters from names and guests never reach the terminal.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from cli.index import Entry

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_TELLING = ("name", "full_version", "address", "active", "type", "status", "value", "id")


def at(document: Any, path: Sequence[str]) -> Any:
    """The value at a path, None where anything on the way is missing."""
    for step in path:
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document


def cell(value: Any, entry: Entry, names: Callable[[str, str], str]) -> str:
    """One value on one line."""
    if value is None:
        return ""
    if entry.get("many"):
        return ",".join(cell(one, {**entry, "many": False}, names) for one in items(value, entry))
    if entry.get("refers") and isinstance(value, dict):
        return printable(str(value.get("name") or names(entry["refers"], str(value.get("id", "")))))
    if isinstance(value, dict):
        return printable(_telling(value))
    if entry["type"] == "bool":
        return "yes" if str(value).lower() == "true" else "no"
    if entry["type"] == "time":
        return moment(value)
    if _is_size(entry):
        return size(value)
    return printable(str(value))


def items(value: Any, entry: Entry) -> list[Any]:
    """The members of a list, with or without the element that wraps them."""
    if isinstance(value, dict):
        value = value.get(entry.get("item", ""), next(iter(value.values()), []))
    return value if isinstance(value, list) else [value]


def size(value: Any) -> str:
    """Bytes in the largest binary unit that keeps three figures: 512 MiB."""
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return printable(str(value))
    step = 0
    while abs(amount) >= 1024 and step < len(_UNITS) - 1:
        amount, step = amount / 1024, step + 1
    return f"{amount:.0f} {_UNITS[step]}" if amount == int(amount) or amount >= 100 else f"{amount:.1f} {_UNITS[step]}"


def moment(value: Any) -> str:
    """A time in the reader's zone: ISO 8601, or milliseconds since 1970 as oVirt's JSON has them."""
    try:
        if str(value).lstrip("-").isdigit():
            found = datetime.datetime.fromtimestamp(int(value) / 1000, datetime.UTC)
        else:
            found = datetime.datetime.fromisoformat(str(value))
        return found.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return printable(str(value))


def printable(text: str) -> str:
    """The text without what could move the cursor or hide something."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _is_size(entry: Entry) -> bool:
    """Whether it counts bytes of storage or memory, rather than of a packet."""
    return entry.get("unit") == "bytes" and entry["type"] == "int" and int(entry.get("maximum", 2**63)) > 2**20


def _figure(datum: Any) -> str:
    """A statistic, to a tenth."""
    try:
        amount = float(datum)
        return f"{amount:.0f}" if amount == int(amount) else f"{amount:.1f}"
    except (TypeError, ValueError, OverflowError):
        return str(datum)


def _telling(value: dict[str, Any]) -> str:
    """What tells one nested thing from another, in a word or two."""
    if "ips" in value:
        addresses = [str(one.get("address", "")) for one in items(value["ips"], {"item": "ip"})]
        return " ".join([str(value.get("name", "")), *addresses]).strip()
    if "topology" in value:
        topology = value["topology"] or {}
        return str(int(topology.get("sockets", 1)) * int(topology.get("cores", 1)) * int(topology.get("threads", 1)))
    if "major" in value and "full_version" not in value:
        return ".".join(str(value[key]) for key in ("major", "minor", "build") if key in value)
    if "datum" in value:
        return _figure(value["datum"])
    found = next((value[key] for key in _TELLING if value.get(key) not in (None, "")), None)
    return (
        str(found) if found is not None else ",".join(str(one) for one in value.values() if not isinstance(one, dict))
    )
