"""Turns hostile bytes from a guest into bounded, cleaned values. Pure: no clock, no I/O.

Whatever a guest sends, what comes out is a value of the messages below or a count of broken lines.
"""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import attrs

from protocol import guest as guest_messages
from protocol import limits
from protocol.node.reports import GuestAddress, GuestDisk, GuestReport, GuestSession

text_characters_max: Final = 255
items_max: Final = 256
applications_max: Final = 1_000
size_bytes_max: Final = 2**63 - 1

_mac = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
T = TypeVar("T")


@attrs.frozen
class Hello:
    """The agent has started."""

    version: int


@attrs.frozen
class Heartbeat:
    memory_total_bytes: int
    memory_available_bytes: int


@attrs.frozen
class FactsLine:
    report: GuestReport


@attrs.frozen
class ReplyLine:
    id: str
    ok: bool
    error: str


@attrs.frozen
class Broken:
    """A line that is none of ours."""

    reason: str


GuestMessage = Hello | Heartbeat | FactsLine | ReplyLine | Broken


class LineReader:
    """Cuts a byte stream into lines; one that is too long is skipped to its end and counts as broken once."""

    def __init__(self, vm_id: str, bytes_max: int = limits.guest_frame_bytes_max) -> None:
        self._vm_id = vm_id
        self._bytes_max = bytes_max
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[GuestMessage]:
        """The messages that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif len(line) > self._bytes_max:
                yield Broken("a line is too long")
            elif line.strip():
                yield read_line(self._vm_id, line)
        if len(self._rest) > self._bytes_max:
            self._rest = b""
            if not self._skipping:
                self._skipping = True
                yield Broken("a line is too long")


def read_line(vm_id: str, line: bytes) -> GuestMessage:
    """One line as a message; fields of a wrong type become empty, because an old agent is better than none."""
    try:
        value = json.loads(line, parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError):
        return Broken("not JSON")
    if not isinstance(value, dict) or not _is_shallow(value, limits.guest_depth_max):
        return Broken("not a shallow object")
    match value.get("type"):
        case guest_messages.HELLO:
            return Hello(_size(value.get("version")))
        case guest_messages.HEARTBEAT:
            return Heartbeat(_size(value.get("memory_total_bytes")), _size(value.get("memory_available_bytes")))
        case guest_messages.FACTS:
            return FactsLine(_report(vm_id, value))
        case guest_messages.REPLY:
            return ReplyLine(_text(value.get("id")), value.get("ok") is True, _text(value.get("error")))
        case _:
            return Broken("unknown type")


def _report(vm_id: str, value: dict[str, Any]) -> GuestReport:
    names = (
        "agent_version",
        "boot_id",
        "fqdn",
        "os_family",
        "os_distribution",
        "os_version",
        "os_codename",
        "architecture",
        "kernel",
        "time_zone",
        "utc_offset",
    )
    return GuestReport(
        vm_id=vm_id,
        addresses=_items(value.get("addresses"), _address),
        disks=_items(value.get("disks"), _disk),
        sessions=_items(value.get("sessions"), _session),
        applications=tuple(filter(None, _items(value.get("applications"), _text, applications_max))),
        memory_total_bytes=_size(value.get("memory_total_bytes")),
        memory_available_bytes=_size(value.get("memory_available_bytes")),
        **{name: _text(value.get(name)) for name in names},
    )


def _address(value: object) -> GuestAddress | None:
    if not isinstance(value, dict):
        return None
    mac = _text(value.get("mac")).lower()
    return GuestAddress(
        interface=_text(value.get("interface")),
        mac=mac if _mac.fullmatch(mac) else "",
        addresses=tuple(filter(None, _items(value.get("addresses"), _ip, 64))),
    )


def _disk(value: object) -> GuestDisk | None:
    if not isinstance(value, dict):
        return None
    return GuestDisk(
        path=_text(value.get("path")),
        total_bytes=_size(value.get("total_bytes")),
        used_bytes=_size(value.get("used_bytes")),
        file_system=_text(value.get("file_system")),
    )


def _session(value: object) -> GuestSession | None:
    if not isinstance(value, dict):
        return None
    return GuestSession(user=_text(value.get("user")), console=value.get("console") is True)


def _ip(value: object) -> str:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) and len(value) < 64 else ""
    except ValueError:
        return ""


def _items(value: object, read: Callable[[object], T | None], count_max: int = items_max) -> tuple[T, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in map(read, value[:count_max]) if item is not None)


def _text(value: object) -> str:
    """Without control, format, surrogate and unassigned characters: they may forge log lines or turn text round."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value[:text_characters_max] if unicodedata.category(c)[0] != "C").strip()


def _size(value: object) -> int:
    return value if type(value) is int and 0 <= value <= size_bytes_max else 0


def _is_shallow(value: object, depth_left: int) -> bool:
    if depth_left < 0:
        return False
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(_is_shallow(item, depth_left - 1) for item in inner if isinstance(item, dict | list))


def _refuse(text: str) -> None:
    raise ValueError("a number that is not whole")
