"""Writes a number of bytes as people read it."""

from __future__ import annotations

from typing import Final

_units: Final = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def size_text(size_bytes: int) -> str:
    """Exactly, in the largest unit that needs no more than two decimals: *1 GiB*, *1.25 MiB*, *1073741825 bytes*."""
    for unit, factor in _units:
        if size_bytes >= factor and size_bytes * 100 % factor == 0:
            return f"{size_bytes / factor:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{size_bytes} bytes"
