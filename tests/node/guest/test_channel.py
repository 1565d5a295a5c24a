"""One guest's channel under a virtual clock: reports, silence, floods, orders, and a guest that does not read."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from actors.wire.frames import FrameQueue
from node.guest.book import GuestBook
from node.guest.channel import GuestChannel, GuestDependencies
from node.link.uplink import Uplink
from node.local_messages import ListenToGuest
from protocol.codec import decode
from protocol.errors import Conflict, HostFailed, NotFound
from protocol.node.reports import GuestReport, GuestSilent
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisors.tree import running


@attrs.define
class Line:
    """The host's end of a channel; the test is the guest."""

    to_host: trio.MemorySendChannel[bytes]
    _from_guest: trio.MemoryReceiveChannel[bytes]
    orders: list[dict[str, Any]] = attrs.field(factory=list)
    reads: bool = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return await self._from_guest.receive()
        except trio.EndOfChannel:
            return b""

    async def send_all(self, data: bytes) -> None:
        if not self.reads:
            await trio.sleep_forever()
        self.orders += [json.loads(line) for line in data.splitlines()]
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    async def say(self, kind: str, **fields: Any) -> None:
        await self.to_host.send(json.dumps({"type": kind, **fields}).encode() + b"\n")


@attrs.define
class Hypervisor:
    """Gives out lines; the test sees each one."""

    lines: list[Line] = attrs.field(factory=list)
    absent: bool = False

    async def guest_channel(self, vm_id: str) -> Line:
        await trio.lowlevel.checkpoint()
        if self.absent:
            raise NotFound("no such VM")
        self.lines.append(Line(*trio.open_memory_channel[bytes](1000)))
        return self.lines[-1]


@attrs.define
class Bench:
    hypervisor: Hypervisor
    book: GuestBook
    queue: FrameQueue
    reported: list[GuestReport | GuestSilent] = attrs.field(factory=list)

    @property
    def line(self) -> Line:
        return self.hypervisor.lines[-1]

    async def collect(self) -> None:
        while True:
            self.reported.append(decode(await self.queue.get()))


@pytest.fixture
async def bench(nursery: trio.Nursery) -> Any:
    ports = Ports.seeded(1)
    uplink, queue = Uplink(), FrameQueue()
    uplink.open(queue, renewal_only=False)
    bench = Bench(Hypervisor(), GuestBook(ports.clock), queue)
    dependencies = GuestDependencies(hypervisor=bench.hypervisor, guests=bench.book, uplink=uplink)  # type: ignore[arg-type]
    handle = DynamicSupervisorHandle()
    tree = SupervisorSpec(
        "test",
        children=(
            DynamicSupervisorSpec(
                "guests", lambda context, key: GuestChannel(context, key, dependencies), handle=handle
            ),
        ),
    )
    async with running(tree, ports, Directory()):
        nursery.start_soon(bench.collect)
        handle.ensure("vm").tell(ListenToGuest(vm_id="vm"))
        await trio.sleep(0.5)
        yield bench
        nursery.cancel_scope.cancel()


async def test_it_welcomes_and_reports(bench: Bench, autojump_clock: object) -> None:
    assert bench.line.orders[0]["type"] == "welcome"
    await bench.line.say("facts", fqdn="one")
    await trio.sleep(2)
    assert bench.reported == [GuestReport(vm_id="vm", fqdn="one")]
    assert bench.book.is_alive("vm")


async def test_changes_are_reported_at_most_once_a_second(bench: Bench, autojump_clock: object) -> None:
    for number in range(30):
        await bench.line.say("facts", fqdn=f"name-{number}")
        await trio.sleep(0.1)
    await trio.sleep(3)
    assert len(bench.reported) <= 6
    assert bench.reported[-1] == GuestReport(vm_id="vm", fqdn="name-29")


async def test_silence_is_said_once_and_speech_again(bench: Bench, autojump_clock: object) -> None:
    await bench.line.say("facts", fqdn="one")
    await trio.sleep(60)
    assert [type(message) for message in bench.reported] == [GuestReport, GuestSilent]
    assert not bench.book.is_alive("vm")
    await bench.line.say("heartbeat", memory_total_bytes=2, memory_available_bytes=1)
    await trio.sleep(2)
    assert isinstance(bench.reported[-1], GuestReport)
    assert bench.reported[-1].fqdn == "one"


async def test_a_flood_shuts_the_guest_out_for_a_minute_with_one_event(bench: Bench, autojump_clock: object) -> None:
    await bench.line.say("facts", fqdn="one")
    await trio.sleep(2)
    bench.reported.clear()
    for _ in range(500):
        await bench.line.say("heartbeat", memory_total_bytes=1)
    await trio.sleep(30)
    assert len(bench.hypervisor.lines) == 1, "it is not listened to"
    (message,) = bench.reported
    assert isinstance(message, GuestSilent)
    assert "too much" in message.reason
    await trio.sleep(40)
    assert len(bench.hypervisor.lines) == 2
    await bench.line.say("facts", fqdn="calm")
    await trio.sleep(2)
    assert bench.reported[-1] == GuestReport(vm_id="vm", fqdn="calm")


async def test_garbage_keeps_no_guest_alive(bench: Bench, autojump_clock: object) -> None:
    for _ in range(40):
        await bench.line.to_host.send(b"\x00garbage\n")
        await trio.sleep(1)
    assert [type(message) for message in bench.reported] == [GuestSilent]


async def test_a_closed_channel_is_opened_again(bench: Bench, autojump_clock: object) -> None:
    await bench.line.say("facts", fqdn="one")
    await trio.sleep(1)
    await bench.line.to_host.aclose()
    await trio.sleep(5)
    assert isinstance(bench.reported[-1], GuestSilent)
    assert len(bench.hypervisor.lines) == 2


async def test_an_order_waits_for_the_agents_answer(bench: Bench, autojump_clock: object) -> None:
    assert not await bench.book.ask("vm", "shutdown", "why"), "nobody has spoken yet"
    await bench.line.say("hello", version=1)
    await trio.sleep(0.1)
    answers: list[bool] = []

    async def ask() -> None:
        answers.append(await bench.book.ask("vm", "shutdown", "why"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(0.5)
        order = bench.line.orders[-1]
        assert (order["type"], order["reason"]) == ("shutdown", "why")
        await bench.line.say("reply", id=order["id"], ok=True)
    assert answers == [True]
    assert not await bench.book.ask("vm", "shutdown", "no answer comes")


async def test_an_order_that_the_agent_refuses_is_refused_at_once_and_says_why(
    bench: Bench, autojump_clock: object
) -> None:
    with pytest.raises(Conflict, match="no guest agent responds"):
        await bench.book.demand("vm", "freeze", 20)
    await bench.line.say("hello", version=1)
    await trio.sleep(0.1)
    began = trio.current_time()

    async def refuse(**reply: Any) -> None:
        await trio.sleep(0.5)
        await bench.line.say("reply", id=bench.line.orders[-1]["id"], **reply)

    for reply, reason in (
        ({"ok": False, "error": "/x cannot be frozen"}, r"could not freeze its file systems: /x cannot be frozen\."),
        ({"ok": False}, "no reason given"),
        ({"ok": "yes"}, "no reason given"),
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(refuse, **reply))
            with pytest.raises(HostFailed, match=reason):
                await bench.book.demand("vm", "freeze", 20)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(refuse, ok=False, error="no"))
        assert not await bench.book.ask("vm", "shutdown", "")
    assert trio.current_time() - began < 2.5
    with pytest.raises(HostFailed, match="did not freeze its file systems within 20 s") as old:
        await bench.book.demand("vm", "freeze", 20)
    assert "too old" in old.value.refusal.remedy


async def test_an_order_ends_with_the_channel(bench: Bench, autojump_clock: object) -> None:
    await bench.line.say("hello", version=1)
    await trio.sleep(0.1)
    began = trio.current_time()

    async def hang_up() -> None:
        await trio.sleep(1)
        await bench.line.to_host.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hang_up)
        with pytest.raises(HostFailed, match="the channel to it closed"):
            await bench.book.demand("vm", "freeze", 20)
    assert trio.current_time() - began == pytest.approx(1, abs=0.1)


async def test_a_guest_that_does_not_read_holds_nobody_up(bench: Bench, autojump_clock: object) -> None:
    bench.line.reads = False
    await bench.line.say("hello", version=1)
    await trio.sleep(0.1)
    began = trio.current_time()
    for _ in range(20):
        assert not await bench.book.ask("vm", "shutdown", "")
    assert trio.current_time() - began < 61
    await bench.line.say("heartbeat", memory_total_bytes=1)
    await trio.sleep(1)
    assert bench.book.is_alive("vm"), "what it says is still heard"


async def test_what_was_read_when_the_guest_started_over_is_not_said(bench: Bench, autojump_clock: object) -> None:
    await bench.line.say("facts", fqdn="before")
    await trio.sleep(2)
    before = bench.line
    before.to_host.send_nowait(b'{"type": "facts", "fqdn": "late"}\n')
    bench.book.starts_over("vm")  # in the same moment: the line is read already
    await trio.sleep(5)
    assert bench.line is not before
    assert bench.reported == [GuestReport(vm_id="vm", fqdn="before")]
    await bench.line.say("facts", fqdn="after")
    await trio.sleep(2)
    assert bench.reported[1:] == [GuestReport(vm_id="vm", fqdn="after")]
