"""Kills a VM's QEMU that libvirt does not know: left by a libvirtd that was killed in the middle of a start.

Blocking; call it in a thread.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Final

log = logging.getLogger("corral.hypervisor")

_wait_seconds: Final = 10.0
_poll_seconds: Final = 0.05


def end_orphans(libvirtd_pid: int, vm_id: str) -> list[int]:
    """Kills every QEMU of this VM in libvirtd's network namespace (that of this host) and waits for its end.

    Its CPUs may never have run, or it may be a whole guest: either way nobody can manage it, and a second one beside it
    would write to the same disks. Raises `TimeoutError` when one does not end.
    """
    found = [pid for pid in _qemus(vm_id) if _same_host(pid, libvirtd_pid)]
    for pid in found:
        log.warning("VM %s has a QEMU process, %d, that libvirt does not know: killing it", vm_id, pid)
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _wait_seconds
    for pid in found:
        while _alive(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"QEMU {pid} of VM {vm_id} does not exit")
            threading.Event().wait(_poll_seconds)
    return found


def _qemus(vm_id: str) -> list[int]:
    """Processes that were started as `qemu-system-... -uuid VM`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"qemu" in words[0] and vm_id.encode() in words and words[words.index(vm_id.encode()) - 1] == b"-uuid":
            found.append(int(entry.name))
    return found


def _same_host(pid: int, libvirtd_pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/proc/{libvirtd_pid}/ns/net").st_ino
    except OSError:
        return False


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
