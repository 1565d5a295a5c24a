"""Random histories have the same outcome everywhere as in the simulated tables, and fold to the entities."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from actors.journal.memory.tables import MemoryTables
from actors.journal.port import JournalRow, Key, Transaction
from actors.kernel.ports import SeededRandom
from tests.actors.journal.changes import change, removal
from tests.actors.journal.databases import Database

ids = ["a", "b", "c", "d", "e", "f"]
names = [None, "n1", "n2", "n3", "n4"]


def draw(random: SeededRandom, tables: MemoryTables) -> Transaction:
    """Mostly what fits the entities as they stood before the group, at times what does not."""
    if random.random() < 0.2:
        return _assignment(random, tables)
    id = random.choice(ids)
    present = tables.entities.get(("vm", id))
    version = present.version if present else 0
    version = max(0, version + random.choice([0, 0, 0, 0, 0, 1, 1, -1]))
    if version and random.random() < 0.2:
        return removal(id, version + 1)
    keep = present is not None and random.random() < 0.6
    name = present.name if present is not None and keep else random.choice(names)
    return change(id, version + 1, name=name, command=f"c{random.randrange(400)}" if random.random() < 0.3 else None)


def _assignment(random: SeededRandom, tables: MemoryTables) -> Transaction:
    """One more or less between two VMs; the sides need not be there."""
    left, right = random.choice(ids), random.choice(ids)
    id = f"{left}{right}"
    present = tables.entities.get(("assignment", id))
    if present is not None:
        return removal(id, present.version + 1, kind="assignment")
    return change(id, 1, kind="assignment", parent=f"vm/{left}", name=f"vm/{right}")


def fold(rows: Iterable[JournalRow]) -> dict[Key, tuple[int, bytes | None]]:
    """Version and document of each entity after `rows`: what a reader of all events comes to hold."""
    held: dict[Key, tuple[int, bytes | None]] = {}
    for row in rows:
        if row.removed:
            held.pop((row.kind, row.id), None)
        else:
            held[row.kind, row.id] = (row.version, row.document)
    return held


@pytest.mark.parametrize("seed", range(6))
async def test_random_groups(database: Database, seed: int) -> None:
    random = SeededRandom(seed)
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 60)
        tables = MemoryTables((await journal.head()).stream_id, epoch=epoch)
        for group in range(40):
            transactions = [draw(random, tables) for _ in range(1 + random.randrange(8))]
            expected = tables.append(epoch, transactions, group, 0.0)
            assert await journal.append(epoch, transactions, group=group) == expected, f"seed {seed}, group {group}"
        snapshot = await journal.snapshot()
        assert snapshot.head == tables.head()
        assert {row.key: row for row in snapshot.rows} == tables.entities
        rows = await journal.read(0, 10_000)
        assert rows == tables.journal
        assert fold(rows) == {row.key: (row.version, row.document) for row in snapshot.rows}
