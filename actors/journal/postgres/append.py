"""Commits a group: in bulk when all is well, halved again and again around what is not, down to one by one.

It must not leave a doubt that it can avoid: everything that fails before COMMIT was sent is surely not committed.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.journal.commit_results import results_of
from actors.journal.port import (
    AppendResult,
    CommandRepeated,
    EntityRemoval,
    EntityWrite,
    NameConflict,
    NotStorable,
    OutcomeUnknown,
    Rejection,
    SideMissing,
    StaleEpoch,
    Transaction,
    VersionConflict,
)
from actors.journal.postgres import statements as sql
from actors.journal.postgres.bulk import Bulk, bulk_of, bulk_without_writes, pack_rejections, unpack_rejections
from actors.journal.postgres.connections import (
    Connection,
    MissingReference,
    RowErrors,
    UniqueError,
    constraint_of,
    count_of,
)


class NotInBulk(Exception):
    """Something in the group is not as its writer expected; which transaction it is, halving finds out."""


class Appender:
    """Appends to one stream over one connection, under one epoch."""

    def __init__(self, connection: Connection, stream: str, stream_id: str, epoch: int, group: int) -> None:
        self._connection = connection
        self._head = (stream, stream_id, epoch)
        self._stream = stream
        self._stream_id = stream_id
        self._epoch = epoch
        self._group = group

    async def append(self, transactions: Sequence[Transaction]) -> list[AppendResult]:
        """Commits the group. Raises `StaleEpoch`, `OutcomeUnknown`, or what the connection raises."""
        rejections: dict[int, Rejection] = {}
        await self._connection.execute("BEGIN")
        try:
            try:
                first_sequence = await self._bulk(bulk_of(transactions))
            except (NotInBulk, *RowErrors):
                await self._connection.execute("ROLLBACK")
                await self._connection.execute("BEGIN")
                first_sequence = await self._in_parts(transactions, rejections)
        except StaleEpoch:
            await self._connection.execute("ROLLBACK")
            raise
        await self._commit()
        return results_of(self._stream_id, self._epoch, first_sequence, transactions, rejections)

    async def _commit(self) -> None:
        try:
            status = await self._connection.execute("COMMIT")
        except Exception as error:
            raise OutcomeUnknown(f"lost while committing: {type(error).__name__}: {error}"[:300]) from error
        assert status == "COMMIT", f"the transaction ended as {status}"

    async def _bulk(self, bulk: Bulk | None) -> int:
        """Writes all at once and returns the first sequence."""
        if bulk is None:
            raise NotInBulk
        columns = (*bulk.created, *bulk.changed, *bulk.appended, *bulk.answered)
        record = await self._connection.fetchrow(sql.append_bulk, *self._head, bulk.entries, self._group, *columns)
        if record is None:
            raise self._stale()
        if record["changed"] != bulk.changed_count:
            raise NotInBulk
        if bulk.removed_count:
            status = await self._connection.execute(sql.remove_bulk, *bulk.removed)
            if count_of(status) != bulk.removed_count:
                raise NotInBulk
        return int(record["before"]) + 1

    def _stale(self) -> StaleEpoch:
        return StaleEpoch(f"epoch {self._epoch} of stream {self._stream_id} is not the present one")

    # Around a rejection

    async def _in_parts(self, transactions: Sequence[Transaction], rejections: dict[int, Rejection]) -> int:
        head = await self._connection.fetchrow(sql.lock_head, self._stream, self._stream_id)
        if head is None or head["epoch"] != self._epoch:
            raise self._stale()
        first_sequence = int(head["sequence"]) + 1
        middle = len(transactions) // 2
        if middle:
            await self._part(transactions, 0, middle, rejections)
        await self._part(transactions, middle, len(transactions), rejections)
        packed = pack_rejections(rejections)
        await self._connection.execute(sql.mark_group, self._stream, self._epoch, self._group, first_sequence, packed)
        return first_sequence

    async def _part(
        self, transactions: Sequence[Transaction], start: int, end: int, rejections: dict[int, Rejection]
    ) -> None:
        rejection: Rejection | None = None
        await self._connection.execute("SAVEPOINT part")
        try:
            if end - start == 1:
                rejection = await self._one(transactions[start])
            else:
                await self._bulk(bulk_of(transactions[start:end]))
        except MissingReference:
            rejection = SideMissing()
        except (NotInBulk, *RowErrors) as error:
            rejection = NotStorable(f"{type(error).__name__}: {error}"[:300])
        if rejection is not None:
            await self._connection.execute("ROLLBACK TO SAVEPOINT part")
        await self._connection.execute("RELEASE SAVEPOINT part")
        if rejection is None:
            return
        if end - start == 1:
            rejections[start] = rejection
            return
        middle = (start + end) // 2
        await self._part(transactions, start, middle, rejections)
        await self._part(transactions, middle, end, rejections)

    async def _one(self, transaction: Transaction) -> Rejection | None:
        outcome = transaction.outcome
        if outcome is not None and await self._connection.fetchval(sql.is_answered, outcome.command_id):
            return CommandRepeated(outcome.command_id)
        head = await self._connection.fetchrow(sql.lock_head, self._stream, self._stream_id)
        sequence = int(head["sequence"]) + len(transaction.entries)
        await self._connection.execute(sql.check_sides_later)
        for write in transaction.writes:
            rejection = await self._write(write, sequence)
            if rejection is not None:
                return rejection
        await self._connection.execute(sql.check_sides)
        await self._bulk(bulk_without_writes(transaction))
        return None

    async def _write(self, write: EntityWrite, sequence: int) -> Rejection | None:
        row, expected = write.row, write.expected_version
        if isinstance(row, EntityRemoval):
            status = await self._connection.execute(sql.remove_one, row.kind, row.id, expected)
            return None if count_of(status) else VersionConflict(row.kind, row.id, expected)
        values = (
            *(row.kind, row.id, row.version, row.name, row.parent, row.state, row.document),
            *(self._stream_id, sequence),
        )
        try:
            if expected == 0:
                status = await self._connection.execute(sql.create_one, *values)
            else:
                status = await self._connection.execute(sql.change_one, *values, expected)
        except UniqueError as error:
            if constraint_of(error) != "entities_name" or row.name is None:
                raise
            return NameConflict(row.kind, row.parent, row.name)
        return None if count_of(status) else VersionConflict(row.kind, row.id, expected)


async def resolve(
    connection: Connection, stream: str, epoch: int, group: int, transactions: Sequence[Transaction]
) -> list[AppendResult] | None:
    """The results of an epoch's last group if it committed; waits until a lost connection's transaction is decided."""
    async with connection.transaction():
        stream_id = await connection.fetchval(sql.wait_for_head, stream)
        found = await connection.fetchrow(sql.find_group, stream, epoch, group)
    if found is None:
        return None
    rejections = unpack_rejections(found["rejections"])
    return results_of(stream_id, epoch, int(found["first_sequence"]), transactions, rejections)
