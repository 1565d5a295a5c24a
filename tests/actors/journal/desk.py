"""A writer at its desk: what was submitted is told back in words, in the order of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import wait_all_tasks_blocked

from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.journal.port import EntityRemoval, Epoch, JournalRow, Transaction
from actors.journal.writer import Durable, Failed, JournalWriter
from actors.kernel.ports import SeededRandom, TrioClock


class Desk:
    """One writer on one simulated journal, under `MockClock`."""

    def __init__(self, store: MemoryStore, journal: MemoryJournal, writer: JournalWriter) -> None:
        self.store = store
        self.journal = journal
        self.writer = writer
        self.notified: list[str] = []
        self.rows: list[JournalRow] = []

    def submit(self, transaction: Transaction) -> None:
        """Submits, to be told of it as `x1: durable 1..1` or `x1: unavailable`."""
        title = " ".join(f"{w.row.id}{w.row.version}" for w in transaction.writes)
        if any(isinstance(write.row, EntityRemoval) for write in transaction.writes):
            title += " gone"

        def done(answer: Durable | Failed) -> None:
            if isinstance(answer, Durable):
                self.notified.append(f"{title}: durable {answer.first_sequence}..{answer.last_sequence}")
            else:
                self.notified.append(f"{title}: {answer.refusal.code}")

        self.writer.submit(transaction, done)

    def take(self) -> list[str]:
        """What was told since the last time."""
        notified, self.notified = self.notified, []
        return notified

    async def settle(self) -> list[str]:
        """Lets everything that can happen now happen, and takes what was told."""
        await wait_all_tasks_blocked()
        return self.take()


@asynccontextmanager
async def desk(*, rows_max: int = 1_000, bytes_max: int = 8_000_000, running: bool = True) -> AsyncIterator[Desk]:
    """A desk whose writer runs, under a fresh epoch."""
    store = MemoryStore(TrioClock())
    journal = store.connect()
    epoch = await journal.acquire_lease("a", 10)
    assert epoch == Epoch(1)
    notified: list[str] = []
    writer = JournalWriter(
        journal,
        epoch,
        clock=TrioClock(),
        random=SeededRandom(1),
        on_deposed=lambda: notified.append("deposed"),
        rows_max=rows_max,
        bytes_max=bytes_max,
    )
    made = Desk(store, journal, writer)
    made.notified = notified
    writer.on_rows(made.rows.extend)
    async with trio.open_nursery() as nursery:
        if running:
            nursery.start_soon(writer.run)
        yield made
        nursery.cancel_scope.cancel()
