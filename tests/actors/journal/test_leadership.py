"""Who leads, by which epoch, and how it learns that it does no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from actors.journal.leadership import Leadership
from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.kernel.ports import TrioClock


class Candidate:
    """One engine: it leads when it can, and notes what happens to it."""

    def __init__(self, store: MemoryStore, holder: str) -> None:
        self.journal: MemoryJournal = store.connect()
        self.history: list[str] = []
        self.leadership = Leadership(
            self.journal, TrioClock(), holder, on_lost=lambda: self.history.append("lost"), lease_seconds=9
        )

    async def run(self) -> None:
        self.history.append(f"leads {await self.leadership.acquire()}")
        await self.leadership.keep()


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        for candidate in candidates:
            nursery.start_soon(candidate.run)
            await trio.sleep(0.01)
        yield nursery
        nursery.cancel_scope.cancel()


async def test_one_leads_and_the_other_waits(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock())
    one, two = Candidate(store, "a"), Candidate(store, "b")
    async with running(one, two):
        await trio.sleep(1000)
        assert (one.history, two.history) == (["leads 1"], [])
        assert one.leadership.sure
        assert not two.leadership.sure


async def test_the_successor_leads_within_the_lease_and_five_seconds(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock())
    one, two = Candidate(store, "a"), Candidate(store, "b")
    async with running(one, two):
        await trio.sleep(30)
        one.journal.cut = True
        await trio.sleep(9 + 5)
        assert two.history == ["leads 2"]
        assert not one.leadership.sure
        assert one.history == ["leads 1"]
        one.journal.cut = False
        await trio.sleep(9)
        assert one.history == ["leads 1", "lost"]


async def test_who_restarts_under_the_same_name_need_not_wait(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock())
    before, after = Candidate(store, "a"), Candidate(store, "a")
    async with running(before, after):
        assert after.history == ["leads 2"]
        await trio.sleep(9)
        assert before.history == ["leads 1", "lost"]


async def test_a_database_that_is_away_is_no_loss(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock())
    one = Candidate(store, "a")
    async with running(one):
        await trio.sleep(10)
        store.away = True
        await trio.sleep(1000)
        assert one.history == ["leads 1"]
        assert one.leadership.epoch == 1
        assert not one.leadership.sure
        store.away = False
        await trio.sleep(5)
        assert one.leadership.sure


async def test_who_releases_lets_the_next_one_in(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock())
    one, two = Candidate(store, "a"), Candidate(store, "b")
    await one.leadership.acquire()
    async with running(two):
        await one.leadership.release()
        await trio.sleep(1.1)
        assert two.history == ["leads 2"]
        await one.leadership.release()
        await trio.sleep(20)
        assert two.history == ["leads 2"]


async def test_it_waits_for_the_database_to_come(autojump_clock: MockClock) -> None:
    store = MemoryStore(TrioClock(), away=True)
    one = Candidate(store, "a")
    async with running(one):
        await trio.sleep(100)
        store.away = False
        await trio.sleep(1.1)
        assert one.history == ["leads 1"]
