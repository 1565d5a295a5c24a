"""One simulated host: its power, its QEMUs and the processes that hold its ports.

It must not refuse what physics allows: two QEMUs of one VM on two hosts are possible, and recorded as a violation.
"""

from __future__ import annotations

from typing import Protocol

import attrs

from actors.kernel.ports import Clock
from node.world.agenda import Agenda
from node.world.qemu import Guest, GuestShape, Qemu
from protocol import guest as guest_messages
from protocol.errors import Conflict, HostFailed, NotFound
from protocol.node.domain import DomainObserved, DomainSpec, DomainStatus, StopReason
from protocol.node.reports import DomainChanged
from protocol.sizes import size_text


@attrs.frozen(kw_only=True)
class HostShape:
    """How large a simulated host is and how its guests behave."""

    memory_bytes: int = 64 * 1024**3
    cpu_sockets: int = 2
    cpu_cores: int = 8
    cpu_threads: int = 2
    bridges: tuple[str, ...] = ("corralbr0",)
    guests: GuestShape = GuestShape()


class HostProcess(Protocol):
    """A process on the host that holds a port to it: the node daemon."""

    inert: bool

    def became_inert(self) -> None: ...

    def domain_changed(self, change: DomainChanged) -> None: ...

    def libvirt_changed(self, is_up: bool) -> None: ...


class WorldOfHost(Protocol):
    """The world, as far as a host knows it."""

    clock: Clock
    agenda: Agenda
    saved: dict[str, str]

    def next_pid(self) -> int: ...

    def started(self, qemu: Qemu) -> None: ...

    def ended(self, qemu: Qemu) -> None: ...

    def check_readable(self, host: WorldHost, path: str) -> None: ...

    def check_writable(self, host: WorldHost, path: str) -> None: ...

    def domain_changed(self, host: WorldHost, change: DomainChanged) -> None: ...

    def libvirt_changed(self, host: WorldHost) -> None: ...

    def node_died(self, host: WorldHost) -> None: ...


class WorldHost:
    """The machine. Its QEMUs outlive the node daemon (`kill_node`) but not the power (`power_off`)."""

    def __init__(self, world: WorldOfHost, name: str, hardware_uuid: str, shape: HostShape) -> None:
        self.world = world
        self.name = name
        self.hardware_uuid = hardware_uuid
        self.shape = shape
        self.powered = True
        self.libvirt_up = True
        self.qemus: dict[str, Qemu] = {}
        self.ports: list[HostProcess] = []

    # --- what happens to the machine ------------------------------------------------------------------------------

    def kill_node(self) -> None:
        """`kill -9` of the node daemon: its ports go inert, its QEMUs go on."""
        ports, self.ports = self.ports, []
        for port in ports:
            port.inert = True
            port.became_inert()
        self.world.node_died(self)

    def power_off(self) -> None:
        """Everything on the host is gone at once, and nobody is told."""
        if not self.powered:
            return
        self.powered = False
        for qemu in list(self.qemus.values()):
            self._end(qemu, StopReason.UNKNOWN, "")
        self.kill_node()

    def power_on(self) -> None:
        """The host is there again, empty; whoever runs the simulation starts its node daemon."""
        self.powered = True
        self.libvirt_up = True

    def stop_libvirt(self) -> None:
        """libvirtd dies: calls fail and events are lost; QEMUs go on."""
        self.libvirt_up = False
        self.world.libvirt_changed(self)

    def start_libvirt(self) -> None:
        self.libvirt_up = True
        self.world.libvirt_changed(self)

    def kill_qemu(self, vm_id: str) -> None:
        """`kill -9` of a QEMU."""
        self._end(self.qemu(vm_id), StopReason.CRASHED, "QEMU was killed by signal 9.")

    # --- what a hypervisor does -----------------------------------------------------------------------------------

    def qemu(self, vm_id: str) -> Qemu:
        """The running QEMU of a VM, or `NotFound`."""
        found = self.qemus.get(vm_id)
        if found is None:
            raise NotFound(f"VM {vm_id} is not running on host {self.name}.", entity=vm_id)
        return found

    def start(
        self, spec: DomainSpec, step_id: str, volume_paths: tuple[str, ...], *, resumed: bool = False
    ) -> DomainObserved:
        """Starts a QEMU, or gives the one that this very step started."""
        found = self.qemus.get(spec.vm_id)
        if found is not None:
            if found.step_id == step_id:
                return found.observed()
            raise Conflict(
                f"VM {spec.vm_id} is already running on host {self.name}, started by step {found.step_id}.",
                entity=spec.vm_id,
            )
        if spec.memory_bytes > self.shape.memory_bytes:  # as Linux does: memory is taken when the guest uses it
            raise HostFailed(
                f"Host {self.name} does not have enough memory for {size_text(spec.memory_bytes)}.",
                remedy="Give the VM less memory, or start it on another host.",
                entity=spec.vm_id,
            )
        for path in volume_paths:
            self.world.check_readable(self, path)
        qemu = Qemu(
            vm_id=spec.vm_id,
            step_id=step_id,
            spec=spec,
            host=self.name,
            pid=self.world.next_pid(),
            started=self.world.clock.monotonic(),
            started_at=self.world.clock.wall(),
            shape=self.shape.guests,
            volume_paths=volume_paths,
        )
        self.qemus[spec.vm_id] = qemu
        self.world.started(qemu)
        if resumed:
            qemu.guest = Guest.UP
            qemu.booted.set()
        else:
            self._boot(qemu)
        if spec.paused:
            qemu.status, qemu.pause_reason = DomainStatus.PAUSED, "user"
        self._changed(qemu)
        return qemu.observed()

    def destroy(self, vm_id: str, reason: StopReason = StopReason.DESTROYED) -> None:
        """Ends a QEMU; absent is fine."""
        if (qemu := self.qemus.get(vm_id)) is not None:
            self._end(qemu, reason, "")

    def press_power_button(self, vm_id: str) -> None:
        """ACPI: heard by a guest that is up, runs and cares."""
        qemu = self.qemu(vm_id)
        if qemu.guest is not Guest.UP or qemu.status is not DomainStatus.RUNNING or qemu.shape.ignores_power_button:
            return
        qemu.guest = Guest.ENDING
        self.world.agenda.after(qemu.shape.shutdown_seconds, lambda: self._guest_ended(qemu))

    def reboot(self, vm_id: str, *, by_guest: bool = False) -> None:
        """The guest starts anew in the same QEMU; by itself only when it is up and cares to be asked."""
        qemu = self.qemu(vm_id)
        if by_guest and (qemu.guest is not Guest.UP or qemu.shape.ignores_power_button):
            return
        self._boot(qemu)
        self._tell(DomainChanged(domain=qemu.observed(), rebooted=True))

    def pause(self, vm_id: str, reason: str = "user") -> None:
        qemu = self.qemu(vm_id)
        if qemu.status is not DomainStatus.PAUSED:
            qemu.status, qemu.pause_reason = DomainStatus.PAUSED, reason
            self._changed(qemu)

    def resume(self, vm_id: str) -> None:
        qemu = self.qemu(vm_id)
        if qemu.status is not DomainStatus.PAUSED:
            return
        qemu.status, qemu.pause_reason = DomainStatus.RUNNING, ""
        if qemu.boot_is_over:
            qemu.boot_is_over = False
            qemu.guest = Guest.UP
            qemu.booted.set()
        self._changed(qemu)

    def freeze(self, qemu: Qemu) -> str:
        """The guest's file systems stand still for a while; returns why not."""
        if not qemu.shape.freeze_error:
            until = qemu.frozen_until = self.world.clock.monotonic() + guest_messages.freeze_seconds_max
            self.world.agenda.after(guest_messages.freeze_seconds_max, lambda: self._thaw_in_time(qemu, until))
        return qemu.shape.freeze_error

    def thaw(self, qemu: Qemu) -> None:
        qemu.frozen_until = None

    def save(self, vm_id: str, path: str) -> None:
        if vm_id not in self.qemus and self.world.saved.get(path) == vm_id:
            return
        qemu = self.qemu(vm_id)
        self.world.check_writable(self, path)
        self.world.saved[path] = vm_id
        self._end(qemu, StopReason.SAVED, "")

    def restore(self, path: str, spec: DomainSpec, step_id: str, volume_paths: tuple[str, ...]) -> DomainObserved:
        if spec.vm_id not in self.qemus and self.world.saved.get(path) != spec.vm_id:
            raise NotFound(f"There is no saved state of VM {spec.vm_id} at {path}.", entity=spec.vm_id)
        return self.start(spec, step_id, volume_paths, resumed=True)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _thaw_in_time(self, qemu: Qemu, until: float) -> None:
        if qemu.frozen_until == until:  # no other freeze has come since
            self.thaw(qemu)

    def _boot(self, qemu: Qemu) -> None:
        self.thaw(qemu)
        qemu.boot_number += 1
        qemu.guest = Guest.BOOTING
        qemu.boot_is_over = False
        number = qemu.boot_number
        self.world.agenda.after(qemu.shape.boot_seconds, lambda: self._booted(qemu, number))

    def _booted(self, qemu: Qemu, number: int) -> None:
        if qemu.ended.is_set() or qemu.boot_number != number or qemu.guest is not Guest.BOOTING:
            return
        if qemu.status is DomainStatus.PAUSED:
            qemu.boot_is_over = True
            return
        qemu.guest = Guest.UP
        qemu.booted.set()
        if qemu.shape.has_agent:
            self._changed(qemu)

    def _guest_ended(self, qemu: Qemu) -> None:
        if not qemu.ended.is_set() and qemu.guest is Guest.ENDING:
            self._end(qemu, StopReason.SHUTDOWN, "")

    def _end(self, qemu: Qemu, reason: StopReason, detail: str) -> None:
        del self.qemus[qemu.vm_id]
        qemu.stopped = reason
        qemu.ended.set()
        self.world.ended(qemu)
        observed = DomainObserved(
            vm_id=qemu.vm_id, status=DomainStatus.ABSENT, started_step_id=qemu.step_id, started_at=qemu.started_at
        )
        self._tell(DomainChanged(domain=observed, stopped=reason, detail=detail))

    def _changed(self, qemu: Qemu, detail: str = "") -> None:
        self._tell(DomainChanged(domain=qemu.observed(), detail=detail))

    def _tell(self, change: DomainChanged) -> None:
        if self.powered and self.libvirt_up:
            self.world.domain_changed(self, change)
