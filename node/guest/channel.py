"""Listens to the agent in one guest: bounded, cleaned reports out, silence noticed, floods blocked.

The bytes are hostile: they may change what is shown of this VM and nothing else (CVE-2013-0167, CVE-2013-4236).
"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.guest.book import Awaited, GuestBook, GuestEntry
from node.guest.lines import Broken, FactsLine, GuestMessage, Heartbeat, Hello, LineReader, ReplyLine
from node.hypervisor.port import ByteStream, Hypervisor
from node.link.uplink import Uplink
from protocol import guest as guest_messages
from protocol import limits
from protocol.errors import CorralError, NotFound
from protocol.node.reports import GuestReport, GuestSilent

reconnect_seconds: Final = 2.0
flood_closed_seconds: Final = 60.0
report_period_seconds: Final = 1.0
memory_report_period_seconds: Final = 30.0
bytes_per_second_max: Final = 4 * limits.guest_frame_bytes_max
orders_waiting_max: Final = 16


class Flood(Exception):
    """The guest says more than it may."""


@attrs.frozen(kw_only=True)
class GuestDependencies:
    """What every guest channel of a node shares. Times in seconds."""

    hypervisor: Hypervisor
    guests: GuestBook
    uplink: Uplink
    stale_after_seconds: float = limits.guest_stale_after_seconds
    heartbeat_period_seconds: float = limits.guest_heartbeat_period_seconds


class GuestChannel(Actor):
    """One per running domain. Its background tasks read the channel and watch the clock."""

    def __init__(self, context: Context, vm_id: str, dependencies: GuestDependencies) -> None:
        super().__init__(context)
        self._vm_id = vm_id
        self._dependencies = dependencies
        self._clock = context.ports.clock
        self._entry = GuestEntry(writer=self)
        self._heard_at = self._clock.monotonic()
        self._heard_wall = self._clock.wall()
        self._orders, self._orders_out = trio.open_memory_channel[bytes](orders_waiting_max)
        self._answers: dict[str, Awaited] = {}
        self._line = trio.CancelScope()
        self._order_number = 0
        self._reported_at = -memory_report_period_seconds
        self._unsent: GuestReport | None = None
        self._unsent_is_urgent = False
        self._tokens = float(limits.guest_frames_per_second_max)
        self._bytes_left = float(bytes_per_second_max)
        self._refilled_at = self._heard_at

    async def started(self) -> None:
        self._dependencies.guests.entries[self._vm_id] = self._entry
        self.context.spawn(self._listen_for_ever)
        self.context.spawn(self._watch)

    async def receive(self, envelope: Envelope) -> None:
        """A message to a channel only makes sure that it exists."""

    async def stopping(self) -> None:
        if self._dependencies.guests.entries.get(self._vm_id) is self._entry:
            del self._dependencies.guests.entries[self._vm_id]

    def order(self, kind: str, fields: dict[str, Any]) -> Awaited | None:
        self._order_number += 1
        name = str(self._order_number)
        try:
            self._orders.send_nowait(_line({"type": kind, "id": name, **fields}))
        except trio.WouldBlock:
            return None
        while len(self._answers) >= orders_waiting_max:
            del self._answers[next(iter(self._answers))]
        self._answers[name] = Awaited()
        return self._answers[name]

    def starts_over(self) -> None:
        """The line is opened anew: what is still on it was said, or is meant for, before."""
        self._entry.alive = False
        self._entry.report = self._entry.silent_since = None
        self._unsent, self._unsent_is_urgent = None, False
        self._heard_at, self._heard_wall = self._clock.monotonic(), self._clock.wall()
        self._orders, self._orders_out = trio.open_memory_channel[bytes](orders_waiting_max)
        self._give_up_answers("the guest rebooted")
        self._line.cancel()

    def _give_up_answers(self, error: str) -> None:
        """Nobody will answer what was asked until now."""
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.answer(error)

    # -- the stream

    async def _listen_for_ever(self) -> None:
        while True:
            wait_seconds = reconnect_seconds
            try:
                with trio.CancelScope() as self._line:
                    await self._listen()
                if not self._line.cancelled_caught:
                    self._fall_silent("the channel closed")
            except* NotFound:
                wait_seconds = reconnect_seconds
            except* Flood as floods:
                reason = f"{floods.exceptions[0]}: ignored for {flood_closed_seconds:g} seconds"
                self.context.log.warning("guest.flood", vm_id=self._vm_id, reason=reason)
                self._fall_silent(reason, again=True)
                wait_seconds = flood_closed_seconds
            except* (CorralError, OSError, trio.BrokenResourceError, trio.ClosedResourceError) as problems:
                self.context.log.debug("guest.channel", vm_id=self._vm_id, problem=str(problems.exceptions[0]))
            await self._clock.sleep(wait_seconds)

    async def _listen(self) -> None:
        stream = await self._dependencies.hypervisor.guest_channel(self._vm_id)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream)
                self._welcome()
                reader = LineReader(self._vm_id)
                while data := await stream.receive_some(limits.guest_frame_bytes_max):
                    if self._line.cancel_called:
                        break  # what had been read when the guest started over
                    self._spend(bytes_count=len(data))
                    for message in reader.feed(bytes(data)):
                        self._spend(frames=1)
                        self._take(message)
                nursery.cancel_scope.cancel()
        finally:
            self._give_up_answers("the channel to it closed")
            with trio.CancelScope(shield=True), self._clock.move_on_after(1):
                await stream.aclose()

    async def _write(self, stream: ByteStream) -> None:
        """A guest that does not read fills the pipe; then orders find no room and ACPI is used."""
        async for line in self._orders_out:
            await stream.send_all(line)

    def _welcome(self) -> None:
        period = self._dependencies.heartbeat_period_seconds
        fields = {"version": guest_messages.protocol_version, "heartbeat_period_seconds": period}
        self.order(guest_messages.WELCOME, fields)

    def _spend(self, *, bytes_count: int = 0, frames: int = 0) -> None:
        now = self._clock.monotonic()
        passed, self._refilled_at = now - self._refilled_at, now
        frames_max = limits.guest_frames_per_second_max
        self._tokens = min(frames_max, self._tokens + passed * frames_max) - frames
        self._bytes_left = min(bytes_per_second_max, self._bytes_left + passed * bytes_per_second_max) - bytes_count
        if self._tokens < 0 or self._bytes_left < 0:
            self._tokens, self._bytes_left = float(frames_max), float(bytes_per_second_max)
            raise Flood("the agent sends too much data")

    # -- what it says

    def _take(self, message: GuestMessage) -> None:
        if isinstance(message, Broken):
            return
        self._heard_at, self._heard_wall = self._clock.monotonic(), self._clock.wall()
        was_alive, self._entry.alive = self._entry.alive, True
        report = self._entry.report
        match message:
            case Hello():
                self._welcome()
            case FactsLine(report=report):
                pass
            case Heartbeat() as beat:
                report = attrs.evolve(
                    report or GuestReport(vm_id=self._vm_id),
                    memory_total_bytes=beat.memory_total_bytes,
                    memory_available_bytes=beat.memory_available_bytes,
                )
            case ReplyLine(id=name, ok=ok, error=error) if name in self._answers:
                self._answers.pop(name).answer("" if ok else error or "no reason given")
        if report is not None and (report != self._entry.report or not was_alive):
            self._report(report, soon=not was_alive or isinstance(message, FactsLine))

    def _report(self, report: GuestReport, *, soon: bool) -> None:
        """Sends it at once when there was silence about this guest, else `_watch` sends the newest one later."""
        self._entry.report = report
        self._unsent = report
        self._unsent_is_urgent |= soon
        self._send_when_due()

    def _send_when_due(self) -> None:
        period = report_period_seconds if self._unsent_is_urgent else memory_report_period_seconds
        if self._unsent is not None and self._clock.monotonic() - self._reported_at >= period:
            self._reported_at = self._clock.monotonic()
            self._dependencies.uplink.send(self._unsent)
            self._unsent, self._unsent_is_urgent = None, False

    # -- its silence

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(report_period_seconds)
            if self._entry.alive:
                self._send_when_due()
            if self._clock.monotonic() - self._heard_at >= self._dependencies.stale_after_seconds:
                self._fall_silent("no heartbeat from the agent")

    def _fall_silent(self, reason: str, *, again: bool = False) -> None:
        """Says so once; after that the agent has to speak before it can fall silent again."""
        if self._entry.silent_since is not None and not self._entry.alive and not again:
            return
        self._entry.alive = False
        self._entry.silent_since = self._heard_wall
        self._entry.silent_reason = reason
        self._unsent, self._unsent_is_urgent = None, False
        self._dependencies.uplink.send(GuestSilent(vm_id=self._vm_id, since=self._heard_wall, reason=reason))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
