"""The single writer: gathers what is submitted while a group is in flight, commits it at once, answers in order.

It must not guess: a group whose outcome is unknown is kept until the database has told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import trio

from actors.journal.pending import Done, Durable, Failed, Made, Pending, PendingQueue
from actors.journal.port import (
    Appended,
    AppendResult,
    Journal,
    JournalRow,
    JournalUnavailable,
    OutcomeUnknown,
    StaleEpoch,
    Transaction,
)
from actors.journal.refusals import away, built_on_failed, deposed, overloaded, refusal_of
from protocol import limits
from protocol.errors import Refusal

if TYPE_CHECKING:
    from actors.kernel.ports import Clock, Random

__all__ = ["Done", "Durable", "Failed", "JournalWriter"]

log = logging.getLogger("corral.journal")

queue_transactions_max: Final = 50_000
reconnect_seconds_min: Final = 0.1
reconnect_seconds_max: Final = 5.0


RowsListener = Callable[[Sequence[JournalRow]], None]


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
        self._queue = PendingQueue()
        self._refused: list[tuple[Pending, Refusal]] = []
        self._in_flight: list[Pending] = []
        self._group = 0
        self._outage: Refusal | None = None
        self._deposed = False
        self._bell = trio.Event()
        self._row_listeners: list[RowsListener] = []

    @property
    def available(self) -> bool:
        """False while the database is away, an outcome is unknown, or another engine leads: mutations get 503."""
        return self._outage is None

    def on_rows(self, listener: RowsListener) -> None:
        """Adds a listener for every durable row, group by group, in order. It must not raise or wait."""
        self._row_listeners.append(listener)

    def submit(self, transaction: Transaction, on_done: Done) -> None:
        """Queues a transaction; `on_done` hears of it once. While the database is away that is a refusal, and soon.

        What is built on a transaction still undecided waits for that one's answer, so that answers keep their order.
        """
        pending = Pending.of(transaction, on_done)
        if self._outage is not None and not self._touches_undecided(pending):
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
        elif not self.available and not self._deposed:
            await self._wait_for_database()
        while True:
            self._answer_refused()
            if self._queue:
                await self._commit()
            else:
                await self._wait_for_bell()

    async def _commit(self) -> None:
        self._in_flight = self._queue.take_group(self._rows_max, self._bytes_max)
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
                await self._wait_for_bell()

    def _touches_undecided(self, pending: Pending) -> bool:
        wanted = pending.entities()
        undecided = self._queue.entities().union(*(one.entities() for one in self._in_flight))
        return not wanted.isdisjoint(undecided)

    # Answers

    def _answer(self, results: list[AppendResult]) -> None:
        group, self._in_flight = self._in_flight, []
        rows = [row for result in results if isinstance(result, Appended) for row in result.rows]
        if rows:
            for listener in self._row_listeners:
                listener(rows)
        never: set[Made] = set()
        answers: list[Durable | Failed] = []
        for pending, result in zip(group, results, strict=True):
            if isinstance(result, Appended):
                if never:
                    never -= pending.makes()
                answers.append(Durable(result.first_sequence, result.last_sequence, result.rows))
            else:
                refusal = built_on_failed() if pending.builds_on(never) else refusal_of(result)
                never |= pending.makes()
                answers.append(Failed(refusal, result))
        # Taken before anybody is answered: what an answer makes somebody submit is not built on the past.
        orphans = self._queue.take_built_on(never) if never else []
        for pending, answer in zip(group, answers, strict=True):
            pending.answer(answer)
        _fail(orphans, built_on_failed())

    def _refuse_independent(self) -> None:
        """Fails what is queued and does not wait for the answer of the group in flight."""
        held = {key for pending in self._in_flight for key in pending.entities()}
        _fail(self._queue.take_independent(held), away())

    def _fail_everything(self, refusal: Refusal) -> None:
        group, self._in_flight = self._in_flight, []
        _fail((*group, *self._queue.take_all()), refusal)

    def _answer_refused(self) -> None:
        refused, self._refused = self._refused, []
        for pending, refusal in refused:
            pending.answer(Failed(refusal))

    # Availability

    def _begin_outage(self, refusal: Refusal, error: Exception) -> None:
        if self._outage is None:
            log.warning("the journal is away: %s", error)
            self._outage = refusal

    def _end_outage(self) -> None:
        if self._outage is not None and not self._deposed:
            log.warning("the journal is back")
            self._outage = None

    def _depose(self, error: Exception) -> None:
        log.error("another engine leads: %s", error)
        self._deposed = True
        self._outage = deposed()
        self._fail_everything(deposed())
        self._on_deposed()

    def _ring(self) -> None:
        self._bell.set()

    async def _wait_for_bell(self) -> None:
        """Until something was submitted since it was waited for last."""
        await self._bell.wait()
        self._bell = trio.Event()


def _fail(group: Iterable[Pending], refusal: Refusal) -> None:
    for pending in group:
        pending.answer(Failed(refusal))
