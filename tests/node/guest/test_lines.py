"""Hostile bytes from a guest: whatever they are, what comes out is bounded, clean and travels."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.guest import lines as guest_lines
from node.guest.lines import Broken, FactsLine, Heartbeat, Hello, LineReader, ReplyLine, read_line
from protocol import limits
from protocol.codec import decode, encode
from protocol.node.reports import GuestReport

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["facts", "hello", "reply"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)
fields = st.sampled_from([field.name for field in attrs.fields(GuestReport)] + ["id", "ok", "version"])
facts = st.dictionaries(fields, json_values, max_size=12)


def check_text(value: str) -> None:
    assert len(value) <= guest_lines.text_characters_max
    assert not any(unicodedata.category(c)[0] == "C" for c in value)


def check_clean(value: Any) -> None:
    """Every text short and printable, every number a size, every list short."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        assert 0 <= value <= guest_lines.size_bytes_max
    elif isinstance(value, tuple):
        assert len(value) <= guest_lines.applications_max
        for item in value:
            check_clean(item)
    else:
        for field in attrs.fields(type(value)):
            check_clean(getattr(value, field.name))


@given(st.binary(max_size=3000))
def test_any_bytes_are_survived(data: bytes) -> None:
    for message in LineReader("vm").feed(data + b"\n"):
        check_clean(message)


@settings(max_examples=300)
@given(facts, st.sampled_from(["hello", "facts", "heartbeat", "reply", "else"]))
def test_any_facts_come_out_clean_and_encodable(value: dict[str, Any], kind: str) -> None:
    line = json.dumps(value | {"type": kind}).encode()
    message = read_line("vm", line)
    check_clean(message)
    if isinstance(message, FactsLine):
        assert message.report.vm_id == "vm", "a guest speaks for itself alone"
        assert decode(encode(message.report)) == message.report


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole = list(LineReader("vm").feed(b"".join(pieces)))
    reader = LineReader("vm")
    assert [message for piece in pieces for message in reader.feed(piece)] == whole


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 60_000,
        b'{"a":' * 60_000,
        b'{"type":"facts","disks":' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"type":"heartbeat","memory_total_bytes":' + b"9" * 60_000 + b"}",
        b'{"type":"heartbeat","memory_total_bytes":NaN}',
        b'{"type":"heartbeat","memory_total_bytes":1e400}',
        b"\xff\xfe\x00",
        b"null",
        b'"facts"',
    ],
)
def test_what_is_not_ours_is_broken(line: bytes) -> None:
    assert isinstance(read_line("vm", line), Broken)


def test_a_line_without_end_is_dropped_and_the_next_one_read() -> None:
    reader = LineReader("vm")
    broken = [message for _ in range(100) for message in reader.feed(b"x" * 10_000)]
    assert broken == [Broken("a line is too long")]
    assert list(reader.feed(b'tail\n{"type":"hello","version":1}\n')) == [Hello(1)]
    assert len(reader._rest) <= limits.guest_frame_bytes_max


def test_names_cannot_forge_or_turn_text() -> None:
    line = json.dumps(
        {"type": "facts", "fqdn": "a\u202eb\nc\x1b[31m\ud800d", "sessions": [{"user": "r\x00oot"}]}
    ).encode()
    message = read_line("vm", line)
    assert isinstance(message, FactsLine)
    assert message.report.fqdn == "abc[31md"
    assert message.report.sessions[0].user == "root"


def test_addresses_are_addresses() -> None:
    value = {
        "type": "facts",
        "addresses": [
            {"interface": "eth0", "mac": "52:54:00:AA:BB:CC", "addresses": ["10.0.0.1", "<script>", "fe80::1", 5]},
            {"mac": "nonsense"},
            "x",
        ],
    }
    message = read_line("vm", json.dumps(value).encode())
    assert isinstance(message, FactsLine)
    first, second = message.report.addresses
    assert (first.mac, first.addresses) == ("52:54:00:aa:bb:cc", ("10.0.0.1", "fe80::1"))
    assert second.mac == ""


def test_the_messages() -> None:
    assert read_line("vm", b'{"type":"reply","id":"4","ok":true}') == ReplyLine("4", True, "")
    assert read_line("vm", b'{"type":"reply","id":"4","ok":"yes"}') == ReplyLine("4", False, "")
    assert read_line("vm", b'{"type":"heartbeat","memory_total_bytes":2,"memory_available_bytes":-1}') == Heartbeat(
        2, 0
    )
