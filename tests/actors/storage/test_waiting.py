"""Nothing is said that is not durable: neither by the one that changed something, nor by the next that saw it."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.journal.memory import AppendFault
from actors.storage.messages import BackDisk, DiscardDisk, DiskProvided
from protocol.commands.storage import AddDisk, AddStorageDomain
from protocol.errors import Refusal
from protocol.model.storage import Disk, HostStorage, StorageDomain
from protocol.model.types import Ref
from protocol.node_messages import Done
from tests.actors.storage.room import GiB, Room, host_id, opened

storage_domain_id = "dddddddd-0000-4000-8000-000000000009"
disk_id = "11111111-0000-4000-8000-000000000009"


async def prepare(room: Room) -> None:
    storage = HostStorage(type="localfs", path="/srv/local")
    storage_domain = StorageDomain(name="local", type="data", host=Ref(id=host_id), storage=storage)
    await room.give(storage_domain_id, AddStorageDomain(document=storage_domain))
    await room.settle()
    disk = Disk(name="data", provisioned_size=GiB, storage_domains=(Ref(id=storage_domain_id),))
    await room.give(disk_id, AddDisk(document=disk))
    await room.settle()


async def ask_twice(room: Room, message: Any) -> list[Any]:
    answers: list[Any] = []

    async def ask() -> None:
        ref = room.engine.ensure("disk", disk_id)
        assert ref is not None
        answers.append(await ref.ask(message, timeout_seconds=60))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    return answers


@pytest.mark.parametrize(
    "fault", [None, AppendFault.UNAVAILABLE, AppendFault.UNKNOWN_LOST, AppendFault.UNKNOWN_COMMITTED]
)
async def test_the_second_answer_waits_for_the_first(fault: AppendFault | None, autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        room.store.delay_seconds = 1.0
        if fault:
            room.store.append_faults.append(fault)
        answers = await ask_twice(room, BackDisk(child_id="child"))
        lost = fault in (AppendFault.UNAVAILABLE, AppendFault.UNKNOWN_LOST)
        assert [type(answer) for answer in answers] == [Refusal if lost else DiskProvided] * 2
        await room.settle()
        events = [type(event).__name__ for event in room.histories("disk")[disk_id]]
        assert events.count("DiskBacked") == (0 if lost else 1)


async def test_all_that_want_it_gone_hear_of_it(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        room.store.delay_seconds = 1.0
        answers = await ask_twice(room, DiscardDisk(operation_id="o"))
        assert answers == [Done(), Done()]
        assert room.node.seen.count("RemoveImage") == 1
