"""Follows one libvirtd: connects, watches, reconnects, reports its events in order. It changes no domain."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import libvirt
import trio

from actors.kernel.ports import Clock
from node.hypervisor.changes import Changes
from node.hypervisor.libvirt import actions
from node.hypervisor.libvirt import mounts as place
from node.hypervisor.libvirt.calls import CallPool, LibvirtCalls
from node.hypervisor.libvirt.domains import Seen, seen_all, seen_one
from node.hypervisor.libvirt.events import DomainMemory
from node.hypervisor.libvirt.loop import RawEvent
from node.hypervisor.port import EventsMissing
from protocol.errors import CorralError, Unavailable
from protocol.node.reports import DomainChanged

T = TypeVar("T")

_watch_interval_seconds = 5.0
_watch_timeout_seconds = 15.0
_backoff_seconds = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_unwanted_ends = (libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED)


class LibvirtHost:
    """The libvirtd behind a URI, as a node follows it. `pid` is its process, 0 when it has none of its own."""

    def __init__(self, uri: str, clock: Clock) -> None:
        self.calls = LibvirtCalls(uri)
        self.changes = Changes()
        self.memory = DomainMemory()
        self.pid = 0
        self._clock = clock

    async def connect(self) -> None:
        await self.calls.open()
        socket_path = place.socket_of(self.calls.uri)
        self.pid = await in_thread(place.listener_pid, socket_path) if socket_path else 0
        with self._clock.move_on_after(_watch_timeout_seconds) as limit:
            self.memory.learn_all(await self.see_all())
        if limit.cancelled_caught:
            raise Unavailable("libvirt on this host does not answer.", remedy="Start libvirtd on this host.")

    async def close(self) -> None:
        await self.calls.close()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            nursery.start_soon(self._follow)

    async def _watch(self) -> None:
        """Asks libvirt something cheap again and again: its own keepalive leaves threads hanging when it does not
        answer any more (seen with libvirt 9.0)."""
        while True:
            await self._clock.sleep(_watch_interval_seconds)
            incarnation = self.calls.incarnation
            with self._clock.move_on_after(_watch_timeout_seconds) as limit, contextlib.suppress(CorralError):
                await self.calls.call(CallPool.WATCH, lambda connection: connection.getLibVersion(), doing="answer")
            if limit.cancelled_caught:
                self.calls.lost(incarnation)

    async def _follow(self) -> None:
        async for event in self.calls.pipe.receive:
            self.calls.pipe.taken()
            if event.incarnation != self.calls.incarnation:
                continue
            if event.kind == "lost":
                await self._mend()
            elif event.kind == "overflow":
                await self._look_again("libvirt sent more events than could be read.")
            else:
                await self._tell(event)

    async def _mend(self) -> None:
        """Connects until it works; domains went on meanwhile, events did not."""
        await self.calls.close()
        attempt = 0
        while True:
            try:
                await self.connect()
                break
            except CorralError:
                await self._clock.sleep(_backoff_seconds[min(attempt, len(_backoff_seconds) - 1)])
                attempt += 1
        self.changes.put(EventsMissing("libvirt was reconnected."))

    async def _look_again(self, reason: str) -> None:
        try:
            self.memory.learn_all(await self.see_all())
        except CorralError:
            return  # the loss of the connection is told by itself, and mending it looks again
        self.changes.put(EventsMissing(reason))

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
            if event.detail in _unwanted_ends and (name := self.memory.name_of(event.vm_id)):
                detail = await in_thread(place.last_words, self.pid, name)
        change = self.memory.change(event, detail)
        if change is not None:
            self.changes.put(change)

    async def _tell_agent(self, vm_id: str) -> None:
        before = self.memory.agent_of(vm_id)
        found = await self._learn(vm_id)
        if found is not None and found.observed.guest_agent != before:
            self.changes.put(DomainChanged(domain=found.observed))

    async def _runs_still(self, vm_id: str) -> bool:
        """Whether the QEMU that an end would be told of is there, so that nobody is told a lie."""
        try:
            found = await self.see(vm_id)
        except CorralError:
            return False
        return found is not None and found.observed.started_step_id == self.memory.step_of(vm_id)

    async def _learn(self, vm_id: str) -> Seen | None:
        try:
            found = await self.see(vm_id)
        except CorralError:
            return None
        if found is not None:
            self.memory.learn(found)
        return found

    async def act(self, call: Callable[[libvirt.virConnect], T], doing: str, vm_id: str) -> T:
        return await self.calls.call(CallPool.CONTROL, call, doing=doing, entity=vm_id)

    async def query(self, call: Callable[[libvirt.virConnect], T], doing: str, vm_id: str = "") -> T:
        return await self.calls.call(CallPool.QUERY, call, doing=doing, entity=vm_id)

    async def see(self, vm_id: str) -> Seen | None:
        pid = self.pid
        return await self.query(lambda connection: seen_one(connection, vm_id, pid), "read the VM's state", vm_id)

    async def see_running(self, vm_id: str) -> Seen:
        found = await self.see(vm_id)
        if found is None:
            raise actions.absent(vm_id)
        return found

    async def see_all(self) -> tuple[Seen, ...]:
        pid = self.pid
        return await self.query(lambda connection: seen_all(connection, pid), "list the VMs")


async def in_thread(call: Callable[..., T], *arguments: object) -> T:
    """Runs what may block for as long as its caller waits."""
    return await trio.to_thread.run_sync(partial(call, *arguments), abandon_on_cancel=True)
