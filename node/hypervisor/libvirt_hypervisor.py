"""The hypervisor port on libvirt: one connection, mended when it breaks; transient domains with Corral's mark.

It must not block the Trio loop: whatever touches libvirt, /proc or a file runs in a thread.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import libvirt
import trio

from actors.kernel.ports import Clock, TrioClock
from node.domain_xml import DiskSource, GuestPlatform, domain_xml
from node.domain_xml.domain import domain_name
from node.domain_xml.live import restored_xml
from node.hypervisor import libvirt_actions as actions
from node.hypervisor import place
from node.hypervisor.changes import Changes
from node.hypervisor.libvirt_calls import Lane, LibvirtCalls
from node.hypervisor.libvirt_domains import Seen, seen_all, seen_one
from node.hypervisor.libvirt_events import DomainMemory
from node.hypervisor.libvirt_facts import host_facts, statistics
from node.hypervisor.libvirt_loop import RawEvent
from node.hypervisor.libvirt_start import StartLocks, started_once
from node.hypervisor.port import ByteStream, Capabilities, HypervisorEvent, Operation, Resolve, Resync
from node.hypervisor.probe import Virtualization
from node.hypervisor.streams import open_socket, open_terminal
from protocol.errors import BadInput, Busy, Conflict, CorralError, HostFailed, NotFound, NotLegal, Unavailable
from protocol.node_messages import (
    DomainChanged,
    DomainObserved,
    DomainRow,
    DomainSpec,
    DomainStatus,
    HostFacts,
    VolumeRef,
)

T = TypeVar("T")

_watch_interval_seconds = 5.0
_watch_timeout_seconds = 15.0
_backoff_seconds = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_test_driver = frozenset({Operation.LIFECYCLE, Operation.PAUSE, Operation.SHUTDOWN})
_qemu_driver = frozenset(Operation)
_unwanted_ends = (libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED)


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
        self._calls = LibvirtCalls(uri)
        self._platform = platform
        self._virtualization = virtualization
        self._clock = clock or TrioClock()
        self._changes = Changes()
        self._memory = DomainMemory()
        self._locks = StartLocks()
        self._libvirtd_pid = 0
        self._is_test_driver = uri.startswith("test:")
        self._consoles: set[str] = set()

    @property
    def events(self) -> trio.MemoryReceiveChannel[HypervisorEvent]:
        return self._changes.receive

    # --- connection -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        await self._calls.open()
        socket_path = place.socket_of(self._calls.uri)
        self._libvirtd_pid = await _in_thread(place.listener_pid, socket_path) if socket_path else 0
        with self._clock.move_on_after(_watch_timeout_seconds) as limit:
            self._memory.learn_all(await self._see_all())
        if limit.cancelled_caught:
            raise Unavailable("libvirt on this host does not answer.", remedy="Start libvirtd on this host.")

    async def close(self) -> None:
        await self._calls.close()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            nursery.start_soon(self._follow)

    async def _watch(self) -> None:
        """Asks libvirt something cheap again and again: its own keepalive leaves threads hanging when it does not
        answer any more (seen with libvirt 9.0)."""
        while True:
            await self._clock.sleep(_watch_interval_seconds)
            incarnation = self._calls.incarnation
            with self._clock.move_on_after(_watch_timeout_seconds) as limit, contextlib.suppress(CorralError):
                await self._calls.call(Lane.WATCH, lambda connection: connection.getLibVersion(), doing="answer")
            if limit.cancelled_caught:
                self._calls.lost(incarnation)

    async def _follow(self) -> None:
        async for event in self._calls.pipe.receive:
            self._calls.pipe.taken()
            if event.incarnation != self._calls.incarnation:
                continue
            if event.kind == "lost":
                await self._mend()
            elif event.kind == "overflow":
                await self._look_again("libvirt told more events than could be read.")
            else:
                await self._tell(event)

    async def _mend(self) -> None:
        """Connects until it works; domains went on meanwhile, events did not."""
        await self._calls.close()
        attempt = 0
        while True:
            try:
                await self.connect()
                break
            except (Unavailable, HostFailed):
                await self._clock.sleep(_backoff_seconds[min(attempt, len(_backoff_seconds) - 1)])
                attempt += 1
        self._changes.put(Resync("The connection to libvirt was made anew."))

    async def _look_again(self, reason: str) -> None:
        try:
            self._memory.learn_all(await self._see_all())
        except (Unavailable, HostFailed):
            return  # the loss of the connection is told by itself, and mending it looks again
        self._changes.put(Resync(reason))

    async def _tell(self, event: RawEvent) -> None:
        detail = ""
        if event.kind == "agent":
            await self._tell_agent(event.vm_id)
            return
        if event.kind == "lifecycle" and event.event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            await self._learn(event.vm_id)
        elif event.kind == "lifecycle" and event.event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            if await self._runs_still(event.vm_id):
                return  # the end of an older QEMU of this VM, told before by a Resync
            if event.detail in _unwanted_ends and (name := self._memory.name_of(event.vm_id)):
                detail = await _in_thread(place.last_words, self._libvirtd_pid, name)
        change = self._memory.change(event, detail)
        if change is not None:
            self._changes.put(change)

    async def _tell_agent(self, vm_id: str) -> None:
        before = self._memory.agent_of(vm_id)
        found = await self._learn(vm_id)
        if found is not None and found.observed.guest_agent != before:
            self._changes.put(DomainChanged(domain=found.observed))

    async def _runs_still(self, vm_id: str) -> bool:
        """Whether the QEMU that an end would be told of is there, so that nobody is told a lie."""
        try:
            found = await self._see(vm_id)
        except (Unavailable, HostFailed):
            return False
        return found is not None and found.observed.started_step_id == self._memory.step_of(vm_id)

    async def _learn(self, vm_id: str) -> Seen | None:
        try:
            found = await self._see(vm_id)
        except (Unavailable, HostFailed):
            return None
        if found is not None:
            self._memory.learn(found)
        return found

    # --- what there is --------------------------------------------------------------------------------------------

    async def capabilities(self) -> Capabilities:
        await trio.lowlevel.checkpoint()
        return Capabilities(_test_driver if self._is_test_driver else _qemu_driver)

    async def facts(self) -> HostFacts:
        return await self._query(
            lambda connection: host_facts(connection, self._libvirtd_pid, self._virtualization), "ask about the host"
        )

    async def list(self) -> tuple[DomainObserved, ...]:
        return tuple(one.observed for one in await self._see_all())

    async def observe(self, vm_id: str) -> DomainObserved:
        found = await self._see(vm_id)
        if found is None:
            return DomainObserved(vm_id=vm_id, status=DomainStatus.ABSENT)
        return found.observed

    async def statistics(self) -> tuple[DomainRow, ...]:
        await self._needs(Operation.STATISTICS)
        ours = self._memory.ids()
        return await self._query(lambda connection: statistics(connection, ours), "read statistics")

    # --- life cycle -----------------------------------------------------------------------------------------------

    async def start(self, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        if spec.paused:
            await self._needs(Operation.START_PAUSED)
        sources = await self._sources(spec, resolve)
        try:
            document = domain_xml(spec, step_id, sources, self._platform)
        except ValueError as error:
            raise BadInput(f"VM {spec.vm_id} cannot be written as XML: {error}.", entity=spec.vm_id) from None
        flags = libvirt.VIR_DOMAIN_START_PAUSED if spec.paused else 0
        return await self._start(
            spec, step_id, lambda connection: connection.createXML(document, flags), Lane.CONTROL, "start the VM"
        )

    async def restore(self, path: str, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        await self._needs(Operation.SAVE)
        sources = await self._sources(spec, resolve)
        flags = libvirt.VIR_DOMAIN_SAVE_PAUSED if spec.paused else libvirt.VIR_DOMAIN_SAVE_RUNNING

        def create(connection: libvirt.virConnect) -> None:
            saved = actions.saved_document(connection, spec.vm_id, path)
            connection.restoreFlags(path, restored_xml(saved, spec, step_id, sources), flags)

        return await self._start(spec, step_id, create, Lane.LONG, "restore the VM")

    async def _start(
        self, spec: DomainSpec, step_id: str, create: Callable[[libvirt.virConnect], object], lane: Lane, doing: str
    ) -> DomainObserved:
        vm_id = spec.vm_id

        def once(connection: libvirt.virConnect) -> Seen:
            with self._locks.held(vm_id):
                return started_once(connection, vm_id, step_id, self._libvirtd_pid, create)

        self._memory.expect(vm_id, step_id, domain_name(spec))
        try:
            found = await self._calls.call(lane, once, doing=doing, entity=vm_id)
        except (BadInput, HostFailed, Conflict, NotFound):
            self._memory.expect_no_more(vm_id, step_id)
            raise
        return found.observed

    async def shutdown(self, vm_id: str) -> None:
        await self._act(
            partial(actions.shutdown, vm_id=vm_id, by_acpi=not self._is_test_driver), "press the power button", vm_id
        )

    async def destroy(self, vm_id: str) -> None:
        await self._act(partial(actions.destroy, vm_id=vm_id), "end the VM", vm_id)

    async def reboot(self, vm_id: str) -> None:
        await self._needs(Operation.REBOOT)
        await self._act(partial(actions.reboot, vm_id=vm_id, by_acpi=True), "reboot the VM", vm_id)

    async def reset(self, vm_id: str) -> None:
        await self._needs(Operation.RESET)
        await self._act(partial(actions.reset, vm_id=vm_id), "reset the VM", vm_id)

    async def pause(self, vm_id: str) -> None:
        await self._act(partial(actions.pause, vm_id=vm_id), "pause the VM", vm_id)

    async def resume(self, vm_id: str) -> None:
        await self._act(partial(actions.resume, vm_id=vm_id), "resume the VM", vm_id)

    async def save(self, vm_id: str, path: str) -> None:
        await self._needs(Operation.SAVE)
        await self._calls.call(
            Lane.LONG,
            lambda connection: actions.save(connection, vm_id, path),
            doing="save the VM's memory",
            entity=vm_id,
        )

    async def set_ticket(self, vm_id: str, value: str, expiry_seconds: int) -> None:
        await self._needs(Operation.TICKET)
        valid_to = self._clock.wall() + datetime.timedelta(seconds=expiry_seconds)
        await self._act(
            partial(actions.set_ticket, vm_id=vm_id, value=value, valid_to=valid_to), "set the display's ticket", vm_id
        )

    # --- streams --------------------------------------------------------------------------------------------------

    async def open_console(self, vm_id: str) -> ByteStream:
        await self._needs(Operation.CONSOLE)
        found = await self._see_running(vm_id)
        if vm_id in self._consoles:
            raise Busy(f"The console of VM {vm_id} is open already.", entity=vm_id)
        self._consoles.add(vm_id)
        try:
            path = place.seen_by(found.observed.qemu_pid, found.live.console_terminal)
            return await open_terminal(path, lambda: self._consoles.discard(vm_id))
        except OSError as error:
            self._consoles.discard(vm_id)
            raise HostFailed(f"The console of VM {vm_id} cannot be opened: {error}.", entity=vm_id) from None

    async def guest_channel(self, vm_id: str) -> ByteStream:
        await self._needs(Operation.GUEST_CHANNEL)
        found = await self._see_running(vm_id)
        return await self._open(vm_id, found, found.live.guest_channel, "guest channel")

    async def guest_agent_path(self, vm_id: str) -> str:
        found = await self._see_running(vm_id)
        return place.seen_by(found.observed.qemu_pid, found.live.guest_agent)

    async def open_display(self, vm_id: str) -> ByteStream:
        await self._needs(Operation.DISPLAY)
        found = await self._see_running(vm_id)
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

    async def _needs(self, operation: Operation) -> None:
        if not (await self.capabilities()).supports(operation):
            raise NotLegal(f"This hypervisor has no {operation.value}.")

    async def _act(self, call: Callable[[libvirt.virConnect], T], doing: str, vm_id: str) -> T:
        return await self._calls.call(Lane.CONTROL, call, doing=doing, entity=vm_id)

    async def _query(self, call: Callable[[libvirt.virConnect], T], doing: str, vm_id: str = "") -> T:
        return await self._calls.call(Lane.QUERY, call, doing=doing, entity=vm_id)

    async def _sources(self, spec: DomainSpec, resolve: Resolve) -> dict[VolumeRef, DiskSource]:
        paths = {disk.volume: resolve(disk.volume) for disk in spec.disks}
        if self._is_test_driver or not paths:
            return {ref: DiskSource(path) for ref, path in paths.items()}
        return await _in_thread(_checked, paths, spec.vm_id, self._libvirtd_pid)

    async def _see(self, vm_id: str) -> Seen | None:
        pid = self._libvirtd_pid
        return await self._query(lambda connection: seen_one(connection, vm_id, pid), "look at the VM", vm_id)

    async def _see_running(self, vm_id: str) -> Seen:
        found = await self._see(vm_id)
        if found is None:
            raise actions.absent(vm_id)
        return found

    async def _see_all(self) -> tuple[Seen, ...]:
        pid = self._libvirtd_pid
        return await self._query(lambda connection: seen_all(connection, pid), "list the VMs")


async def _in_thread(call: Callable[..., T], *arguments: object) -> T:
    return await trio.to_thread.run_sync(partial(call, *arguments), abandon_on_cancel=True)


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
