"""An assignment and its sides: none is there without the other two, on every database, whoever comes first."""

from __future__ import annotations

import pytest

from actors.journal.port import Appended, Journal, SideMissing, Transaction
from tests.actors.journal.changes import change, removal
from tests.actors.journal.databases import Database


def assign(version: int = 1, *, left: str = "web", right: str = "prod") -> Transaction:
    return change(f"{left}-{right}", version, kind="assignment", parent=f"vm/{left}", name=f"tag/{right}")


def unassign(version: int = 2, *, left: str = "web", right: str = "prod") -> Transaction:
    return removal(f"{left}-{right}", version, kind="assignment")


def together(*parts: Transaction) -> Transaction:
    return Transaction(
        tuple(write for part in parts for write in part.writes),
        tuple(entry for part in parts for entry in part.entries),
    )


TAG = change("prod", 1, kind="tag")
VM = change("web", 1)
VM_GONE = removal("web", 2)
TAG_GONE = removal("prod", 2, kind="tag")


async def kinds_left(journal: Journal) -> list[str]:
    return sorted(row.kind for row in (await journal.snapshot()).rows)


@pytest.mark.parametrize("there", [(), (VM,), (TAG,)], ids=["nothing", "VM", "tag"])
async def test_without_a_side_there_is_no_assignment(database: Database, there: tuple[Transaction, ...]) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, there)
        assert await journal.append(epoch, [assign()]) == [SideMissing()]
        assert "assignment" not in await kinds_left(journal)


@pytest.mark.parametrize("gone", [VM_GONE, TAG_GONE], ids=["VM", "tag"])
async def test_a_side_does_not_go_without_its_assignment(database: Database, gone: Transaction) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [VM, TAG])
        await journal.append(epoch, [assign()])
        assert await journal.append(epoch, [gone]) == [SideMissing()]
        assert await kinds_left(journal) == ["assignment", "tag", "vm"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["side first", "assignment first"])
async def test_both_go_in_one_transaction(database: Database, order: tuple[int, int]) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [VM, TAG])
        await journal.append(epoch, [assign()])
        parts = (VM_GONE, unassign())
        both = together(*(parts[index] for index in order))
        results = await journal.append(epoch, [both, change("other", 1)])
        assert all(isinstance(result, Appended) for result in results)
        assert await kinds_left(journal) == ["tag", "vm"]
        assert all(row.removed for row in await journal.read(3, 2))


@pytest.mark.parametrize("gone", [VM_GONE, TAG_GONE], ids=["VM", "tag"])
async def test_of_a_removal_and_an_assignment_at_once_the_first_wins(database: Database, gone: Transaction) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [VM, TAG])
        removed_first = await journal.append(epoch, [gone, assign()])
        assert [type(result) for result in removed_first] == [Appended, SideMissing]
        assert "assignment" not in await kinds_left(journal)
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("db", 1), change("test", 1, kind="tag")])
        late = removal("db", 2)
        assigned_first = await journal.append(epoch, [assign(left="db", right="test"), late, change("x", 1)], group=7)
        assert [type(result) for result in assigned_first] == [Appended, SideMissing, Appended]
        transactions = [assign(left="db", right="test"), late, change("x", 1)]
        assert await journal.resolve(epoch, transactions, group=7) == assigned_first


async def test_an_assignment_is_there_once_between_two(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [VM, TAG])
        await journal.append(epoch, [assign()])
        again = change("another id", 1, kind="assignment", parent="vm/web", name="tag/prod")
        (result,) = await journal.append(epoch, [again])
        assert not isinstance(result, Appended)
