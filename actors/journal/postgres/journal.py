"""The journal's promises kept by PostgreSQL: each method hands one whole function to the asyncio thread.

It must not retry: whether to wait, refuse or stop is the writer's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from itertools import cycle
from typing import Any, Final, TypeVar

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
    StaleEpoch,
    Transaction,
)
from actors.journal.postgres import statements as sql
from actors.journal.postgres.append import Appender, resolve
from actors.journal.postgres.asyncio_thread import AsyncioThread, BridgeClosed
from actors.journal.postgres.connections import Connection, Slot, count_of
from actors.journal.postgres.schema import migrate, settle_stream

T = TypeVar("T")
Call = Callable[[Connection], Coroutine[Any, Any, T]]

prune_rows_max: Final = 20_000
other_connections: Final = 2


class PostgresJournal:
    """A `Journal` in the database behind `dsn`, over four connections: writing, leasing, and two for all else.

    Leasing has its own, so that a renewal never waits behind a group of commits.
    """

    def __init__(self, dsn: str, *, stream: str = "system") -> None:
        self._thread = AsyncioThread("postgres")
        self._stream = stream
        self._stream_id = ""
        self._dsn = dsn
        self._make_slots()

    def _make_slots(self) -> None:
        self._writing = Slot(self._dsn, self._settle)
        self._leasing = Slot(self._dsn)
        self._others = [Slot(self._dsn) for _ in range(other_connections)]
        self._next_other = cycle(self._others)

    async def _settle(self, connection: Connection) -> None:
        """For each new writing connection, since it may lead to a restored database or a promoted standby.

        The id that is appended under changes by `open` and `acquire_lease` alone: the old leader becomes stale.
        """
        await migrate(connection)
        stream_id = await settle_stream(connection, self._stream)
        self._stream_id = self._stream_id or stream_id

    async def _call(self, slot: Slot, function: Call[T]) -> T:
        async def use() -> T:
            async with slot.use() as connection:
                return await function(connection)

        use.__qualname__ = function.__qualname__
        try:
            return await self._thread.run(use)
        except BridgeClosed as error:
            raise JournalUnavailable(str(error)) from error

    async def _elsewhere(self, function: Call[T]) -> T:
        return await self._call(next(self._next_other), function)

    async def open(self) -> None:
        self._thread.start()
        self._stream_id = ""

        async def settle(connection: Connection) -> None:
            if not self._stream_id:
                await self._settle(connection)

        await self._call(self._writing, settle)

    async def close(self) -> None:
        async def close() -> None:
            for slot in (self._writing, self._leasing, *self._others):
                await slot.close()

        if self._thread.running:
            await self._thread.run(close)
        await self._thread.stop()
        self._make_slots()  # the old locks belong to the old loop

    # Lease and epoch

    async def acquire_lease(self, holder: str, lease_seconds: float, *, above: int = 0) -> Epoch | None:
        async def acquire(connection: Connection) -> Epoch | None:
            async with connection.transaction():
                if not count_of(await connection.execute(sql.acquire_lease, self._stream, holder, lease_seconds)):
                    return None
                await connection.execute(sql.lock_epoch, self._stream)
                raised = await connection.fetchrow(sql.raise_epoch, self._stream, above)
                await connection.execute(sql.stamp_lease, self._stream, raised["epoch"])
            self._stream_id = raised["stream_id"]
            return Epoch(raised["epoch"])

        return await self._call(self._leasing, acquire)

    async def renew_lease(self, holder: str, epoch: int, lease_seconds: float) -> bool:
        async def renew(connection: Connection) -> bool:
            status = await connection.execute(sql.renew_lease, self._stream, holder, epoch, lease_seconds)
            return count_of(status) == 1

        return await self._call(self._leasing, renew)

    async def release_lease(self, holder: str, epoch: int) -> None:
        async def release(connection: Connection) -> None:
            await connection.execute(sql.release_lease, self._stream, holder, epoch)

        await self._call(self._leasing, release)

    # Writing

    async def append(self, epoch: int, transactions: Sequence[Transaction], *, group: int = 0) -> list[AppendResult]:
        async def append(connection: Connection) -> list[AppendResult]:
            return await Appender(connection, self._stream, self._stream_id, epoch, group).append(transactions)

        try:
            return await self._call(self._writing, append)
        except JournalUnavailable as error:
            if isinstance(error.__cause__, BridgeClosed):
                raise OutcomeUnknown("the connection was closed meanwhile") from error
            raise

    async def resolve(
        self, epoch: int, transactions: Sequence[Transaction], *, group: int
    ) -> list[AppendResult] | None:
        async def find(connection: Connection) -> list[AppendResult] | None:
            return await resolve(connection, self._stream, epoch, group, transactions)

        # The writing connection: an append that its caller abandoned comes before.
        return await self._call(self._writing, find)

    async def store_samples(self, epoch: int, samples: Sequence[Sample]) -> None:
        async def store(connection: Connection) -> None:
            rows = [(sample.kind, sample.id, sample.at, sample.values) for sample in samples]
            async with connection.transaction():
                await self._check_epoch(connection, epoch)
                await connection.execute(sql.store_samples, *(list(column) for column in zip(*rows, strict=True)))

        if samples:
            await self._elsewhere(store)

    async def prune(self, epoch: int, *, commands_older_seconds: float, samples_older_seconds: float) -> Pruned:
        async def prune(connection: Connection) -> Pruned:
            async with connection.transaction():
                await self._check_epoch(connection, epoch)
                commands = await connection.execute(sql.prune_commands, commands_older_seconds, prune_rows_max)
                samples = await connection.execute(sql.prune_samples, samples_older_seconds, prune_rows_max)
            return Pruned(count_of(commands), count_of(samples))

        dropped = Pruned(0, 0)
        while True:
            some = await self._elsewhere(prune)
            dropped = Pruned(dropped.commands + some.commands, dropped.samples + some.samples)
            if max(some.commands, some.samples) < prune_rows_max:
                return dropped

    async def _check_epoch(self, connection: Connection, epoch: int) -> None:
        if await connection.fetchval(sql.check_epoch, self._stream, self._stream_id) != epoch:
            raise StaleEpoch(f"epoch {epoch} is not the present one")

    # Reading

    async def snapshot(self, kinds: Sequence[str] | None = None) -> JournalSnapshot:
        async def snapshot(connection: Connection) -> JournalSnapshot:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                head = Head(*await connection.fetchrow(sql.head, self._stream))
                records = await connection.fetch(sql.snapshot, None if kinds is None else list(kinds))
            return JournalSnapshot(head, tuple(EntityRow(*record) for record in records))

        return await self._elsewhere(snapshot)

    async def read(self, after: int, limit: int) -> list[JournalRow]:
        async def read(connection: Connection) -> list[JournalRow]:
            return [JournalRow(*record) for record in await connection.fetch(sql.read, self._stream, after, limit)]

        return await self._elsewhere(read)

    async def last_events(self, kind: str, limit: int) -> list[JournalRow]:
        async def last_events(connection: Connection) -> list[JournalRow]:
            return [JournalRow(*record) for record in await connection.fetch(sql.last_events, kind, limit)]

        return await self._elsewhere(last_events)

    async def head(self) -> Head:
        async def head(connection: Connection) -> Head:
            return Head(*await connection.fetchrow(sql.head, self._stream))

        return await self._elsewhere(head)

    async def command_outcome(self, command_id: str) -> bytes | None:
        async def command_outcome(connection: Connection) -> bytes | None:
            reply: bytes | None = await connection.fetchval(sql.command_outcome, command_id)
            return reply

        return await self._elsewhere(command_outcome)
