"""Starts and restores domains, so that one step has one QEMU. Every function runs in a thread with a connection."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import libvirt

from node.hypervisor.libvirt.domains import Seen, lookup, seen
from node.hypervisor.libvirt.errors import is_absent
from node.hypervisor.libvirt.orphans import end_orphans
from protocol.errors import Conflict, HostFailed
from protocol.node.domain import DomainStatus

_starting_wait_seconds = 60.0
_starting_poll_seconds = 0.1


class StartLocks:
    """One start of a VM at a time in this process, also while a caller that gave up has left its thread behind."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextlib.contextmanager
    def held(self, vm_id: str) -> Iterator[None]:
        with self._guard:
            lock, users = self._locks.get(vm_id, (threading.Lock(), 0))
            self._locks[vm_id] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[vm_id]
                if users == 1:
                    del self._locks[vm_id]
                else:
                    self._locks[vm_id] = (lock, users - 1)


def started_once(
    connection: libvirt.virConnect,
    vm_id: str,
    step_id: str,
    libvirtd_pid: int,
    create: Callable[[libvirt.virConnect], object],
) -> Seen:
    """The VM's domain as started by this step: found, or made by `create`. Raises `Conflict` when it is another's."""
    if (found := _settled(connection, vm_id, libvirtd_pid)) is not None:
        return _own(found, step_id)
    if libvirtd_pid:
        try:
            end_orphans(libvirtd_pid, vm_id)
        except TimeoutError as error:
            raise HostFailed(f"{error}.", remedy="Check that process on the host.", entity=vm_id) from error
    try:
        create(connection)
    except libvirt.libvirtError:
        # Another process may have been quicker; if nobody was, the failure stands.
        if (found := _settled(connection, vm_id, libvirtd_pid)) is not None:
            return _own(found, step_id)
        raise
    made = _settled(connection, vm_id, libvirtd_pid)
    if made is None:
        raise HostFailed(f"VM {vm_id} stopped as soon as it was started.", entity=vm_id)
    return made


def _own(found: Seen, step_id: str) -> Seen:
    if found.observed.started_step_id == step_id:
        return found
    vm_id = found.observed.vm_id
    raise Conflict(
        f"VM {vm_id} is already running on this host, started by step {found.observed.started_step_id}.", entity=vm_id
    )


def _settled(connection: libvirt.virConnect, vm_id: str, libvirtd_pid: int) -> Seen | None:
    """The VM's domain once libvirt has finished starting it; None when there is none."""
    deadline = time.monotonic() + _starting_wait_seconds
    while True:
        try:
            domain = lookup(connection, vm_id)
            found = seen(domain, libvirtd_pid) if domain is not None else None
            if domain is not None and found is None and domain.isActive():
                raise Conflict(f"Another domain, not managed by Corral, has the UUID of VM {vm_id}.", entity=vm_id)
        except libvirt.libvirtError as error:
            if not is_absent(error):
                raise
            return None
        if found is None or found.observed.status is not DomainStatus.STARTING:
            return found
        if time.monotonic() > deadline:
            raise HostFailed(f"VM {vm_id} is still starting after {_starting_wait_seconds:.0f} s.", entity=vm_id)
        threading.Event().wait(_starting_poll_seconds)
