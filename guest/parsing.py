"""Parses Linux's descriptions of itself. Pure: text in, values out; no file is opened here."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import attrs

from protocol.node.reports import GuestSession

_utmp: Final = struct.Struct("=hxxi32s4s32s256shhiii16s20x")  # struct utmp of glibc on 64 bits; see utmp(5)
_user_process: Final = 7
_os_release_quotes: Final = "\"'"


def os_release(text: str) -> dict[str, str]:
    """/etc/os-release as a map; see os-release(5)."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            found[name] = value.strip(_os_release_quotes)
    return found


def meminfo(text: str) -> tuple[int, int]:
    """Total and available bytes of memory from /proc/meminfo."""
    values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdecimal():
            values[name] = int(number[0]) * 1024
    return values.get("MemTotal", 0), values.get("MemAvailable", values.get("MemFree", 0))


def mounts(text: str) -> Iterator[tuple[str, str]]:
    """(path, file system) of what is mounted from a block device, each device once; see fstab(5) for the escapes."""
    seen = set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 3 or not fields[0].startswith("/dev/") or fields[0] in seen:
            continue
        seen.add(fields[0])
        yield _unescaped(fields[1]), fields[2]


@attrs.frozen(kw_only=True)
class MountedFileSystem:
    """One file system and every place where it is mounted, the first one first."""

    device: tuple[int, int]  # major, minor
    paths: tuple[str, ...]

    @property
    def is_subvolume(self) -> bool:
        """Its files bear other device numbers than the mount: btrfs."""
        return self.device[0] == 0


def freezable(mountinfo: str) -> tuple[MountedFileSystem, ...]:
    """The writable file systems of block devices in /proc/self/mountinfo, in the order in which they are to be frozen.

    Each once, however often it is mounted. The last mounted first, because a loop device lies on an earlier one, and
    the root last. A file system is writable when its superblock is: a mount that is read-only may be one of several.
    """
    paths: dict[tuple[int, int], list[str]] = {}
    for line in mountinfo.splitlines():
        mount, separator, file_system = line.partition(" - ")
        fields, about = mount.split(), file_system.split()
        if not separator or len(fields) < 6 or len(about) < 3:
            continue
        major, _, minor = fields[2].partition(":")
        if not (major.isdecimal() and minor.isdecimal()) or "rw" not in about[2].split(","):
            continue
        if int(major) != 0 or (about[0] == "btrfs" and about[1].startswith("/dev/")):
            paths.setdefault((int(major), int(minor)), []).append(_unescaped(fields[4]))
    found = [MountedFileSystem(device=device, paths=tuple(where)) for device, where in reversed(paths.items())]
    return tuple(sorted(found, key=lambda each: "/" in each.paths))


def _unescaped(path: str) -> str:
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(escape, character)
    return path


def dpkg_status(text: str) -> tuple[str, ...]:
    """`name-version` of every installed package from /var/lib/dpkg/status."""
    found = []
    for paragraph in text.split("\n\n"):
        fields = {}
        for line in paragraph.splitlines():
            name, separator, value = line.partition(":")
            if separator and not line[0].isspace():
                fields[name] = value.strip()
        if fields.get("Status", "").endswith(" installed") and "Package" in fields:
            found.append(f"{fields['Package']}-{fields.get('Version', '')}")
    return tuple(sorted(found))


def utmp(data: bytes) -> tuple[GuestSession, ...]:
    """Who is logged in, from /run/utmp. A line that is no pseudo terminal is a console."""
    found = {}
    for offset in range(0, len(data) - _utmp.size + 1, _utmp.size):
        kind, _, line, _, user, *_ = _utmp.unpack_from(data, offset)
        name = user.split(b"\0")[0].decode(errors="replace")
        if kind == _user_process and name:
            console = not line.startswith(b"pts/")
            found[name, console] = GuestSession(user=name, console=console)
    return tuple(found.values())


def fqdn(hostname: str, hosts: str) -> str:
    """The host name with its domain, when /etc/hosts knows one. No DNS: it may block, and the name is for people."""
    if "." not in hostname:
        for line in hosts.splitlines():
            for name in line.partition("#")[0].split()[1:]:
                if name.startswith(f"{hostname}."):
                    return name
    return hostname


def utc_offset(seconds: int) -> str:
    """Seconds east of Greenwich as `+01:00`."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
