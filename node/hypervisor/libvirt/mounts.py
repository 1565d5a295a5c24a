"""Opens files and sockets where libvirtd and QEMU have them, which may be another mount namespace than ours.

Blocking; call it in a thread.
"""

from __future__ import annotations

import os
import socket
import struct
import urllib.parse

_default_socket = "/run/libvirt/libvirt-sock"
_timeout_seconds = 5


def socket_of(uri: str) -> str:
    """The unix socket behind a libvirt URI; empty when it has none (a driver inside this process, another host)."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("qemu", "qemu+unix"):
        return ""
    given = urllib.parse.parse_qs(parts.query).get("socket")
    if given:
        return given[0]
    return _default_socket if parts.path == "/system" and not parts.netloc else ""


def listener_pid(path: str) -> int:
    """The process that listens on a unix socket: libvirtd, or the init system that will start it. 0 when unknown."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_timeout_seconds)
            probe.connect(path)
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return 0
    pid, _, _ = struct.unpack("3i", credentials)
    return int(pid)


def seen_by(pid: int, path: str) -> str:
    """`path` of process `pid` as a path that this process can open. The same path in a shared namespace."""
    if not path or pid <= 0:
        return path
    try:
        if os.stat(f"/proc/{pid}/ns/mnt").st_ino == os.stat("/proc/self/ns/mnt").st_ino:
            return path
    except OSError:
        return path
    return f"/proc/{pid}/root{path}"


def qemu_pid(libvirtd_pid: int, domain_name: str) -> int:
    """The pid of a domain's QEMU from the file that libvirt keeps; 0 when there is none."""
    try:
        with open(seen_by(libvirtd_pid, f"/run/libvirt/qemu/{domain_name}.pid")) as file:
            return int(file.read().strip())
    except (OSError, ValueError):
        return 0


_log_tail_bytes = 16 * 1024
_output_lines_max = 6
_output_characters_max = 1_000


def last_words(libvirtd_pid: int, domain_name: str) -> str:
    """What QEMU wrote at the end of its last run, without its command line; empty when unreadable."""
    try:
        with open(seen_by(libvirtd_pid, f"/var/log/libvirt/qemu/{domain_name}.log"), "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _log_tail_bytes))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return spoken_words(text)


def spoken_words(log: str) -> str:
    """The part of a log of QEMU's that says why it ended."""
    lines = log.splitlines()
    begin = max((n for n, line in enumerate(lines) if ": starting up " in line), default=-1)
    spoken = []
    in_command = begin >= 0
    for line in lines[begin + 1 :]:
        if in_command:
            in_command = line.endswith("\\")
            continue
        if line.strip() and "char device redirected to" not in line and not line.endswith("\\"):
            spoken.append(line.strip())
    return "\n".join(spoken[-_output_lines_max:])[-_output_characters_max:]
