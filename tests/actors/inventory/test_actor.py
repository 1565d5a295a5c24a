"""The inventory's actor in a real engine tree: one command at a time, durable before the reply."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.entity.messages import Crash
from actors.journal.memory.journal import AppendFault
from protocol.activity.model import Event
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.commands import AddEntity, AddEvent, RemoveEntity
from protocol.inventory.model import Cluster, DataCenter
from protocol.live.engine import Accepted
from protocol.message import Message
from tests.actors.storage.room import Room, opened


async def at_once(room: Room, *commands: Message) -> list[Accepted | Refusal]:
    replies: dict[int, Accepted | Refusal] = {}

    async def give(number: int, command: Message) -> None:
        replies[number] = await room.give(f"command-{number}", command)

    async with trio.open_nursery() as nursery:
        for number, command in enumerate(commands):
            nursery.start_soon(give, number, command)
    return [replies[number] for number in range(len(commands))]


async def test_commands_at_the_same_moment_see_each_other(autojump_clock: MockClock) -> None:
    async with opened() as room:
        first = await room.give("dc", AddEntity(kind="data_center", document=DataCenter(name="east", local=False)))
        assert isinstance(first, Accepted)
        assert first.sequence == room.store.tables.sequence
        replies = await at_once(
            room,
            AddEntity(kind="cluster", document=Cluster(name="one", data_center=Ref(id="dc"))),
            RemoveEntity(kind="data_center", id="dc"),
            AddEntity(kind="cluster", document=Cluster(name="one", data_center=Ref(id="dc"))),
        )
        gone = room.document("data_center", "dc") is None
        accepted = [isinstance(reply, Accepted) for reply in replies]
        assert sum(accepted) == 1  # either the removal, or one cluster
        assert accepted[1] == gone


async def test_the_same_command_again_has_one_effect(autojump_clock: MockClock) -> None:
    async with opened() as room:
        command = AddEntity(kind="data_center", document=DataCenter(name="east", local=False))
        first, second = await room.give("dc", command), await room.give("dc", command)
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert first.document == second.document
        assert len(room.engine.rows.named(DataCenter, "east")) == 1


async def test_an_event_gets_its_place_in_the_journal(autojump_clock: MockClock) -> None:
    async with opened() as room:
        event = Event(description="Backup done.", severity="normal", origin="backup")
        reply = await room.give("e", AddEvent(document=event))
        assert isinstance(reply, Accepted)
        assert room.store.tables.journal[-1].sequence == reply.sequence


async def test_while_the_database_is_away_nothing_is_said_to_be_done(autojump_clock: MockClock) -> None:
    async with opened() as room:
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        command = AddEntity(kind="data_center", document=DataCenter(name="east", local=False))
        reply = await room.give("dc", command)
        assert isinstance(reply, Refusal)
        assert reply.code == "unavailable"
        assert room.engine.rows.named(DataCenter, "east") == []
        await room.settle()
        assert isinstance(await room.give("dc", command), Accepted)


async def test_it_goes_on_after_a_crash(autojump_clock: MockClock) -> None:
    async with opened() as room:
        ref = room.engine.ensure("inventory", "main")
        assert ref is not None
        ref.tell(Crash())
        command = AddEntity(kind="data_center", document=DataCenter(name="east", local=False))
        reply = await room.give("dc", command)
        if isinstance(reply, Refusal):
            reply = await room.give("dc", command)
        assert isinstance(reply, Accepted)


async def test_a_crash_while_a_commit_is_on_its_way_says_nothing_of_it(autojump_clock: MockClock) -> None:
    """Whose change becomes durable hears so; the next incarnation decides on it."""
    async with opened() as room:
        room.store.delay_seconds = 2.0
        ref = room.engine.ensure("inventory", "main")
        assert ref is not None
        east = AddEntity(kind="data_center", document=DataCenter(name="east", local=False))
        replies: list[Accepted | Refusal] = []

        async def give(id: str, after: float) -> None:
            await trio.sleep(after)
            replies.append(await room.give(id, east))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give, "one", 0)
            await trio.sleep(1.5)
            ref.tell(Crash())
            nursery.start_soon(give, "two", 0.1)
        assert [getattr(reply, "code", "accepted") for reply in replies] == ["accepted", "name_taken"]
        assert len(room.engine.rows.named(DataCenter, "east")) == 1
