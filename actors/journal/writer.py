"""The single writer: gathers what is submitted while a group is in flight, commits it at once, answers in order.

It must not guess: a group whose outcome is unknown is kept until the database has told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs
import trio

from actors.journal.port import (
    Appended,
    AppendResult,
    Journal,
    JournalRow,
    JournalUnavailable,
    Key,
    OutcomeUnknown,
    StaleEpoch,
    Transaction,
)
from actors.journal.refusals import away, built_on_failed, deposed, overloaded, refusal_of
from protocol import limits
from protocol.errors import Refusal

if TYPE_CHECKING:
    from actors.kernel.ports import Clock, Random

log = logging.getLogger(__name__)

queue_transactions_max: Final = 50_000
reconnect_seconds_min: Final = 0.1
reconnect_seconds_max: Final = 5.0


@attrs.frozen
class Durable:
    """The transaction is on disk, as these rows."""

    first_sequence: int
    last_sequence: int
    rows: tuple[JournalRow, ...]


@attrs.frozen
class Failed:
    """Nothing of the transaction is in the database; its actor reloads. `result` tells the store's own reason."""

    refusal: Refusal
    result: AppendResult | None = None


Done = Callable[[Durable | Failed], None]
RowsListener = Callable[[Sequence[JournalRow]], None]


@attrs.frozen(eq=False)
class Pending:
    """A submitted transaction, its size, and who wants to hear of it."""

    transaction: Transaction
    on_done: Done
    rows: int
    bytes: int


class JournalWriter:
    """Writes under one epoch. `run` is its task; everything else is synchronous and belongs to the same Trio loop.

    `on_done` is never called inside `submit`, but later from the task, once for each transaction and in the order of
    submission for each entity. Rows go to the listeners before the callbacks, so that whoever gets a reply can read
    what he wrote. Cancelling `run` leaves the callbacks of a group in flight uncalled; running it again settles them.
    """

    def __init__(
        self,
        journal: Journal,
        epoch: int,
        *,
        clock: Clock,
        random: Random,
        on_deposed: Callable[[], None],
        rows_max: int = limits.commit_rows_max,
        bytes_max: int = limits.commit_bytes_max,
    ) -> None:
        self.epoch = epoch
        self._journal = journal
        self._clock = clock
        self._random = random
        self._on_deposed = on_deposed
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._queue: deque[Pending] = deque()
        self._refused: deque[tuple[Pending, Refusal]] = deque()
        self._in_flight: list[Pending] = []
        self._group = 0
        self._outage: Refusal | None = None
        self._deposed = False
        self._bell_ring, self._bell = trio.open_memory_channel[None](1)
        self._row_listeners: list[RowsListener] = []
        self._availability_listeners: list[Callable[[bool], None]] = []

    @property
    def available(self) -> bool:
        """False while the database is away, an outcome is unknown, or another engine leads: mutations get 503."""
        return self._outage is None

    def on_rows(self, listener: RowsListener) -> None:
        """Adds a listener for every durable row, group by group, in order. It must not raise or wait."""
        self._row_listeners.append(listener)

    def on_availability(self, listener: Callable[[bool], None]) -> None:
        """Adds a listener for changes of `available`."""
        self._availability_listeners.append(listener)

    def submit(self, transaction: Transaction, on_done: Done) -> None:
        """Queues a transaction; `on_done` hears of it once. While the database is away that is a refusal, and soon.

        What is built on a transaction still undecided waits for that one's answer, so that answers keep their order.
        """
        pending = _pending(transaction, on_done)
        if self._outage is not None and not self._touches_undecided(transaction):
            self._refused.append((pending, self._outage))
        elif len(self._queue) >= queue_transactions_max:
            self._refused.append((pending, overloaded()))
        else:
            self._queue.append(pending)
        self._ring()

    async def run(self) -> None:
        """Writes until cancelled; deposed, it goes on to refuse."""
        if self._in_flight:
            await self._settle()
        while True:
            self._answer_refused()
            if self._queue:
                await self._commit()
            else:
                await self._bell.receive()

    async def _commit(self) -> None:
        self._in_flight = self._take(self._group_size())
        self._group += 1
        transactions = [pending.transaction for pending in self._in_flight]
        try:
            results = await self._journal.append(self.epoch, transactions, group=self._group)
        except JournalUnavailable as error:
            self._begin_outage(away(), error)
            self._fail_everything(away())
            await self._wait_for_database()
        except OutcomeUnknown as error:
            self._begin_outage(away(), error)
            self._refuse_independent()
            await self._settle()
        except StaleEpoch as error:
            self._depose(error)
        else:
            self._answer(results)

    async def _settle(self) -> None:
        """Finds out what became of the group in flight, however long the database is away."""
        transactions = [pending.transaction for pending in self._in_flight]
        while True:
            try:
                results = await self._journal.resolve(self.epoch, transactions, group=self._group)
            except JournalUnavailable as error:
                self._begin_outage(away(), error)
                await self._wait_for_database()
                continue
            break
        if results is None:
            self._fail_everything(away())
        else:
            self._answer(results)
        self._end_outage()

    async def _wait_for_database(self) -> None:
        """Tries again with growing, jittered pauses; refuses in the meantime what is submitted."""
        pause = reconnect_seconds_min
        while True:
            await self._refuse_for(pause * self._random.uniform(0.5, 1.0))
            pause = min(pause * 2, reconnect_seconds_max)
            try:
                await self._journal.head()
            except JournalUnavailable:
                continue
            if not self._in_flight:
                self._end_outage()
            return

    async def _refuse_for(self, seconds: float) -> None:
        with self._clock.move_on_after(seconds):
            while True:
                self._answer_refused()
                await self._bell.receive()

    # Groups

    def _group_size(self) -> int:
        """How many of the queue go together: at least one, and no more than rows and bytes allow."""
        rows = size = count = 0
        for pending in self._queue:
            rows += pending.rows
            size += pending.bytes
            if count and (rows > self._rows_max or size > self._bytes_max):
                break
            count += 1
        return count

    def _take(self, count: int) -> list[Pending]:
        return [self._queue.popleft() for _ in range(count)]

    def _touches_undecided(self, transaction: Transaction) -> bool:
        keys = _keys(transaction)
        undecided = (*self._in_flight, *self._queue)
        return any(not keys.isdisjoint(_keys(pending.transaction)) for pending in undecided)

    # Answers

    def _answer(self, results: list[AppendResult]) -> None:
        group, self._in_flight = self._in_flight, []
        rows = [row for result in results if isinstance(result, Appended) for row in result.rows]
        if rows:
            for listener in self._row_listeners:
                listener(rows)
        never: set[tuple[Key, int]] = set()
        for pending, result in zip(group, results, strict=True):
            if isinstance(result, Appended):
                never -= _made_by(pending.transaction)
                _call(pending, Durable(result.first_sequence, result.last_sequence, result.rows))
                continue
            refusal = built_on_failed() if _builds_on(pending.transaction, never) else refusal_of(result)
            never |= _made_by(pending.transaction)
            _call(pending, Failed(refusal, result))
        self._drop_dependents(never)

    def _drop_dependents(self, never: set[tuple[Key, int]]) -> None:
        """Fails what is queued on top of versions that never came to be."""
        if not never:
            return
        kept: deque[Pending] = deque()
        dropped: list[Pending] = []
        for pending in self._queue:
            if _builds_on(pending.transaction, never):
                never |= _made_by(pending.transaction)
                dropped.append(pending)
            else:
                kept.append(pending)
        self._queue = kept
        self._fail(dropped, built_on_failed())

    def _refuse_independent(self) -> None:
        """Fails what is queued and does not wait for the answer of the group in flight."""
        held = {key for pending in self._in_flight for key in _keys(pending.transaction)}
        queue, self._queue = self._queue, deque()
        independent: list[Pending] = []
        for pending in queue:
            if held.isdisjoint(_keys(pending.transaction)):
                independent.append(pending)
            else:
                held |= _keys(pending.transaction)
                self._queue.append(pending)
        self._fail(independent, away())

    def _fail_everything(self, refusal: Refusal) -> None:
        group, self._in_flight = self._in_flight, []
        self._fail((*group, *self._take(len(self._queue))), refusal)

    def _answer_refused(self) -> None:
        refused, self._refused = self._refused, deque()
        for pending, refusal in refused:
            _call(pending, Failed(refusal))

    def _fail(self, group: Iterable[Pending], refusal: Refusal) -> None:
        for pending in group:
            _call(pending, Failed(refusal))

    # Availability

    def _begin_outage(self, refusal: Refusal, error: Exception) -> None:
        if self._outage is None:
            log.warning("the journal is away: %s", error)
            self._outage = refusal
            self._tell_availability()

    def _end_outage(self) -> None:
        if self._outage is not None and not self._deposed:
            log.warning("the journal is back")
            self._outage = None
            self._tell_availability()

    def _depose(self, error: Exception) -> None:
        log.error("another engine leads: %s", error)
        self._deposed = True
        was_available, self._outage = self.available, deposed()
        if was_available:
            self._tell_availability()
        self._fail_everything(deposed())
        self._on_deposed()

    def _tell_availability(self) -> None:
        for listener in self._availability_listeners:
            listener(self.available)

    def _ring(self) -> None:
        try:
            self._bell_ring.send_nowait(None)
        except trio.WouldBlock:
            pass  # the bell rings already


def _pending(transaction: Transaction, on_done: Done) -> Pending:
    size = sum(len(entry.event) + len(entry.document or b"") for entry in transaction.entries)
    for write in transaction.writes:
        size += len(getattr(write.row, "state", b"")) + len(getattr(write.row, "document", None) or b"")
    return Pending(transaction, on_done, len(transaction.writes) + len(transaction.entries), size)


def _keys(transaction: Transaction) -> set[Key]:
    return {write.row.key for write in transaction.writes}


def _made_by(transaction: Transaction) -> set[tuple[Key, int]]:
    return {(write.row.key, write.row.version) for write in transaction.writes}


def _builds_on(transaction: Transaction, never: set[tuple[Key, int]]) -> bool:
    return any((write.row.key, write.expected_version) in never for write in transaction.writes)


def _call(pending: Pending, answer: Durable | Failed) -> None:
    try:
        pending.on_done(answer)
    except Exception:  # one actor's broken callback must not take the answers of the others along
        log.exception("the callback of a transaction raised")
