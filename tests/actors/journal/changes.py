"""Transactions for the tests, in as few words as possible."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import trio

from actors.journal.port import (
    CommandOutcome,
    EntityRemoval,
    EntityRow,
    EntityWrite,
    JournalEntry,
    Transaction,
)


async def until(check: Callable[[], object], seconds: float = 20) -> None:
    """Waits for something that no event tells of; fails after `seconds`."""
    for _ in range(int(seconds / 0.01)):
        if check():
            return
        await trio.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")


noon = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)


def row(id: str, version: int, *, kind: str = "vm", name: str | None = None, parent: str | None = "dc") -> EntityRow:
    """An entity whose bytes tell its id and version."""
    return EntityRow(kind, id, version, name, parent, f"state {id} {version}".encode(), f"doc {id} {version}".encode())


def entry(id: str, version: int, *, kind: str = "vm", tag: str = "vm.changed") -> JournalEntry:
    """The event that made it so."""
    event, document = f"event {id} {version}".encode(), f"doc {id} {version}".encode()
    return JournalEntry(kind, id, version, tag, event, document, f"why {id}", noon)


def change(
    id: str,
    version: int,
    *,
    kind: str = "vm",
    name: str | None = None,
    parent: str | None = "dc",
    command: str | None = None,
    expected: int | None = None,
) -> Transaction:
    """Brings an entity from the version before (or `expected`) to `version`, with one event."""
    write = EntityWrite(
        row(id, version, kind=kind, name=name, parent=parent), version - 1 if expected is None else expected
    )
    outcome = None if command is None else CommandOutcome(command, f"reply to {command}".encode())
    return Transaction((write,), (entry(id, version, kind=kind),), outcome)


def removal(id: str, version: int, *, kind: str = "vm") -> Transaction:
    """Removes an entity that is at the version before `version`."""
    write = EntityWrite(EntityRemoval(kind, id, version), version - 1)
    return Transaction((write,), (entry(id, version, kind=kind, tag="vm.removed"),))
