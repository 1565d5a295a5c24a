"""Sizes as people read them, without rounding."""

from __future__ import annotations

import pytest

from protocol.sizes import size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1500, "1500 bytes"),
        (2**20, "1 MiB"),
        (2**30, "1 GiB"),
        (3 * 2**29, "1.5 GiB"),
        (5 * 2**28, "1.25 GiB"),
        (100 * 2**30, "100 GiB"),
        (2**30 + 2**20, "1025 MiB"),
        (2**30 + 1, "1073741825 bytes"),
        (2**63, "8388608 TiB"),
    ],
)
def test_the_largest_unit_that_is_exact(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text
