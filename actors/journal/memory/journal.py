"""The simulated journal: same promises as PostgreSQL, deterministic, with faults on demand. No disk, no thread."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import attrs
import trio

from actors.journal.memory.tables import MemoryTables
from actors.journal.port import (
    AppendResult,
    EntityRow,
    Epoch,
    Head,
    JournalRow,
    JournalSnapshot,
    JournalUnavailable,
    OutcomeUnknown,
    Pruned,
    Sample,
    Transaction,
)

if TYPE_CHECKING:
    from actors.kernel.ports import Clock


class AppendFault(enum.Enum):
    """What goes wrong with one append."""

    UNAVAILABLE = "unavailable"  # the database is away before anything was written
    UNKNOWN_COMMITTED = "unknown, committed"  # the connection is lost after the commit
    UNKNOWN_LOST = "unknown, lost"  # the connection is lost just before it


@attrs.define
class MemoryStore:
    """One simulated database, and the faults that are to come. `clock` is the database's own."""

    clock: Clock
    tables: MemoryTables = attrs.field(factory=MemoryTables)
    append_faults: deque[AppendFault] = attrs.field(factory=deque)
    away: bool = False
    delay_seconds: float = 0.0

    def connect(self) -> MemoryJournal:
        """One more connection, as a second engine has one."""
        return MemoryJournal(self)


@attrs.define
class MemoryJournal:
    """One connection to a `MemoryStore`. A `cut` one is a killed or isolated process's: nothing goes through it."""

    store: MemoryStore
    cut: bool = False

    async def open(self) -> None:
        await self._reach()

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()

    async def _reach(self) -> None:
        """The way to the database: what is cancelled or cut here was surely not done."""
        await self.store.clock.sleep(self.store.delay_seconds / 2)
        if self.cut or self.store.away:
            raise JournalUnavailable("the simulated database is away")

    async def _return(self) -> None:
        """The way back: what is cancelled or cut here was done, and nobody knows."""
        await self.store.clock.sleep(self.store.delay_seconds / 2)

    def _now(self) -> float:
        return self.store.clock.monotonic()

    async def acquire_lease(self, holder: str, lease_seconds: float, *, above: int = 0) -> Epoch | None:
        await self._reach()
        return self.store.tables.acquire(holder, lease_seconds, self._now(), above)

    async def renew_lease(self, holder: str, epoch: int, lease_seconds: float) -> bool:
        await self._reach()
        return self.store.tables.renew(holder, epoch, lease_seconds, self._now())

    async def release_lease(self, holder: str, epoch: int) -> None:
        await self._reach()
        self.store.tables.release(holder, epoch)

    async def append(self, epoch: int, transactions: Sequence[Transaction], *, group: int = 0) -> list[AppendResult]:
        fault = self.store.append_faults.popleft() if self.store.append_faults else None
        await self._reach()
        if fault is AppendFault.UNAVAILABLE:
            raise JournalUnavailable("the simulated database went away")
        if fault is AppendFault.UNKNOWN_LOST:
            self.store.tables.check(epoch)
            raise OutcomeUnknown("the simulated connection was lost before the commit")
        results = self.store.tables.append(epoch, transactions, group, self._now())
        await self._return()
        if fault is AppendFault.UNKNOWN_COMMITTED or self.cut:
            raise OutcomeUnknown("the simulated connection was lost after the commit")
        return results

    async def resolve(
        self, epoch: int, transactions: Sequence[Transaction], *, group: int
    ) -> list[AppendResult] | None:
        await self._reach()
        number, results = self.store.tables.groups.get(epoch, (None, []))
        return list(results) if number == group else None

    async def snapshot(self, kinds: Sequence[str] | None = None) -> JournalSnapshot:
        await self._reach()
        return JournalSnapshot(self.store.tables.head(), tuple(self._entities(kinds)))

    def _entities(self, kinds: Sequence[str] | None) -> list[EntityRow]:
        rows = self.store.tables.entities.values()
        return sorted((row for row in rows if kinds is None or row.kind in kinds), key=lambda row: row.key)

    async def read(self, after: int, limit: int) -> list[JournalRow]:
        await self._reach()
        return self.store.tables.read(after, limit)

    async def last_events(self, kind: str, limit: int) -> list[JournalRow]:
        await self._reach()
        return list(islice((row for row in reversed(self.store.tables.journal) if row.kind == kind), limit))

    async def head(self) -> Head:
        await self._reach()
        return self.store.tables.head()

    async def command_outcome(self, command_id: str) -> bytes | None:
        await self._reach()
        kept = self.store.tables.commands.get(command_id)
        return kept[0] if kept else None

    async def store_samples(self, epoch: int, samples: Sequence[Sample]) -> None:
        await self._reach()
        self.store.tables.check(epoch)
        self.store.tables.samples.extend((sample, self._now()) for sample in samples)

    async def prune(self, epoch: int, *, commands_older_seconds: float, samples_older_seconds: float) -> Pruned:
        await self._reach()
        self.store.tables.check(epoch)
        now = self._now()
        return self.store.tables.prune(now - commands_older_seconds, now - samples_older_seconds)
