"""Transactions that wait to be written, and which of them depend on which."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import attrs

from actors.journal.port import AppendResult, EntityRow, JournalRow, Key, Transaction
from protocol.errors import Refusal

log = logging.getLogger("corral.journal")


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
Made = tuple[Key, int]  # an entity at a version


@attrs.define(eq=False)
class Pending:
    """A submitted transaction, its size, and who wants to hear of it."""

    transaction: Transaction
    on_done: Done
    rows: int
    bytes: int

    @classmethod
    def of(cls, transaction: Transaction, on_done: Done) -> Pending:
        size = 0
        for entry in transaction.entries:
            size += len(entry.event) + len(entry.document or b"")
        for write in transaction.writes:
            if isinstance(write.row, EntityRow):
                size += len(write.row.state) + len(write.row.document or b"")
        return cls(transaction, on_done, len(transaction.writes) + len(transaction.entries), size)

    def entities(self) -> set[Key]:
        """The entities it writes."""
        return {write.row.key for write in self.transaction.writes}

    def makes(self) -> set[Made]:
        """The versions it would bring about."""
        return {(write.row.key, write.row.version) for write in self.transaction.writes}

    def builds_on(self, versions: set[Made]) -> bool:
        """True when it replaces one of these versions."""
        return any((write.row.key, write.expected_version) in versions for write in self.transaction.writes)

    def answer(self, answer: Durable | Failed) -> None:
        """Calls the one who submitted it."""
        try:
            self.on_done(answer)
        except Exception:  # one actor's broken callback must not take the answers of the others along
            log.exception("the callback of a transaction raised")


class PendingQueue:
    """Pending transactions in the order of their submission."""

    def __init__(self) -> None:
        self._queue: deque[Pending] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def append(self, pending: Pending) -> None:
        self._queue.append(pending)

    def entities(self) -> set[Key]:
        """The entities that wait to be written."""
        return {key for pending in self._queue for key in pending.entities()}

    def take_group(self, rows_max: int, bytes_max: int) -> list[Pending]:
        """Those that go together: at least one, and no more than rows and bytes allow."""
        group: list[Pending] = []
        rows = size = 0
        while self._queue:
            rows += self._queue[0].rows
            size += self._queue[0].bytes
            if group and (rows > rows_max or size > bytes_max):
                break
            group.append(self._queue.popleft())
        return group

    def take_all(self) -> list[Pending]:
        taken, self._queue = list(self._queue), deque()
        return taken

    def take_independent(self, held: set[Key]) -> list[Pending]:
        """Those that write none of the `held` entities, nor any that one waiting for them writes."""
        held = set(held)
        taken: list[Pending] = []
        for pending in self.take_all():
            if held.isdisjoint(pending.entities()):
                taken.append(pending)
            else:
                held |= pending.entities()
                self._queue.append(pending)
        return taken

    def take_built_on(self, never: set[Made]) -> list[Pending]:
        """Those that replace a version which never came to be, and those that replace what they would have made."""
        never = set(never)
        taken: list[Pending] = []
        for pending in self.take_all():
            if pending.builds_on(never):
                never |= pending.makes()
                taken.append(pending)
            else:
                self._queue.append(pending)
        return taken
