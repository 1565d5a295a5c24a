"""The hypervisor port on libvirt: one connection, renewed when it breaks; transient domains with Corral's metadata.

It must not block the Trio loop: whatever touches libvirt, /proc or a file runs in a thread.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import libvirt
import trio

from actors.kernel.ports import Clock, TrioClock
from node.domain_xml import DiskSource, GuestPlatform, cpu_problem, domain_xml
from node.domain_xml.domain import domain_name
from node.domain_xml.live import restored_xml
from node.hypervisor.libvirt import actions
from node.hypervisor.libvirt import mounts as place
from node.hypervisor.libvirt.calls import CallPool
from node.hypervisor.libvirt.domains import Seen
from node.hypervisor.libvirt.facts import host_facts
from node.hypervisor.libvirt.host import LibvirtHost, in_thread
from node.hypervisor.libvirt.start import StartLocks, started_once
from node.hypervisor.libvirt.statistics import statistics
from node.hypervisor.libvirt.streams import open_socket, open_terminal
from node.hypervisor.port import ByteStream, Capabilities, Capability, Counters, HypervisorEvent, Resolve, check_expiry
from node.hypervisor.probe.boot import Virtualization
from protocol.errors import BadInput, Busy, Conflict, HostFailed, NotFound, NotLegal
from protocol.node.domain import DomainObserved, DomainSpec, DomainStatus, VolumeRef
from protocol.node.reports import HostFacts

T = TypeVar("T")

_test_driver = frozenset({Capability.LIFECYCLE, Capability.PAUSE, Capability.SHUTDOWN})
_qemu_driver = frozenset(Capability)


class LibvirtHypervisor:
    """`uri` is libvirt's; `platform` and `virtualization` come from the probe of this host."""

    def __init__(
        self,
        uri: str,
        platform: GuestPlatform,
        virtualization: Virtualization,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or TrioClock()
        self._host = LibvirtHost(uri, self._clock)
        self._platform = platform
        self._virtualization = virtualization
        self._locks = StartLocks()
        self._is_test_driver = uri.startswith("test:")
        self._consoles: set[str] = set()

    @property
    def events(self) -> trio.MemoryReceiveChannel[HypervisorEvent]:
        return self._host.changes.receive

    # --- connection -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        await self._host.connect()

    async def run(self) -> None:
        await self._host.run()

    async def close(self) -> None:
        await self._host.close()

    # --- what there is --------------------------------------------------------------------------------------------

    async def capabilities(self) -> Capabilities:
        await trio.lowlevel.checkpoint()
        return Capabilities(_test_driver if self._is_test_driver else _qemu_driver)

    async def facts(self) -> HostFacts:
        return await self._host.query(
            lambda connection: host_facts(connection, self._host.pid, self._virtualization), "read the host's state"
        )

    async def list(self) -> tuple[DomainObserved, ...]:
        return tuple(one.observed for one in await self._host.see_all())

    async def observe(self, vm_id: str) -> DomainObserved:
        found = await self._host.see(vm_id)
        if found is None:
            return DomainObserved(vm_id=vm_id, status=DomainStatus.ABSENT)
        return found.observed

    async def statistics(self) -> Counters:
        await self._needs(Capability.STATISTICS)
        ours = self._host.memory.devices()
        return await self._host.query(lambda connection: statistics(connection, ours), "read statistics")

    # --- life cycle -----------------------------------------------------------------------------------------------

    async def start(self, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        if spec.paused:
            await self._needs(Capability.START_PAUSED)
        if problem := cpu_problem(spec, self._platform):
            remedy = "Leave cpu.mode out, or start the VM on a host that runs KVM with its own CPU."
            raise NotLegal(problem, remedy=remedy, entity=spec.vm_id)
        sources = await self._sources(spec, resolve)
        try:
            document = domain_xml(spec, step_id, sources, self._platform)
        except ValueError as error:
            raise BadInput(f"VM {spec.vm_id} cannot be written as libvirt XML: {error}.", entity=spec.vm_id) from None
        flags = libvirt.VIR_DOMAIN_START_PAUSED if spec.paused else 0
        return await self._start(
            spec, step_id, lambda connection: connection.createXML(document, flags), CallPool.CONTROL, "start the VM"
        )

    async def restore(self, path: str, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        await self._needs(Capability.SAVE)
        sources = await self._sources(spec, resolve)
        flags = libvirt.VIR_DOMAIN_SAVE_PAUSED if spec.paused else libvirt.VIR_DOMAIN_SAVE_RUNNING

        def create(connection: libvirt.virConnect) -> None:
            saved = actions.saved_document(connection, spec.vm_id, path)
            connection.restoreFlags(path, restored_xml(saved, spec, step_id, sources), flags)

        return await self._start(spec, step_id, create, CallPool.LONG, "restore the VM")

    async def _start(
        self, spec: DomainSpec, step_id: str, create: Callable[[libvirt.virConnect], object], pool: CallPool, doing: str
    ) -> DomainObserved:
        vm_id = spec.vm_id

        def once(connection: libvirt.virConnect) -> Seen:
            with self._locks.held(vm_id):
                return started_once(connection, vm_id, step_id, self._host.pid, create)

        self._host.memory.expect(vm_id, step_id, domain_name(spec))
        try:
            found = await self._host.calls.call(pool, once, doing=doing, entity=vm_id)
        except (BadInput, HostFailed, Conflict, NotFound):
            self._host.memory.expect_no_more(vm_id, step_id)
            raise
        return found.observed

    async def shutdown(self, vm_id: str) -> None:
        await self._host.act(
            partial(actions.shutdown, vm_id=vm_id, by_acpi=not self._is_test_driver), "press the power button", vm_id
        )

    async def destroy(self, vm_id: str) -> None:
        await self._host.act(partial(actions.destroy, vm_id=vm_id), "destroy the VM", vm_id)

    async def reboot(self, vm_id: str) -> None:
        await self._needs(Capability.REBOOT)
        await self._host.act(partial(actions.reboot, vm_id=vm_id, by_acpi=True), "reboot the VM", vm_id)

    async def reset(self, vm_id: str) -> None:
        await self._needs(Capability.RESET)
        await self._host.act(partial(actions.reset, vm_id=vm_id), "reset the VM", vm_id)

    async def pause(self, vm_id: str) -> None:
        await self._host.act(partial(actions.pause, vm_id=vm_id), "pause the VM", vm_id)

    async def resume(self, vm_id: str) -> None:
        await self._host.act(partial(actions.resume, vm_id=vm_id), "resume the VM", vm_id)

    async def save(self, vm_id: str, path: str) -> None:
        await self._needs(Capability.SAVE)
        await self._host.calls.call(
            CallPool.LONG,
            lambda connection: actions.save(connection, vm_id, path),
            doing="save the VM's memory",
            entity=vm_id,
        )

    async def set_ticket(self, vm_id: str, value: str, expiry_seconds: int) -> None:
        await self._needs(Capability.TICKET)
        check_expiry(vm_id, expiry_seconds)
        valid_to = self._clock.wall() + datetime.timedelta(seconds=expiry_seconds)
        await self._host.act(
            partial(actions.set_ticket, vm_id=vm_id, value=value, valid_to=valid_to), "set the display's ticket", vm_id
        )

    # --- streams --------------------------------------------------------------------------------------------------

    async def open_console(self, vm_id: str) -> ByteStream:
        await self._needs(Capability.CONSOLE)
        found = await self._host.see_running(vm_id)
        if not found.live.console_terminal:
            raise NotLegal(f"VM {vm_id} has no serial console: it runs with console.enabled=false.", entity=vm_id)
        path = place.seen_by(found.observed.qemu_pid, found.live.console_terminal)
        opened = f"{vm_id} {found.observed.started_step_id}"  # the next QEMU's console is another one
        if opened in self._consoles:
            raise Busy(f"The console of VM {vm_id} is already open.", entity=vm_id)
        self._consoles.add(opened)
        try:
            return await open_terminal(path, lambda: self._consoles.discard(opened))
        except OSError as error:
            self._consoles.discard(opened)
            raise HostFailed(f"The console of VM {vm_id} cannot be opened: {error}.", entity=vm_id) from None

    async def guest_channel(self, vm_id: str) -> ByteStream:
        await self._needs(Capability.GUEST_CHANNEL)
        found = await self._host.see_running(vm_id)
        return await self._open(vm_id, found, found.live.guest_channel, "guest channel")

    async def open_display(self, vm_id: str) -> ByteStream:
        await self._needs(Capability.DISPLAY)
        found = await self._host.see_running(vm_id)
        if not found.live.vnc_socket:
            raise NotLegal(f"VM {vm_id} has no display.", entity=vm_id)
        return await self._open(vm_id, found, found.live.vnc_socket, "display")

    async def _open(self, vm_id: str, found: Seen, path: str, what: str) -> ByteStream:
        if not path:
            raise NotLegal(f"VM {vm_id} has no {what}.", entity=vm_id)
        try:
            return await open_socket(place.seen_by(found.observed.qemu_pid, path))
        except OSError as error:
            raise HostFailed(f"The {what} of VM {vm_id} cannot be opened: {error}.", entity=vm_id) from None

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _needs(self, operation: Capability) -> None:
        if not (await self.capabilities()).supports(operation):
            raise NotLegal(f"This hypervisor does not support {operation.value}.")

    async def _sources(self, spec: DomainSpec, resolve: Resolve) -> dict[VolumeRef, DiskSource]:
        paths = {disk.volume: resolve(disk.volume) for disk in spec.disks}
        if self._is_test_driver or not paths:
            return {ref: DiskSource(path) for ref, path in paths.items()}
        return await in_thread(_checked, paths, spec.vm_id, self._host.pid)


def _checked(paths: dict[VolumeRef, str], vm_id: str, libvirtd_pid: int) -> dict[VolumeRef, DiskSource]:
    """Each path with what its file system can do, looked at where QEMU will open it. QEMU's own words for a missing
    file name no disk."""
    sources = {}
    for ref, path in paths.items():
        seen = place.seen_by(libvirtd_pid, path)
        try:
            os.close(os.open(seen, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise HostFailed(
                f"The disk {ref.image_id} of VM {vm_id} cannot be opened: {error.strerror}.",
                remedy="Check that the storage domain is active on this host and the disk exists.",
                entity=vm_id,
            ) from None
        try:
            os.close(os.open(seen, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT))
            direct = True
        except OSError:
            direct = False
        sources[ref] = DiskSource(path, direct)
    return sources
