"""What a store of entities and their history can do, and the values that cross that boundary.

It must not know PostgreSQL, asyncio or Trio: `memory` and `postgres` keep the same promises behind it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple, NewType, Protocol

import attrs

from protocol.document import kind_and_id
from protocol.inventory.assignment import ASSIGNMENT

Epoch = NewType("Epoch", int)
Key = tuple[str, str]


class JournalError(Exception):
    """Root of what a journal raises about a whole group; what is wrong with one transaction is an `AppendResult`."""


class StaleEpoch(JournalError):
    """Another engine leads by now: nothing was written, and nothing more will be under this epoch."""


class JournalUnavailable(JournalError):
    """The database is away; what was asked was surely not done."""


class OutcomeUnknown(JournalError):
    """The connection was lost while committing; `Journal.resolve` finds out whether the group committed."""


class JournalTooNew(JournalError):
    """The database was written by a newer version of Corral; it is left alone."""


@attrs.frozen
class EntityRow:
    """An entity as it stands.

    `state` is its actor's frozen state (protocol.codec), `document` the public one projected from it (msgpack).
    A `name` is unique within `(kind, parent)`; a parent is an id, "" or None, which are all different. Of an assignment
    parent and name are the addresses (`vm/{id}`) of its left and right side, which must be there as long as it is.
    """

    kind: str
    id: str
    version: int
    name: str | None
    parent: str | None
    state: bytes
    document: bytes | None

    @property
    def key(self) -> Key:
        return self.kind, self.id

    @property
    def sides(self) -> tuple[Key, ...]:
        """What an assignment lies between; nothing for all other rows."""
        if self.kind != ASSIGNMENT:
            return ()
        return kind_and_id(self.parent or ""), kind_and_id(self.name or "")


@attrs.frozen
class EntityRemoval:
    """Takes the place of an `EntityRow` when the entity goes; `version` is the one after its last."""

    kind: str
    id: str
    version: int

    @property
    def key(self) -> Key:
        return self.kind, self.id


@attrs.frozen
class EntityWrite:
    """Replaces the entity whose version is `expected_version`; 0 says that it must not exist yet."""

    row: EntityRow | EntityRemoval
    expected_version: int


@attrs.frozen
class JournalEntry:
    """One event to append: its message's tag and bytes, and the public document as it stands after it."""

    kind: str
    id: str
    version: int
    tag: str
    event: bytes
    document: bytes | None
    correlation_id: str
    at: datetime.datetime


class JournalRow(NamedTuple):
    """A stored event. `removed` marks the last event of an entity that its transaction removed.

    A tuple, since every change makes one: a frozen class takes three times as long, and the garbage collector would
    go through every row that somebody keeps.
    """

    stream_id: str
    sequence: int
    epoch: int
    kind: str
    id: str
    version: int
    tag: str
    event: bytes
    document: bytes | None
    correlation_id: str
    at: datetime.datetime
    removed: bool


@attrs.frozen
class CommandOutcome:
    """The reply to a command, kept so that the same command asked again gets it again."""

    command_id: str
    reply: bytes


@attrs.frozen
class Transaction:
    """What becomes durable together or not at all."""

    writes: tuple[EntityWrite, ...] = ()
    entries: tuple[JournalEntry, ...] = ()
    outcome: CommandOutcome | None = None


@attrs.frozen
class Appended:
    """The transaction is durable. Without entries `last_sequence` is one less than `first_sequence`."""

    first_sequence: int
    last_sequence: int
    rows: tuple[JournalRow, ...]


@attrs.frozen
class NameConflict:
    """Not written: another entity bears the name."""

    kind: str
    parent: str | None
    name: str


@attrs.frozen
class VersionConflict:
    """Not written: the entity is not at the version that the writer expected. A bug, unless one before it failed."""

    kind: str
    id: str
    expected_version: int


@attrs.frozen
class CommandRepeated:
    """Not written: this command has its outcome already."""

    command_id: str


@attrs.frozen
class SideMissing:
    """Not written: after it an assignment would lack a side, which is gone or would have gone."""


@attrs.frozen
class NotStorable:
    """Not written: a value that the database cannot hold, such as a text with a NUL."""

    reason: str


Rejection = NameConflict | VersionConflict | CommandRepeated | NotStorable | SideMissing
AppendResult = Appended | Rejection


@attrs.frozen
class Head:
    """The newest sequence, and the oldest one that can still be read; a stream without rows has (0, 1)."""

    stream_id: str
    sequence: int
    oldest_sequence: int


@attrs.frozen
class JournalSnapshot:
    """Every entity as it stood when `head` was the head."""

    head: Head
    rows: tuple[EntityRow, ...]


@attrs.frozen
class Sample:
    """Statistics of one entity at one time: an array-shaped msgpack row, never an event."""

    kind: str
    id: str
    at: datetime.datetime
    values: bytes


@attrs.frozen
class Pruned:
    """How many rows were dropped for their age."""

    commands: int
    samples: int


class Journal(Protocol):
    """Every method raises `JournalUnavailable` while the database is away. Only `append` raises `OutcomeUnknown`."""

    async def open(self) -> None:
        """Connects and brings the schema up to date. Raises `JournalTooNew`."""

    async def close(self) -> None:
        """Lets go of every connection. A closed journal may be opened again."""

    async def acquire_lease(self, holder: str, lease_seconds: float, *, above: int = 0) -> Epoch | None:
        """A new epoch, or None while another holder's lease runs, by the database's clock.

        The same holder need not wait. Every acquisition raises the epoch by one; `above` lifts it over the highest
        epoch that nodes have seen, after a restore from backup.
        """

    async def renew_lease(self, holder: str, epoch: int, lease_seconds: float) -> bool:
        """False when another acquisition, by whomever, took the lease since."""

    async def release_lease(self, holder: str, epoch: int) -> None:
        """Frees the lease if it is still that acquisition's."""

    async def append(self, epoch: int, transactions: Sequence[Transaction], *, group: int = 0) -> list[AppendResult]:
        """Commits a group at once; a rejected transaction does not take the others along.

        `group` numbers the groups of an epoch, rising, so that `resolve` can find the last one again. Raises
        `StaleEpoch`, `JournalUnavailable` and `OutcomeUnknown`.
        """

    async def resolve(
        self, epoch: int, transactions: Sequence[Transaction], *, group: int
    ) -> list[AppendResult] | None:
        """What became of the last group of an epoch: its results, or None when it never committed and never will."""

    async def snapshot(self, kinds: Sequence[str] | None = None) -> JournalSnapshot:
        """Entities and head at one moment."""

    async def read(self, after: int, limit: int) -> list[JournalRow]:
        """Rows of the present stream with a sequence above `after`, in order."""

    async def last_events(self, kind: str, limit: int) -> list[JournalRow]:
        """The newest rows of a kind, newest first: the audit log."""

    async def head(self) -> Head:
        """The head of the present stream."""

    async def command_outcome(self, command_id: str) -> bytes | None:
        """The stored reply to a command, if it is known and not pruned."""

    async def store_samples(self, epoch: int, samples: Sequence[Sample]) -> None:
        """Keeps statistics. Raises `StaleEpoch`."""

    async def prune(self, epoch: int, *, commands_older_seconds: float, samples_older_seconds: float) -> Pruned:
        """Drops old command outcomes and samples, by the database's clock. Raises `StaleEpoch`."""
