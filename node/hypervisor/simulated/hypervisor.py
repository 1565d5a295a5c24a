"""The hypervisor port of a simulated host's node daemon: the way into the simulated world, with its faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from node.hypervisor.changes import Changes
from node.hypervisor.port import (
    ByteStream,
    Capabilities,
    Capability,
    Counters,
    EventsMissing,
    HypervisorEvent,
    Resolve,
    check_expiry,
)
from node.hypervisor.simulated.counters import counters
from node.world.guest import ConsoleLine, GuestLine
from node.world.hosts import WorldHost
from node.world.port import WorldPort
from node.world.world import World
from protocol import limits
from protocol.errors import Busy, NotLegal, Unavailable
from protocol.node.domain import DomainObserved, DomainSpec, DomainStatus
from protocol.node.reports import DomainChanged, HostFacts

T = TypeVar("T")

_operations = frozenset(Capability) - {Capability.DISPLAY}


class SimulatedHypervisor(WorldPort):
    """One per incarnation of a node daemon: after `WorldHost.kill_node` it is inert and the next one makes its own."""

    def __init__(self, world: World, host: WorldHost) -> None:
        super().__init__(world, host)
        self._changes = Changes()
        self._connected = False

    @property
    def events(self) -> trio.MemoryReceiveChannel[HypervisorEvent]:
        return self._changes.receive

    async def connect(self) -> None:
        def effect() -> None:
            self._connected = True

        await self.call("connect", "", effect)

    async def run(self) -> None:
        await trio.sleep_forever()

    async def close(self) -> None:
        self._connected = False
        await trio.lowlevel.checkpoint()

    async def capabilities(self) -> Capabilities:
        await trio.lowlevel.checkpoint()
        return Capabilities(_operations)

    async def facts(self) -> HostFacts:
        return await self._ask("facts", "", self._facts)

    async def start(self, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        paths = tuple(resolve(disk.volume) for disk in spec.disks)
        return await self._ask("start", spec.vm_id, lambda: self.host.start(spec, step_id, paths))

    async def shutdown(self, vm_id: str) -> None:
        await self._ask("shutdown", vm_id, lambda: self.host.press_power_button(vm_id))

    async def destroy(self, vm_id: str) -> None:
        await self._ask("destroy", vm_id, lambda: self.host.destroy(vm_id))

    async def reboot(self, vm_id: str) -> None:
        await self._ask("reboot", vm_id, lambda: self.host.reboot(vm_id, by_guest=True))

    async def reset(self, vm_id: str) -> None:
        await self._ask("reset", vm_id, lambda: self.host.reboot(vm_id))

    async def pause(self, vm_id: str) -> None:
        await self._ask("pause", vm_id, lambda: self.host.pause(vm_id))

    async def resume(self, vm_id: str) -> None:
        await self._ask("resume", vm_id, lambda: self.host.resume(vm_id))

    async def save(self, vm_id: str, path: str) -> None:
        await self._ask("save", vm_id, lambda: self.host.save(vm_id, path))

    async def restore(self, path: str, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        paths = tuple(resolve(disk.volume) for disk in spec.disks)
        return await self._ask("restore", spec.vm_id, lambda: self.host.restore(path, spec, step_id, paths))

    async def set_ticket(self, vm_id: str, value: str, expiry_seconds: int) -> None:
        check_expiry(vm_id, expiry_seconds)

        def effect() -> None:
            qemu = self.host.qemu(vm_id)
            if qemu.spec.display == "none":
                raise NotLegal(f"VM {vm_id} has no display.", entity=vm_id)
            qemu.ticket = value

        await self._ask("set_ticket", vm_id, effect)

    async def list(self) -> tuple[DomainObserved, ...]:
        return await self._ask("list", "", lambda: tuple(qemu.observed() for qemu in self.host.qemus.values()))

    async def observe(self, vm_id: str) -> DomainObserved:
        def effect() -> DomainObserved:
            qemu = self.host.qemus.get(vm_id)
            return qemu.observed() if qemu else DomainObserved(vm_id=vm_id, status=DomainStatus.ABSENT)

        return await self._ask("observe", vm_id, effect)

    async def statistics(self) -> Counters:
        return await self._ask("statistics", "", self._counters)

    async def open_console(self, vm_id: str) -> ByteStream:
        def effect() -> ByteStream:
            qemu = self.host.qemu(vm_id)
            if not qemu.spec.console:
                raise NotLegal(f"VM {vm_id} has no serial console: it runs with console.enabled=false.", entity=vm_id)
            if qemu.console_open:
                raise Busy(f"The console of VM {vm_id} is already open.", entity=vm_id)
            return ConsoleLine(qemu)

        return await self._ask("open_console", vm_id, effect)

    async def guest_channel(self, vm_id: str) -> ByteStream:
        return await self._ask("guest_channel", vm_id, lambda: GuestLine(self.host, self.host.qemu(vm_id)))

    async def open_display(self, vm_id: str) -> ByteStream:
        await trio.lowlevel.checkpoint()
        raise NotLegal("A simulated VM has no display to look at.", entity=vm_id)

    # --- told by the world ----------------------------------------------------------------------------------------

    def domain_changed(self, change: DomainChanged) -> None:
        if self._connected:
            self._changes.put(change)

    def libvirt_changed(self, is_up: bool) -> None:
        if is_up and self._connected:
            self._changes.put(EventsMissing("libvirt answers again."))

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _ask(self, name: str, subject: str, effect: Callable[[], T]) -> T:
        def on_libvirt() -> T:
            if not self._connected or not self.host.libvirt_up:
                raise Unavailable(f"libvirt on host {self.host.name} does not answer.", remedy="Start it again.")
            return effect()

        return await self.call(name, subject, on_libvirt)

    def _facts(self) -> HostFacts:
        shape = self.host.shape
        return HostFacts(
            hostname=self.host.name,
            hardware_uuid=self.host.hardware_uuid,
            os_name="Simulated",
            os_version="1",
            kernel="simulated",
            node_version="",
            libvirt_version="0.0.0",
            qemu_version="0.0.0",
            hypervisor="simulated",
            virtualization="kvm",
            cpu_model="host-passthrough",
            cpu_name="Simulated CPU",
            cpu_sockets=shape.cpu_sockets,
            cpu_cores=shape.cpu_cores,
            cpu_threads=shape.cpu_threads,
            memory_bytes=shape.memory_bytes,
            bridges=shape.bridges,
            boots_at_once=limits.boots_at_once_max,
        )

    def _counters(self) -> Counters:
        return counters(self.host.qemus.values(), self.world.clock.monotonic())
