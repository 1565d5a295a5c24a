"""Asks the kernel for the machine's addresses over rtnetlink.

Source: rtnetlink(7), netlink(7). A subprocess (`ip`) was the other way; small guests have none.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import Final

_get_address: Final = 22  # RTM_GETADDR
_new_address: Final = 20  # RTM_NEWADDR
_done: Final = 3  # NLMSG_DONE
_error: Final = 2  # NLMSG_ERROR
_dump: Final = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_address, _local = 1, 2  # IFA_ADDRESS, IFA_LOCAL
_head: Final = struct.Struct("=IHHII")
_body: Final = struct.Struct("=BBBBI")
_attribute: Final = struct.Struct("=HH")


def addresses() -> list[tuple[int, str]]:
    """Every address as (interface index, address). The kernel answers at once. Raises `OSError`."""
    found: list[tuple[int, str]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        asking.settimeout(1)
        request = _body.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        asking.send(_head.pack(_head.size + len(request), _get_address, _dump, 1, 0) + request)
        more = True
        while more:
            answers, more = parse(asking.recv(65536))
            found += answers
    return found


def parse(data: bytes) -> tuple[list[tuple[int, str]], bool]:
    """The addresses in one packet, and whether more packets follow."""
    found: list[tuple[int, str]] = []
    for kind, body in _messages(data):
        if kind in (_done, _error):
            return found, False
        if kind == _new_address and len(body) >= _body.size:
            family, _, _, _, index = _body.unpack_from(body)
            values = dict(_attributes(body[_body.size :]))
            raw = values.get(_local) or values.get(_address) or b""
            if (family, len(raw)) in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
                found.append((index, str(ipaddress.ip_address(raw))))
    return found, bool(data)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _head.size:
        length, kind, *_ = _head.unpack_from(data)
        if length < _head.size:
            return
        yield kind, data[_head.size : length]
        data = data[(length + 3) & ~3 :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _attribute.size:
        length, kind = _attribute.unpack_from(data)
        if length < _attribute.size:
            return
        yield kind, data[_attribute.size : length]
        data = data[(length + 3) & ~3 :]
