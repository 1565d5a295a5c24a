"""The facts about the machine that the agent reports, read from files."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import time
from typing import Final

import attrs

from guest import netlink, parsing
from protocol.node.reports import GuestAddress, GuestDisk, GuestReport

agent_version: Final = "1"
rpm_timeout_seconds: Final = 20


class Machine:
    """The machine under `root`. Blocking, for milliseconds: files of /proc and a few small ones."""

    def __init__(self, root: str = "/") -> None:
        self._root = pathlib.Path(root)
        self._applications: tuple[str, ...] = ()
        self._applications_of = 0.0  # when the package database was changed last

    def report(self) -> GuestReport:
        """Everything but memory, which changes all the time and travels with the heartbeat."""
        release = parsing.os_release(self._text("etc/os-release") or self._text("usr/lib/os-release"))
        system = os.uname()
        return GuestReport(
            vm_id="",
            agent_version=agent_version,
            boot_id=self._text("proc/sys/kernel/random/boot_id").strip(),
            fqdn=parsing.fqdn(system.nodename, self._text("etc/hosts")),
            os_family=system.sysname.lower(),
            os_distribution=release.get("NAME", ""),
            os_version=release.get("VERSION_ID", ""),
            os_codename=release.get("VERSION_CODENAME", ""),
            architecture=system.machine,
            kernel=system.release,
            time_zone=self._time_zone(),
            utc_offset=parsing.utc_offset(time.localtime().tm_gmtoff),
            addresses=self._addresses(),
            disks=self._disks(),
            sessions=parsing.utmp(self._bytes("run/utmp")),
            applications=self._installed(),
        )

    def memory(self) -> tuple[int, int]:
        """Total and available bytes."""
        return parsing.meminfo(self._text("proc/meminfo"))

    def _addresses(self) -> tuple[GuestAddress, ...]:
        by_interface: dict[str, list[str]] = {name: [] for _, name in socket.if_nameindex() if name != "lo"}
        try:
            for index, address in netlink.addresses():
                by_interface.get(_name_of(index), []).append(address)
        except OSError:
            by_interface = dict(by_interface)  # the interfaces alone are better than nothing
        return tuple(
            GuestAddress(
                interface=name, mac=self._text(f"sys/class/net/{name}/address").strip(), addresses=tuple(found)
            )
            for name, found in sorted(by_interface.items())
        )

    def _disks(self) -> tuple[GuestDisk, ...]:
        found = []
        for path, file_system in parsing.mounts(self._text("proc/self/mounts")):
            try:
                space = os.statvfs(self._root / path.lstrip("/"))
            except OSError:
                continue
            total = space.f_blocks * space.f_frsize
            used = (space.f_blocks - space.f_bfree) * space.f_frsize
            # Rounded to MiB: every written log line would be a change otherwise.
            used -= used % (1024 * 1024)
            found.append(GuestDisk(path=path, total_bytes=total, used_bytes=used, file_system=file_system))
        return tuple(found)

    def _installed(self) -> tuple[str, ...]:
        """The packages, read again when their database has changed."""
        for database in ("var/lib/dpkg/status", "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages"):
            try:
                changed = (self._root / database).stat().st_mtime
            except OSError:
                continue
            if changed != self._applications_of:
                self._applications_of = changed
                is_dpkg = database.endswith("status")
                self._applications = parsing.dpkg_status(self._text(database)) if is_dpkg else _rpm()
            break
        return self._applications

    def _time_zone(self) -> str:
        try:
            target = os.readlink(self._root / "etc/localtime")
        except OSError:
            return self._text("etc/timezone").strip() or "UTC"
        return target.partition("zoneinfo/")[2] or "UTC"

    def _text(self, path: str) -> str:
        return self._bytes(path).decode(errors="replace")

    def _bytes(self, path: str) -> bytes:
        try:
            return (self._root / path).read_bytes()
        except OSError:
            return b""


def _name_of(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""


def _rpm() -> tuple[str, ...]:
    """rpm's database is no text: the one program that is asked."""
    try:
        listed = subprocess.run(["rpm", "-qa"], capture_output=True, timeout=rpm_timeout_seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(sorted(listed.stdout.decode(errors="replace").split()))


def as_fields(report: GuestReport) -> dict[str, object]:
    """The report as it travels: every field but the VM's id, which is not ours to say."""
    fields = attrs.asdict(report)
    del fields["vm_id"], fields["memory_total_bytes"], fields["memory_available_bytes"]
    return fields
