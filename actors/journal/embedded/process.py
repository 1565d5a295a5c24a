"""Finds, awaits and ends the server processes of one data directory, whoever started them.

It must not trust a process id alone: ids are used again, and several servers may share one user.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from actors.kernel.ports import Clock

poll_seconds: Final = 0.02


def server_processes(data: Path) -> list[int]:
    """Every living process of the server on `data`."""
    return [pid for pid in _pids() if _is_server(pid, data)]


def _is_server(pid: int, data: Path) -> bool:
    """A server's processes work in its data directory; somebody's shell may stand there too. Dead ones have none."""
    try:
        here = os.readlink(f"/proc/{pid}/cwd") == str(data.resolve())
        return here and Path(os.readlink(f"/proc/{pid}/exe")).name.split(" ")[0] == "postgres"
    except OSError:  # gone, dead but not collected, or another user's
        return False


def _pids() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            yield int(entry.name)


def postmaster_of(data: Path) -> int | None:
    """The living postmaster of `data`, or None; a left-over pid file does not count."""
    lines = _pid_file(data)
    if not lines or not lines[0].lstrip("-").isdigit():
        return None
    pid = abs(int(lines[0]))
    return pid if _is_server(pid, data) else None


def is_ready(data: Path) -> bool:
    """True when the postmaster says that it takes connections (the eighth line of its pid file)."""
    lines = _pid_file(data)
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def remove_leftovers(data: Path, sockets: Path) -> None:
    """Removes a dead server's pid file and socket, whose numbers PostgreSQL could take for another process's."""
    for path in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
        path.unlink(missing_ok=True)


async def wait_for_end(pid: int) -> None:
    """Returns when the process has ended, be it our child or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        await trio.lowlevel.checkpoint()
        return
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)


async def clear_backends(clock: Clock, data: Path, patience_seconds: float) -> None:
    """Waits until nothing of a killed server is left; what stays longer than that is killed as well."""
    with clock.move_on_after(patience_seconds):
        while server_processes(data):
            await clock.sleep(poll_seconds)
    for pid in server_processes(data):
        send(pid, signal.SIGKILL)
    while server_processes(data):
        await clock.sleep(poll_seconds)


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process that may be gone by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
