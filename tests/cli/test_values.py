"""Sizes, durations, times and cells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.render import cells
from cli.values import Duration, looks_like_id, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512MiB", 512 << 20), ("1GiB", 1 << 30), ("1.5g", 3 << 29), ("2GB", 2 * 10**9), ("10 KiB", 10240),
     ("1XB", None), ("", None), ("-1", None), ("0.1B", None), ("1e3", None)],
)  # fmt: skip
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@given(st.text())
def test_no_text_breaks_a_size(text: str) -> None:
    parse_size(text)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_plain_bytes_stay_what_they_are(size: int) -> None:
    assert parse_size(str(size)) == size


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("5m", 300), ("2h", 7200)])
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


def test_ids() -> None:
    assert looks_like_id("00000000-0000-0000-0000-00000000000A")
    assert not looks_like_id("web1")


@pytest.mark.parametrize(
    ("value", "entry", "shown"),
    [
        ("1073741824", {"type": "int", "unit": "bytes"}, "1 GiB"),
        ("1500", {"type": "int", "unit": "bytes", "maximum": 65535}, "1500"),
        ("true", {"type": "bool"}, "yes"),
        (False, {"type": "bool"}, "no"),
        ({"topology": {"sockets": "2", "cores": "3"}}, {"type": "object"}, "6"),
        ({"major": "4", "minor": "7"}, {"type": "object"}, "4.7"),
        ({"address": "56:6f:00:00:00:01"}, {"type": "object"}, "56:6f:00:00:00:01"),
        (
            {"ip": [{"address": "10.0.0.1"}, {"address": "::1"}]},
            {"type": "object", "many": True, "item": "ip"},
            "10.0.0.1,::1",
        ),
        ({"id": "x"}, {"type": "ref", "refers": "Cluster"}, "Cluster x"),
        ("a\x1b[31m\nb", {"type": "text"}, "a\ufffd[31m\ufffdb"),
        (None, {"type": "text"}, ""),
    ],
)
def test_cells(value: Any, entry: dict[str, Any], shown: str) -> None:
    assert cells.cell(value, {"name": "x", **entry}, lambda refers, wanted: f"{refers} {wanted}") == shown


def test_times_in_both_forms() -> None:
    assert cells.moment(1_893_456_000_000) == cells.moment("2030-01-01T00:00:00.000+00:00")
    assert cells.moment("soon") == "soon"
