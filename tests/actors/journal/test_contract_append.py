"""What an append promises, on every database."""

from __future__ import annotations

import attrs
import pytest
import trio

from actors.journal.port import (
    Appended,
    CommandRepeated,
    Head,
    NameConflict,
    NotStorable,
    StaleEpoch,
    Transaction,
    VersionConflict,
)
from tests.actors.journal.changes import change, entry, removal, row
from tests.actors.journal.databases import Database


async def test_a_new_stream_is_empty(database: Database) -> None:
    async with database.connect() as journal:
        head = await journal.head()
        assert head == Head(head.stream_id, 0, 1)
        assert await journal.read(0, 10) == []
        assert (await journal.snapshot()).rows == ()


async def test_a_change_is_stored_with_its_event(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        (result,) = await journal.append(epoch, [change("x", 1, name="one", command="c1")])
        stream_id = (await journal.head()).stream_id
        assert isinstance(result, Appended)
        assert (result.first_sequence, result.last_sequence) == (1, 1)
        assert list(result.rows) == await journal.read(0, 10)
        (stored,) = result.rows
        expected = {"stream_id": stream_id, "sequence": 1, "epoch": epoch, "removed": False}
        assert stored._asdict() == attrs.asdict(entry("x", 1)) | expected
        assert [chunk async for chunk in journal.load()] == [[row("x", 1, name="one")]]
        assert await journal.command_outcome("c1") == b"reply to c1"
        assert await journal.command_outcome("c2") is None


async def test_what_one_connection_wrote_another_reads(database: Database) -> None:
    async with database.connect() as writer, database.connect() as reader:
        epoch = await writer.acquire_lease("a", 10)
        await writer.append(epoch, [change("x", 1)])
        assert (await reader.snapshot()).rows == (row("x", 1),)
        assert await reader.head() == await writer.head()


async def test_a_removed_entity_is_gone_and_its_last_row_says_so(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1, name="one")])
        await journal.append(epoch, [removal("x", 2)])
        assert [stored.removed for stored in await journal.read(0, 10)] == [False, True]
        assert (await journal.snapshot()).rows == ()
        (again,) = await journal.append(epoch, [change("x", 1, name="one")])
        assert isinstance(again, Appended)


@pytest.mark.parametrize(
    ("wrong", "conflict"),
    [
        (change("x", 1), VersionConflict("vm", "x", 0)),
        (change("x", 4), VersionConflict("vm", "x", 3)),
        (change("y", 2), VersionConflict("vm", "y", 1)),
        (removal("x", 4), VersionConflict("vm", "x", 3)),
        (removal("y", 1), VersionConflict("vm", "y", 0)),
        (change("y", 1, name="one"), NameConflict("vm", "dc", "one")),
        (change("y", 1, command="c1"), CommandRepeated("c1")),
    ],
)
async def test_a_rejected_transaction_leaves_nothing(database: Database, wrong: Transaction, conflict: object) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1, name="one", command="c1")])
        before = await journal.snapshot()
        assert await journal.append(epoch, [wrong]) == [conflict]
        assert await journal.snapshot() == before


async def test_text_that_no_database_holds_is_rejected(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        group = [change("x", 1), change("y", 1, name="nul\0"), change("z", 1, name="half \ud800")]
        good, *bad = await journal.append(epoch, group)
        assert isinstance(good, Appended)
        assert [type(result) for result in bad] == [NotStorable, NotStorable]


async def test_one_bad_transaction_does_not_lose_the_others(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("taken", 1, name="taken")])
        group = [change(f"x{n}", 1, name="taken" if n in (7, 61) else f"n{n}") for n in range(100)]
        results = await journal.append(epoch, group)
        assert [n for n, result in enumerate(results) if not isinstance(result, Appended)] == [7, 61]
        assert results[7] == NameConflict("vm", "dc", "taken")
        rows = [stored for result in results if isinstance(result, Appended) for stored in result.rows]
        assert [stored.sequence for stored in rows] == list(range(2, 100))
        assert await journal.read(1, 200) == rows
        assert len((await journal.snapshot()).rows) == 99


async def test_what_builds_on_a_rejected_transaction_is_rejected(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        group = [change("x", 1, name="n"), change("y", 1, name="n"), change("y", 2, name="m")]
        good, *bad = await journal.append(epoch, group)
        assert isinstance(good, Appended)
        assert bad == [NameConflict("vm", "dc", "n"), VersionConflict("vm", "y", 1)]


async def test_several_changes_of_one_entity_fit_in_a_group(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        results = await journal.append(epoch, [change("x", 1), change("x", 2), change("x", 3)])
        assert all(isinstance(result, Appended) for result in results)
        assert (await journal.snapshot()).rows == (row("x", 3),)
        assert [stored.version for stored in await journal.read(0, 10)] == [1, 2, 3]


async def test_names_are_taken_and_freed_in_order_within_a_group(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1, name="a"), change("z", 1, name="c")])
        renamed = [change("x", 2, name="b"), change("y", 1, name="a")]
        assert all(isinstance(result, Appended) for result in await journal.append(epoch, renamed))
        too_early = [change("w", 1, name="c"), removal("z", 2), change("v", 1, name="c")]
        early, gone, late = await journal.append(epoch, too_early)
        assert early == NameConflict("vm", "dc", "c")
        assert isinstance(gone, Appended)
        assert isinstance(late, Appended)
        passing = [change("p", 1, name="q"), removal("p", 2), change("r", 1, name="q")]
        assert all(isinstance(result, Appended) for result in await journal.append(epoch, passing))


async def test_a_name_is_unique_within_kind_and_parent(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        group = [
            change("1", 1, name="n", parent="dc"),
            change("2", 1, name="n", parent="other"),
            change("3", 1, name="n", parent=""),
            change("4", 1, name="n", parent=None),
            change("5", 1, name="n", kind="host"),
            change("6", 1, name=None),
            change("7", 1, name=None),
            change("8", 1, name="N"),
        ]
        assert all(isinstance(result, Appended) for result in await journal.append(epoch, group))
        assert await journal.append(epoch, [change("9", 1, name="n", parent=None)]) == [NameConflict("vm", None, "n")]


async def test_a_transaction_of_several_entities_is_whole(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        await journal.append(epoch, [change("x", 1, name="taken")])
        parts = (change("y", 1), change("z", 1, name="taken"))
        both = Transaction(parts[0].writes + parts[1].writes, parts[0].entries + parts[1].entries)
        assert await journal.append(epoch, [both]) == [NameConflict("vm", "dc", "taken")]
        assert (await journal.head()).sequence == 1
        assert len((await journal.snapshot()).rows) == 1


async def test_a_transaction_may_be_an_outcome_or_an_event_alone(database: Database) -> None:
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("a", 10)
        outcome_alone = Transaction((), (), change("x", 1, command="c").outcome)
        first, second = await journal.append(epoch, [outcome_alone, Transaction((), (entry("x", 1),))])
        assert first == Appended(1, 0, ())
        assert isinstance(second, Appended)
        assert second.first_sequence == 1
        assert await journal.command_outcome("c") == b"reply to c"


async def test_the_sequence_has_no_gap_whoever_appends(database: Database) -> None:
    async with database.connect() as one, database.connect() as two:
        epoch = await one.acquire_lease("a", 10)
        await one.append(epoch, [change("taken", 1, name="taken")])
        sequences: list[int] = []

        async def append(journal: object, task: int) -> None:
            for n in range(5):
                bad = change(f"bad{task}-{n}", 1, name="taken")
                group = [change(f"{task}-{n}-{k}", 1) for k in range(3)]
                results = await journal.append(epoch, [group[0], bad, *group[1:]])  # type: ignore[attr-defined]
                sequences.extend(r.sequence for result in results if isinstance(result, Appended) for r in result.rows)

        async with trio.open_nursery() as nursery:
            for task in range(6):
                nursery.start_soon(append, (one, two)[task % 2], task)
        assert sorted(sequences) == list(range(2, 2 + 6 * 5 * 3))
        assert [stored.sequence for stored in await one.read(1, 1000)] == sorted(sequences)
        assert len((await one.snapshot()).rows) == 1 + len(sequences)


async def test_an_old_epoch_writes_nothing(database: Database) -> None:
    async with database.connect() as old, database.connect() as new:
        first = await old.acquire_lease("a", 0.01)
        await old.append(first, [change("x", 1)])
        await trio.sleep(0.05)
        second = await new.acquire_lease("b", 10)
        assert second == first + 1
        before = await new.snapshot()
        for bad in (first, second + 1):
            with pytest.raises(StaleEpoch):
                await old.append(bad, [change("x", 2)])
            with pytest.raises(StaleEpoch):
                await old.append(bad, [change("x", 1), change("x", 1)])
        assert await new.snapshot() == before
        (result,) = await new.append(second, [change("x", 2)])
        assert isinstance(result, Appended)
        assert [stored.epoch for stored in result.rows] == [second]
