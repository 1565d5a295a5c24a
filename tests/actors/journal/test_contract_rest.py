"""What leases, resolving, reading and pruning promise, on every database."""

from __future__ import annotations

import pytest
import trio

from actors.journal.port import Appended, NameConflict, Pruned, Sample, StaleEpoch
from tests.actors.journal.changes import change, noon, removal
from tests.actors.journal.databases import Database


async def test_a_lease_keeps_others_out_until_it_runs_out(database: Database) -> None:
    async with database.connect() as one, database.connect() as two:
        assert await one.acquire_lease("a", 0.2) == 1
        assert await two.acquire_lease("b", 0.2) is None
        assert await one.renew_lease("a", 1, 0.2)
        await trio.sleep(0.3)
        assert await two.acquire_lease("b", 10) == 2
        assert not await one.renew_lease("a", 1, 10)
        assert await one.acquire_lease("a", 10) is None


async def test_the_same_holder_need_not_wait_and_deposes_its_former_self(database: Database) -> None:
    async with database.connect() as before, database.connect() as after:
        assert await before.acquire_lease("a", 10) == 1
        assert await after.acquire_lease("a", 10) == 2
        assert not await before.renew_lease("a", 1, 10)
        await before.release_lease("a", 1)
        assert await after.renew_lease("a", 2, 10)


async def test_a_lease_that_ran_out_untaken_can_be_renewed(database: Database) -> None:
    async with database.connect() as journal:
        assert await journal.acquire_lease("a", 0.01) == 1
        await trio.sleep(0.05)
        assert await journal.renew_lease("a", 1, 10)


async def test_a_released_lease_is_free(database: Database) -> None:
    async with database.connect() as journal:
        assert await journal.acquire_lease("a", 10) == 1
        await journal.release_lease("a", 1)
        assert not await journal.renew_lease("a", 1, 10)
        assert await journal.acquire_lease("b", 10) == 2


async def test_the_epoch_can_be_lifted_above_what_nodes_have_seen(database: Database) -> None:
    async with database.connect() as journal:
        assert await journal.acquire_lease("a", 10, above=41) == 42
        assert await journal.acquire_lease("a", 10, above=7) == 43


async def test_the_last_group_of_an_epoch_is_found_again(database: Database) -> None:
    async with database.connect() as journal, database.connect() as other:
        epoch = await journal.acquire_lease("a", 10)
        first = [change("x", 1, name="n")]
        second = [change("y", 1), change("z", 1, name="n"), change("y", 2)]
        await journal.append(epoch, first, group=1)
        results = await journal.append(epoch, second, group=2)
        assert results[1] == NameConflict("vm", "dc", "n")
        assert await journal.resolve(epoch, second, group=2) == results
        assert await journal.resolve(epoch, second, group=3) is None
        newer = await other.acquire_lease("a", 10)
        await other.append(newer, [change("w", 1)], group=1)
        assert await journal.resolve(epoch, second, group=2) == results


async def test_rows_are_read_in_order_from_anywhere(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change(f"x{n}", 1, kind="vm" if n % 2 else "host") for n in range(10)])
        assert [row.sequence for row in await journal.read(3, 4)] == [4, 5, 6, 7]
        assert await journal.read(10, 4) == []
        assert await journal.read(99, 4) == []
        assert [row.sequence for row in await journal.last_events("vm", 3)] == [10, 8, 6]
        assert [row.sequence for row in await journal.last_events("host", 9)] == [9, 7, 5, 3, 1]


async def test_entities_come_by_kind_and_id(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        ids = ["b", "a", "Z", "é", "a b"]
        await journal.append(epoch, [change(id, 1, kind=kind) for id in ids for kind in ("vm", "host")])
        everything = [(row.kind, row.id) for row in (await journal.snapshot()).rows]
        assert everything == sorted((kind, id) for id in ids for kind in ("vm", "host"))
        hosts = [key for key in everything if key[0] == "host"]
        assert [row.key for row in (await journal.snapshot(["host", "disk"])).rows] == hosts


async def test_old_outcomes_and_samples_are_pruned(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1, command="c1")])
        await journal.store_samples(epoch, [Sample("vm", "x", noon, b"[1]"), Sample("vm", "y", noon, b"[2]")])
        await journal.store_samples(epoch, [])
        kept = await journal.prune(epoch, commands_older_seconds=60, samples_older_seconds=60)
        assert kept == Pruned(0, 0)
        await trio.sleep(0.05)
        assert await journal.prune(epoch, commands_older_seconds=0, samples_older_seconds=60) == Pruned(1, 0)
        assert await journal.command_outcome("c1") is None
        assert await journal.prune(epoch, commands_older_seconds=0, samples_older_seconds=0) == Pruned(0, 2)


async def test_more_than_one_statement_drops_is_pruned_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.journal.postgres.journal.prune_rows_max", 10)
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change(f"x{n}", 1, command=f"c{n}") for n in range(12)])
        await journal.store_samples(epoch, [Sample("vm", f"x{n}", noon, b"[1]") for n in range(40)])
        await trio.sleep(0.05)
        assert await journal.prune(epoch, commands_older_seconds=0, samples_older_seconds=60) == Pruned(12, 0)
        assert await journal.prune(epoch, commands_older_seconds=0, samples_older_seconds=0) == Pruned(0, 40)


async def test_an_old_epoch_neither_samples_nor_prunes(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.acquire_lease("a", 10)
        with pytest.raises(StaleEpoch):
            await journal.store_samples(epoch, [Sample("vm", "x", noon, b"")])
        with pytest.raises(StaleEpoch):
            await journal.prune(epoch, commands_older_seconds=0, samples_older_seconds=0)


async def test_a_journal_can_be_closed_and_opened_again(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1)])
        head = await journal.head()
        await journal.close()
        await journal.open()
        assert await journal.head() == head
        (result,) = await journal.append(epoch, [removal("x", 2)])
        assert isinstance(result, Appended)
