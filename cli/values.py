"""Parses values on the command line: sizes, booleans, lists, references; and says what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

import click

_UNITS = {
    "": 1, "B": 1,
    "K": 2**10, "KIB": 2**10, "M": 2**20, "MIB": 2**20, "G": 2**30, "GIB": 2**30, "T": 2**40, "TIB": 2**40,
    "P": 2**50, "PIB": 2**50,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


class Size(click.ParamType[Any]):
    """Bytes, plain or with a unit: 512MiB, 1.5GiB, 2G (binary), 2GB (decimal)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        size = parse_size(str(value))
        if size is None:
            self.fail(f"{value!r} is not a size. Write bytes or a number with a unit, like 512MiB or 1GiB.", param, ctx)
        return size

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "SIZE"


class Truth(click.ParamType[Any]):
    """true or false; the bare option is true."""

    name = "truth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word not in _TRUE + _FALSE:
            self.fail(f"{value!r} is neither true nor false.", param, ctx)
        return word in _TRUE

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "[true|false]"


class Many(click.ParamType[Any]):
    """Several values with commas between them, each of one type."""

    name = "list"

    def __init__(self, item: click.ParamType[Any]) -> None:
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        if isinstance(value, list):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        return [self.item.convert(part, param, ctx) for part in parts if part]

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        if isinstance(self.item, click.Choice):
            return "[" + "|".join(str(choice) for choice in self.item.choices) + "],..."
        return f"{self.item.name.upper()},..."


class Reference(click.ParamType[Any]):
    """An object by name or id; ids look like UUIDs, which no name may."""

    name = "name|id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        return {"id": str(value)} if looks_like_id(str(value)) else {"name": str(value)}


class Duration(click.ParamType[Any]):
    """Seconds, plain or with a unit: 90, 90s, 5m, 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", str(value))
        if not found:
            self.fail(f"{value!r} is not a duration. Write seconds, or 90s, 5m, 2h.", param, ctx)
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"]


def parse_size(text: str) -> int | None:
    """Bytes of `512MiB`, or None when it is none. A fraction must come out at whole bytes."""
    found = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        return None
    if "." not in found[1]:
        return int(found[1]) * unit
    whole, _, fraction = found[1].partition(".")
    scaled, rest = divmod(int(whole + fraction) * unit, 10 ** len(fraction))
    return None if rest else scaled


def looks_like_id(text: str) -> bool:
    """Whether a word can only be an id."""
    return _ID.fullmatch(text) is not None
