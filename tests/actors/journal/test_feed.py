"""A subscriber gets a snapshot and every event after it, once and in order, or an explicit reset."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.journal.feed import Cursor, FeedEvents, FeedReset, JournalFeed, fold
from actors.kernel.ports import SeededRandom
from tests.actors.journal.changes import change, removal
from tests.actors.journal.desk import Desk, desk


def feed_of(here: Desk, tail_rows_max: int = 100) -> JournalFeed:
    feed = JournalFeed(here.journal, tail_rows_max=tail_rows_max)
    here.writer.on_rows(feed.publish)
    return feed


async def test_without_a_cursor_it_starts_with_a_reset(autojump_clock: MockClock) -> None:
    async with desk() as here:
        feed = feed_of(here)
        here.submit(change("x", 1))
        await here.settle()
        subscription = feed.subscribe()
        assert subscription.cursor is None
        first = await subscription.next()
        assert isinstance(first, FeedReset)
        assert [row.id for row in first.rows] == ["x"]
        assert first.cursor == subscription.cursor == "memory.1"


async def test_events_follow_the_reset(autojump_clock: MockClock) -> None:
    async with desk() as here:
        subscription = feed_of(here).subscribe()
        await subscription.next()
        got: list[list[int]] = []

        async def listen() -> None:
            while True:
                batch = await subscription.next()
                assert isinstance(batch, FeedEvents)
                got.append([row.sequence for row in batch.rows])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await wait_all_tasks_blocked()
            here.submit(change("x", 1))
            here.submit(change("y", 1))
            await here.settle()
            here.submit(change("z", 1))
            await here.settle()
            nursery.cancel_scope.cancel()
        assert got == [[1, 2], [3]]


async def test_a_cursor_continues_where_it_was(autojump_clock: MockClock) -> None:
    async with desk() as here:
        feed = feed_of(here)
        for n in range(10):
            here.submit(change(f"x{n}", 1))
        await here.settle()
        batch = await feed.subscribe("memory.7").next()
        assert isinstance(batch, FeedEvents)
        assert [row.sequence for row in batch.rows] == [8, 9, 10]
        assert batch.cursor == "memory.10"


async def test_what_the_tail_has_forgotten_is_read_from_the_journal(autojump_clock: MockClock) -> None:
    async with desk() as here:
        feed = feed_of(here, tail_rows_max=3)
        for n in range(10):
            here.submit(change(f"x{n}", 1))
        await here.settle()
        subscription = feed.subscribe("memory.0")
        got = []
        for _ in range(3):
            batch = await subscription.next(limit=4)
            assert isinstance(batch, FeedEvents)
            got += [row.sequence for row in batch.rows]
        assert got == list(range(1, 11))


async def test_a_subscription_before_the_first_row_waits_for_it(autojump_clock: MockClock) -> None:
    async with desk() as here:
        subscription = feed_of(here).subscribe("memory.0")
        with trio.move_on_after(5) as scope:
            await subscription.next()
        assert scope.cancelled_caught
        here.submit(change("x", 1))
        batch = await subscription.next()
        assert isinstance(batch, FeedEvents)
        assert batch.cursor == "memory.1"


async def test_a_cursor_that_cannot_be_continued_is_reset_with_the_reason(autojump_clock: MockClock) -> None:
    async with desk() as here:
        feed = feed_of(here, tail_rows_max=2)
        for n in range(10):
            here.submit(change(f"x{n}", 1))
        await here.settle()
        here.store.tables.forget_before(6)
        reasons = {
            "other.5": "the cursor belongs to another stream",
            "memory.11": "the cursor is ahead of the stream",
            "memory.3": "the events behind the cursor are folded",
            "": "the cursor is not one of ours",
            "memory": "the cursor is not one of ours",
            "memory.-1": "the cursor is not one of ours",
            "memory.٣": "the cursor is not one of ours",
            ".5": "the cursor is not one of ours",
        }
        for cursor, reason in reasons.items():
            batch = await feed.subscribe(cursor).next()
            assert isinstance(batch, FeedReset)
            assert (batch.reason, batch.cursor) == (reason, "memory.10")
        kept = await feed.subscribe("memory.5").next()
        assert isinstance(kept, FeedEvents)
        assert kept.rows[0].sequence == 6


async def test_a_hole_in_what_is_published_is_read_from_the_journal(autojump_clock: MockClock) -> None:
    async with desk() as here:
        feed = JournalFeed(here.journal)
        for n in range(6):
            here.submit(change(f"x{n}", 1))
        await here.settle()
        feed.publish(here.rows[:2])
        feed.publish(here.rows[4:])
        subscription = feed.subscribe("memory.1")
        batch = await subscription.next()
        assert isinstance(batch, FeedEvents)
        assert [row.sequence for row in batch.rows] == [2, 3, 4, 5, 6]


async def test_folding_what_came_gives_the_entities_whatever_the_speed(autojump_clock: MockClock) -> None:
    random = SeededRandom(3)
    async with desk() as here:
        feed = feed_of(here, tail_rows_max=5)
        held: dict[tuple[str, str], tuple[int, bytes | None]] = {}
        versions: dict[str, int] = {}
        subscription = feed.subscribe()
        for _ in range(300):
            id = f"x{random.randrange(20)}"
            version = versions.get(id, 0) + 1
            if version > 1 and random.random() < 0.3:
                here.submit(removal(id, version))
                versions[id] = 0
            else:
                here.submit(change(id, version))
                versions[id] = version
            if random.random() < 0.3:
                await here.settle()
                batch = await subscription.next(limit=1 + random.randrange(10))
                held = fold(batch.rows, ()) if isinstance(batch, FeedReset) else _folded(held, batch)
        await here.settle()
        while subscription.cursor != f"memory.{here.store.tables.sequence}":
            batch = await subscription.next()
            assert isinstance(batch, FeedEvents)
            held = _folded(held, batch)
        assert held == {row.key: (row.version, row.document) for row in here.store.tables.entities.values()}


def _folded(
    held: dict[tuple[str, str], tuple[int, bytes | None]], batch: FeedEvents
) -> dict[tuple[str, str], tuple[int, bytes | None]]:
    held = dict(held)
    for row in batch.rows:
        held.pop((row.kind, row.id), None)
    return held | fold((), batch.rows)


def test_a_cursor_is_its_text() -> None:
    assert Cursor.parse(str(Cursor("a.b", 17))) == Cursor("a.b", 17)
