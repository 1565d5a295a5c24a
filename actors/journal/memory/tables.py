"""The tables of the simulated journal and their rules, applied at once."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from actors.journal.commit_results import rows_of
from actors.journal.port import (
    Appended,
    AppendResult,
    CommandRepeated,
    EntityRemoval,
    EntityRow,
    EntityWrite,
    Epoch,
    Head,
    JournalRow,
    Key,
    NameConflict,
    NotStorable,
    Pruned,
    Rejection,
    Sample,
    SideMissing,
    StaleEpoch,
    Transaction,
    VersionConflict,
)

Name = tuple[str, str | None, str]


@attrs.frozen
class Lease:
    """Who leads until when, by the store's clock."""

    holder: str
    epoch: int
    expires_seconds: float


@attrs.define
class MemoryTables:
    """What one database holds; every `MemoryJournal` on it is one more connection."""

    stream_id: str = "memory"
    epoch: int = 0
    sequence: int = 0
    oldest_sequence: int = 1
    lease: Lease | None = None
    entities: dict[Key, EntityRow] = attrs.field(factory=dict)
    names: dict[Name, Key] = attrs.field(factory=dict)
    between: dict[Key, dict[Key, None]] = attrs.field(factory=dict)  # the assignments that an entity is a side of
    journal: list[JournalRow] = attrs.field(factory=list)
    commands: dict[str, tuple[bytes, float]] = attrs.field(factory=dict)
    samples: list[tuple[Sample, float]] = attrs.field(factory=list)
    groups: dict[int, tuple[int, list[AppendResult]]] = attrs.field(factory=dict)

    def acquire(self, holder: str, lease_seconds: float, now: float, above: int) -> Epoch | None:
        """A new epoch, unless another holder's lease still runs."""
        lease = self.lease
        if lease is not None and lease.holder != holder and now < lease.expires_seconds:
            return None
        self.epoch = max(self.epoch, above) + 1
        self.lease = Lease(holder, self.epoch, now + lease_seconds)
        return Epoch(self.epoch)

    def renew(self, holder: str, epoch: int, lease_seconds: float, now: float) -> bool:
        """Prolongs the lease if it is still that acquisition's."""
        if self.lease is None or (self.lease.holder, self.lease.epoch) != (holder, epoch):
            return False
        self.lease = Lease(holder, epoch, now + lease_seconds)
        return True

    def release(self, holder: str, epoch: int) -> None:
        """Frees the lease if it is still that acquisition's."""
        if self.lease is not None and (self.lease.holder, self.lease.epoch) == (holder, epoch):
            self.lease = None

    def check(self, epoch: int) -> None:
        """Raises `StaleEpoch` unless `epoch` is the present one."""
        if epoch != self.epoch:
            raise StaleEpoch(f"epoch {epoch} where {self.epoch} is the present one")

    def append(self, epoch: int, transactions: Sequence[Transaction], group: int, now: float) -> list[AppendResult]:
        """Applies a group in order."""
        self.check(epoch)
        results: list[AppendResult] = []
        for transaction in transactions:
            rejection = self._rejection(transaction)
            results.append(rejection if rejection is not None else self._apply(epoch, transaction, now))
        self.groups[epoch] = (group, results)
        return results

    def _rejection(self, transaction: Transaction) -> Rejection | None:
        if reason := unstorable(transaction):
            return NotStorable(reason)
        outcome = transaction.outcome
        if outcome is not None and outcome.command_id in self.commands:
            return CommandRepeated(outcome.command_id)
        undo: list[tuple[Key, EntityRow | None]] = []
        rejection = None
        for write in transaction.writes:
            rejection = self._refuses(write)
            if rejection is not None:
                break
            undo.append((write.row.key, self.entities.get(write.row.key)))
            self._put(write.row.key, write.row if isinstance(write.row, EntityRow) else None)
        if rejection is None and any(self._lacks_side(write.row.key) for write in transaction.writes):
            rejection = SideMissing()
        if rejection is not None:
            for key, before in reversed(undo):
                self._put(key, None)
                self._put(key, before)
        return rejection

    def _refuses(self, write: EntityWrite) -> Rejection | None:
        present = self.entities.get(write.row.key)
        if (present.version if present else 0) != write.expected_version:
            return VersionConflict(*write.row.key, write.expected_version)
        if isinstance(write.row, EntityRemoval):
            return None if present else VersionConflict(*write.row.key, write.expected_version)
        name = name_of(write.row)
        if name is not None and self.names.get(name, write.row.key) != write.row.key:
            return NameConflict(*name)
        return None

    def _lacks_side(self, key: Key) -> bool:
        """An assignment without one of its sides, or an entity that is gone while an assignment has it as a side."""
        row = self.entities.get(key)
        if row is None:
            return bool(self.between.get(key))
        return any(side not in self.entities for side in row.sides)

    def _put(self, key: Key, row: EntityRow | None) -> None:
        before = self.entities.pop(key, None)
        for side in before.sides if before is not None else ():
            self.between[side].pop(key, None)
        for side in row.sides if row is not None else ():
            self.between.setdefault(side, {})[key] = None
        if before is not None and (old := name_of(before)) is not None and self.names.get(old) == key:
            del self.names[old]
        if row is not None:
            self.entities[key] = row
            if (name := name_of(row)) is not None:
                self.names[name] = key

    def _apply(self, epoch: int, transaction: Transaction, now: float) -> Appended:
        rows = rows_of(self.stream_id, epoch, self.sequence + 1, transaction)
        first = self.sequence + 1
        self.sequence += len(rows)
        self.journal.extend(rows)
        if transaction.outcome is not None:
            self.commands[transaction.outcome.command_id] = (transaction.outcome.reply, now)
        return Appended(first, self.sequence, rows)

    def read(self, after: int, limit: int) -> list[JournalRow]:
        """Rows above a sequence, oldest first."""
        start = max(0, after - self.oldest_sequence + 1)
        return self.journal[start : start + limit]

    def head(self) -> Head:
        """Where the stream stands."""
        return Head(self.stream_id, self.sequence, self.oldest_sequence)

    def forget_before(self, sequence: int) -> None:
        """Drops rows below a sequence, as folding old history will."""
        self.journal = [row for row in self.journal if row.sequence >= sequence]
        self.oldest_sequence = max(self.oldest_sequence, min(sequence, self.sequence + 1))

    def prune(self, commands_before: float, samples_before: float) -> Pruned:
        """Drops what is older than these times of the store's clock."""
        commands = {key: kept for key, kept in self.commands.items() if kept[1] >= commands_before}
        samples = [kept for kept in self.samples if kept[1] >= samples_before]
        pruned = Pruned(len(self.commands) - len(commands), len(self.samples) - len(samples))
        self.commands, self.samples = commands, samples
        return pruned


def name_of(row: EntityRow) -> Name | None:
    """The key of the unique index, or None for a nameless entity."""
    return None if row.name is None else (row.kind, row.parent, row.name)


def unstorable(transaction: Transaction) -> str | None:
    """Why PostgreSQL could not hold one of the texts, or None: it knows neither NUL nor lone surrogates."""
    texts: list[str] = []
    for write in transaction.writes:
        texts += write.row.key
        if isinstance(write.row, EntityRow):
            texts += (write.row.name or "", write.row.parent or "")
    for entry in transaction.entries:
        texts += (entry.kind, entry.id, entry.tag, entry.correlation_id)
    for text in texts:
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            return f"text with a NUL or a lone surrogate: {text!r:.80}"
    return None
