"""The ground truth of a simulation or a lab: every host, QEMU, volume and start, and what must never have happened.

Its checkers read it and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from actors.kernel.ports import Clock, Random
from node.world.agenda import Agenda
from node.world.faults import FaultHook
from node.world.hosts import HostShape, WorldHost
from node.world.qemu import Qemu, StartRecord
from node.world.storage import WorldStorage
from protocol.errors import HostFailed
from protocol.node.reports import DomainChanged

history_max = 200_000
"""Starts that are remembered for S6: more than any one simulation makes."""


class World:
    """Make it, add hosts and storages, start `run` in a nursery. Same clock, random and calls: the same world."""

    def __init__(self, clock: Clock, random: Random, *, call_seconds: float = 0.0) -> None:
        self.clock = clock
        self.random = random
        self.call_seconds = call_seconds  # how long a call of a port takes
        self.fault_hook: FaultHook | None = None
        self.agenda = Agenda(clock)
        self.hosts: dict[str, WorldHost] = {}
        self.storages: dict[str, WorldStorage] = {}  # by path
        self.saved: dict[str, str] = {}  # path of a saved state -> vm_id
        self.starts: deque[StartRecord] = deque(maxlen=history_max)  # a lab runs for weeks
        self.violations: list[str] = []
        self.node_death_listener: Callable[[WorldHost], None] | None = None
        self._running: dict[str, dict[int, Qemu]] = {}  # vm_id -> pid -> QEMU, over all hosts
        self._starts_by_step: dict[tuple[str, str], int] = {}
        self._pids = 1_000

    async def run(self) -> None:
        """Lets time bring what was set in motion (boots, shutdowns) until cancelled."""
        await self.agenda.run()

    def add_host(self, name: str, hardware_uuid: str, shape: HostShape | None = None) -> WorldHost:
        if name in self.hosts:
            raise ValueError(f"there is a host {name} already")
        host = self.hosts[name] = WorldHost(self, name, hardware_uuid, shape or HostShape())
        return host

    def add_storage(self, path: str, capacity_bytes: int = 10 * 1024**4) -> WorldStorage:
        """A directory that every host may reach under `path`."""
        storage = self.storages[path] = WorldStorage(path, capacity_bytes)
        return storage

    # --- for checkers ---------------------------------------------------------------------------------------------

    def running(self) -> Mapping[str, tuple[Qemu, ...]]:
        """Every VM that has a QEMU anywhere, with all of them."""
        return {vm_id: tuple(qemus.values()) for vm_id, qemus in self._running.items()}

    def volume_paths(self) -> frozenset[str]:
        """Every volume that exists anywhere."""
        return frozenset(path for storage in self.storages.values() for path in storage.volumes)

    def storage_of(self, path: str) -> WorldStorage | None:
        """The storage under whose directory a path lies."""
        parts = path.split("/")
        for length in range(len(parts), 0, -1):
            if (found := self.storages.get("/".join(parts[:length]))) is not None:
                return found
        return None

    # --- told by hosts --------------------------------------------------------------------------------------------

    def next_pid(self) -> int:
        self._pids += 1
        return self._pids

    def started(self, qemu: Qemu) -> None:
        """Records a start and what it breaks: S1 (two QEMUs of a VM), S2 (two writers), S6 (a step done twice)."""
        now = self.clock.monotonic()
        self.starts.append(StartRecord(at=now, host=qemu.host, vm_id=qemu.vm_id, step_id=qemu.step_id, pid=qemu.pid))
        running = self._running.setdefault(qemu.vm_id, {})
        running[qemu.pid] = qemu
        if len(running) > 1:
            hosts = ", ".join(f"{other.host} (step {other.step_id})" for other in running.values())
            self.violations.append(f"S1 at {now:.3f}: VM {qemu.vm_id} has {len(running)} QEMUs: {hosts}")
        step = (qemu.vm_id, qemu.step_id)
        self._starts_by_step[step] = self._starts_by_step.get(step, 0) + 1
        if len(self._starts_by_step) > history_max:
            del self._starts_by_step[next(iter(self._starts_by_step))]
        if self._starts_by_step[step] > 1:
            self.violations.append(f"S6 at {now:.3f}: step {qemu.step_id} started VM {qemu.vm_id} more than once")
        for disk, path in zip(qemu.spec.disks, qemu.volume_paths, strict=True):
            storage = self.storage_of(path)
            if disk.read_only or storage is None or path not in storage.volumes:
                continue
            writers = storage.volumes[path].writers
            writers.add(qemu.pid)
            if len(writers) > 1:
                self.violations.append(f"S2 at {now:.3f}: volume {path} has {len(writers)} writers")

    def ended(self, qemu: Qemu) -> None:
        running = self._running[qemu.vm_id]
        del running[qemu.pid]
        if not running:
            del self._running[qemu.vm_id]
        for path in qemu.volume_paths:
            storage = self.storage_of(path)
            if storage is not None and path in storage.volumes:
                storage.volumes[path].writers.discard(qemu.pid)

    def check_readable(self, host: WorldHost, path: str) -> None:
        """Raises `HostFailed` when QEMU on this host could not open the volume."""
        storage = self.storage_of(path)
        if storage is None:
            raise HostFailed(f"Host {host.name} cannot open {path}: no such storage.")
        storage.check(host.name, write=False)
        if path not in storage.volumes:
            raise HostFailed(f"Host {host.name} cannot open {path}: no such volume.")

    def check_writable(self, host: WorldHost, path: str) -> None:
        """Raises `HostFailed` when QEMU on this host could not write a file there; a path on no storage is fine."""
        if (storage := self.storage_of(path)) is not None:
            storage.check(host.name, write=True)

    def domain_changed(self, host: WorldHost, change: DomainChanged) -> None:
        for port in host.ports:
            port.domain_changed(change)

    def libvirt_changed(self, host: WorldHost) -> None:
        for port in host.ports:
            port.libvirt_changed(host.libvirt_up)

    def node_died(self, host: WorldHost) -> None:
        if self.node_death_listener is not None:
            self.node_death_listener(host)
