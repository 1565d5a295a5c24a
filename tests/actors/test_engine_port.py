"""The engine as a gateway sees it: changes in order, a snapshot to begin with, nobody slowed by a slow reader."""

from __future__ import annotations

import datetime
from typing import Any, cast

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import engine_port
from actors.command_router import CommandRouter
from actors.engine_port import EnginePortInProcess, change_of
from actors.host.consoles import ConsoleBroker
from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.journal.port import EntityRow, EntityWrite, JournalEntry, JournalRow, Transaction
from actors.kernel import Ports
from protocol.activity.model import Event
from protocol.codec import encode
from protocol.errors import Refusal, Unavailable
from protocol.live.engine import Change, HostSamples, Principal
from protocol.message import Message
from protocol.vm.model import Vm

AT = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def row(sequence: int, document: Message | None, **more: Any) -> JournalRow:
    values: dict[str, Any] = {
        "stream_id": "s", "sequence": sequence, "epoch": 1, "kind": "vm", "id": "1", "version": 1, "tag": "vm.added",
        "event": b"", "document": encode(document) if document else None, "correlation_id": "", "at": AT,
        "removed": False,
    }  # fmt: skip
    return JournalRow(**{**values, **more})


def samples(number: int) -> HostSamples:
    return HostSamples(
        host_id=str(number), at=AT, cpu_percent=0.0, cpu_user_percent=0.0, memory_used_bytes=0, memory_free_bytes=0,
        load_average=0.0,
    )  # fmt: skip


@attrs.define
class Engine:
    journal: MemoryJournal
    epoch: int
    port: EnginePortInProcess

    async def write(self, number: int) -> None:
        """One VM and one audit line."""
        document = encode(Vm(id=str(number), name=f"vm{number}"))
        line = encode(Event(code=1, severity="normal", description=f"{number} was added"))
        transaction = Transaction(
            (EntityWrite(EntityRow("vm", str(number), 1, f"vm{number}", "", b"", document), 0),),
            (
                JournalEntry("vm", str(number), 1, "vm.added", b"", document, "", AT),
                JournalEntry("event", "", 1, "event", b"", line, "", AT),
            ),
        )
        await self.journal.append(self.epoch, [transaction])


async def opened() -> Engine:
    journal = MemoryStore(Ports.seeded(1).clock).connect()
    epoch = await journal.acquire_lease("engine", 1e6)
    assert epoch is not None
    port = EnginePortInProcess(journal, cast(CommandRouter, None), cast(ConsoleBroker, None), lambda: True)
    return Engine(journal, epoch, port)


def test_a_change_is_the_row_with_its_document() -> None:
    change = change_of(row(7, Vm(id="1", name="web"), correlation_id="corr"))
    assert change == Change(
        sequence=7, kind="vm", id="1", version=1, tag="vm.added", at=AT, document=Vm(id="1", name="web"),
        correlation_id="corr",
    )  # fmt: skip


def test_an_audit_line_is_numbered_by_its_sequence() -> None:
    change = change_of(row(7, Event(code=1, severity="normal", description="x"), kind="event", id="", tag="event"))
    assert isinstance(change.document, Event)
    assert (change.id, change.document.id, change.document.index, change.sequence) == ("7", "7", 7, 7)


def test_a_removed_object_has_no_document() -> None:
    assert change_of(row(7, None, removed=True)).document is None
    assert change_of(row(7, Vm(id="1"), removed=True)).document is None


async def test_a_snapshot_and_the_changes_after_it_are_all_there_is(autojump_clock: MockClock) -> None:
    engine = await opened()
    for number in range(3):
        await engine.write(number)
    taken = await engine.port.snapshot()
    assert (taken.sequence, [entity.id for entity in taken.entities]) == (6, ["0", "1", "2"])
    assert [change.sequence for change in taken.events] == [2, 4, 6], "oldest first"
    assert await engine.port.changes_after(6, 10) == []
    await engine.write(3)
    after = await engine.port.changes_after(6, 10)
    assert after is not None
    assert [(change.sequence, change.kind) for change in after] == [(7, "vm"), (8, "event")]
    first = await engine.port.changes_after(6, 1)
    assert first is not None
    assert len(first) == 1


async def test_beyond_what_is_kept_there_are_no_changes(autojump_clock: MockClock) -> None:
    engine = await opened()
    for number in range(3):
        await engine.write(number)
    engine.journal.store.tables.forget_before(4)
    assert await engine.port.changes_after(2, 10) is None, "the row after it is gone"
    assert await engine.port.changes_after(3, 10) is not None
    assert await engine.port.changes_after(7, 10) is None, "a cursor of the future is of another history"


async def test_a_database_that_is_away_is_unavailable(autojump_clock: MockClock) -> None:
    engine = await opened()
    engine.journal.store.away = True
    with pytest.raises(Unavailable):
        await engine.port.snapshot()
    with pytest.raises(Unavailable):
        await engine.port.changes_after(0, 10)


async def test_every_subscriber_gets_every_change_in_order(autojump_clock: MockClock) -> None:
    engine = await opened()
    async with engine.port.subscribe() as one, engine.port.subscribe() as two:
        engine.port.published([row(1, Vm(id="1")), row(2, Vm(id="1"))])
        engine.port.sampled(samples(0))
        for channel in (one, two):
            got = [channel.receive_nowait() for _ in range(3)]
            assert [getattr(message, "sequence", "samples") for message in got] == [1, 2, "samples"]


async def test_one_that_left_is_forgotten(autojump_clock: MockClock) -> None:
    engine = await opened()
    async with engine.port.subscribe() as channel:
        pass
    engine.port.published([row(1, Vm(id="1"))])
    with pytest.raises(trio.ClosedResourceError):
        channel.receive_nowait()


async def test_a_slow_subscriber_loses_its_channel_and_slows_nobody(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_port, "subscriber_changes_max", 2)
    engine = await opened()
    async with engine.port.subscribe() as slow, engine.port.subscribe() as quick:
        for sequence in range(1, 6):
            engine.port.published([row(sequence, Vm(id="1"))])
            change = quick.receive_nowait()
            assert isinstance(change, Change)
            assert change.sequence == sequence
        assert [message.sequence for _ in range(2) if isinstance(message := slow.receive_nowait(), Change)] == [1, 2]
        with pytest.raises(trio.EndOfChannel):  # never a gap that one would not notice
            slow.receive_nowait()


async def test_samples_that_find_no_room_are_left_out(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_port, "subscriber_changes_max", 1)
    engine = await opened()
    async with engine.port.subscribe() as channel:
        engine.port.sampled(samples(1))
        engine.port.sampled(samples(2))
        first = channel.receive_nowait()
        assert isinstance(first, HostSamples)
        assert first.host_id == "1"
        engine.port.published([row(1, Vm(id="1"))])
        assert isinstance(channel.receive_nowait(), Change), "it still gets what it must not miss"


async def test_consoles_are_for_administrators() -> None:
    engine = await opened()
    refusal = await engine.port.open_console("1", Principal(user_id="g", name="guest", administrator=False))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403
    await wait_all_tasks_blocked()
