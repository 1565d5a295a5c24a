"""How Linux describes itself, in examples; whatever bytes come, no parser raises."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guest import netlink, parsing
from protocol.node.reports import GuestSession


def test_os_release() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 12"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n# comment=1\nID=debian\n'
    found = parsing.os_release(text)
    assert (found["NAME"], found["VERSION_ID"], found["ID"]) == ("Debian GNU/Linux", "12", "debian")


def test_meminfo() -> None:
    assert parsing.meminfo("MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable:  1024 kB\n") == (2048 * 1024, 1024 * 1024)
    assert parsing.meminfo("") == (0, 0)


def test_mounts_name_each_block_device_once() -> None:
    text = "proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw 0 0\n/dev/vda1 /bind ext4 rw 0 0\n/dev/vdb /my\\040data xfs rw 0 0\n"
    assert list(parsing.mounts(text)) == [("/", "ext4"), ("/my data", "xfs")]


def test_dpkg_lists_what_is_installed() -> None:
    text = (
        "Package: bash\nStatus: install ok installed\nVersion: 5.2\nDescription: a\n shell\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    assert parsing.dpkg_status(text) == ("bash-5.2",)


def test_utmp_tells_consoles_from_terminals() -> None:
    def entry(kind: int, line: bytes, user: bytes) -> bytes:
        return struct.pack("=hxxi32s4s32s256shhiii16s20x", kind, 1, line, b"", user, b"", 0, 0, 0, 0, 0, b"")

    data = entry(7, b"tty1", b"ann") + entry(7, b"pts/0", b"bob") + entry(8, b"pts/1", b"gone")
    assert parsing.utmp(data) == (GuestSession(user="ann", console=True), GuestSession(user="bob"))


@pytest.mark.parametrize(
    ("hostname", "hosts", "expected"),
    [
        ("web", "127.0.0.1 localhost web\n", "web"),
        ("web", "127.0.1.1 web.example.com web # me\n", "web.example.com"),
        ("web.example.com", "127.0.1.1 web.other web\n", "web.example.com"),
    ],
)
def test_fqdn(hostname: str, hosts: str, expected: str) -> None:
    assert parsing.fqdn(hostname, hosts) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, "+00:00"), (19800, "+05:30"), (-12600, "-03:30")])
def test_utc_offset(seconds: int, expected: str) -> None:
    assert parsing.utc_offset(seconds) == expected


def test_netlink_on_this_machine() -> None:
    names = {socket.if_indextoname(index): address for index, address in netlink.addresses()}
    assert "lo" in names


@given(st.binary(max_size=2000))
def test_netlink_survives_any_packet(data: bytes) -> None:
    netlink.parse(data)


@given(st.text(max_size=2000), st.binary(max_size=2000))
@example("MemTotal: ²", b"")
def test_parsers_survive_any_text(text: str, data: bytes) -> None:
    parsing.os_release(text)
    parsing.meminfo(text)
    list(parsing.mounts(text))
    parsing.freezable(text)
    parsing.dpkg_status(text)
    parsing.fqdn("host", text)
    parsing.utmp(data)
