"""The writer groups, answers in order, refuses while the database is away, and never guesses."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from actors.journal.memory.journal import AppendFault
from actors.journal.port import Appended
from tests.actors.journal.changes import change, removal
from tests.actors.journal.desk import desk


async def test_answers_come_in_order_and_never_inside_submit(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.submit(change("x", 1))
        here.submit(change("y", 1))
        assert here.take() == []
        assert await here.settle() == ["x1: durable 1..1", "y1: durable 2..2"]


async def test_what_comes_during_a_commit_is_the_next_group(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.delay_seconds = 1
        here.submit(change("x", 1))
        await here.settle()
        here.submit(change("y", 1))
        here.submit(change("x", 2))
        await trio.sleep(1.1)
        assert here.take() == ["x1: durable 1..1"]
        await trio.sleep(1)
        assert here.take() == ["y1: durable 2..2", "x2: durable 3..3"]
        assert here.store.tables.groups[1][0] == 2


async def test_a_group_has_limits(autojump_clock: MockClock) -> None:
    async with desk(rows_max=4) as here:
        for n in range(5):
            here.submit(change(f"x{n}", 1))
        await here.settle()
        assert here.store.tables.groups[1][0] == 3
    async with desk(bytes_max=1) as here:
        here.submit(change("x", 1))
        here.submit(change("y", 1))
        assert len(await here.settle()) == 2
        assert here.store.tables.groups[1][0] == 2


async def test_listeners_have_the_rows_before_the_answer_is_given(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.writer.on_rows(lambda rows: here.notified.append(f"rows {[row.sequence for row in rows]}"))
        here.submit(change("x", 1))
        here.submit(change("y", 1))
        assert await here.settle() == ["rows [1, 2]", "x1: durable 1..1", "y1: durable 2..2"]


async def test_a_taken_name_is_refused_to_its_own_transaction_alone(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.submit(change("x", 1, name="n"))
        here.submit(change("y", 1, name="n"))
        here.submit(change("y", 2, name="m"))
        here.submit(change("z", 1))
        assert await here.settle() == ["x1: durable 1..1", "y1: name_taken", "y2: overtaken", "z1: durable 2..2"]


async def test_what_is_queued_on_top_of_a_refused_change_is_refused(autojump_clock: MockClock) -> None:
    async with desk(rows_max=2) as here:
        here.submit(change("x", 1, name="n"))
        here.submit(change("y", 1, name="n"))
        here.submit(change("y", 2, name="m"))
        here.submit(change("y", 3, name="m"))
        here.submit(change("z", 1))
        notified = ["x1: durable 1..1", "y1: name_taken", "y2: overtaken", "y3: overtaken", "z1: durable 2..2"]
        assert await here.settle() == notified


async def test_while_the_database_is_away_changes_are_refused_soon(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.away = True
        here.submit(change("x", 1))
        assert await here.settle() == ["x1: unavailable"]
        assert not here.writer.available
        here.submit(change("y", 1))
        assert await here.settle() == ["y1: unavailable"]
        await trio.sleep(100)
        here.store.away = False
        await trio.sleep(10)
        assert here.writer.available
        here.submit(change("x", 1))
        assert await here.settle() == ["x1: durable 1..1"]


async def test_a_lost_commit_that_committed_is_answered_as_durable(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.append_faults.append(AppendFault.UNKNOWN_COMMITTED)
        here.submit(change("x", 1))
        here.submit(change("y", 1))
        assert await here.settle() == ["x1: durable 1..1", "y1: durable 2..2"]
        assert [row.sequence for row in here.rows] == [1, 2]


async def test_a_lost_commit_that_did_not_land_is_refused(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.append_faults.append(AppendFault.UNKNOWN_LOST)
        here.submit(change("x", 1))
        assert await here.settle() == ["x1: unavailable"]
        here.submit(change("x", 1))
        assert await here.settle() == ["x1: durable 1..1"]


async def test_an_unknown_outcome_is_kept_until_the_database_tells(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.delay_seconds = 1
        here.store.append_faults.append(AppendFault.UNKNOWN_COMMITTED)
        here.submit(change("x", 1))
        await here.settle()
        here.submit(change("x", 2))
        here.submit(change("y", 1))
        await trio.sleep(0.6)  # committed; the way back is lost
        here.store.away = True
        await trio.sleep(10)
        assert here.take() == ["y1: unavailable"]
        assert not here.writer.available
        here.submit(change("z", 1))
        here.submit(change("x", 3))
        assert await here.settle() == ["z1: unavailable"]
        await trio.sleep(1000)
        assert here.take() == []
        here.store.away = False
        await trio.sleep(10)
        assert here.take() == ["x1: durable 1..1", "x2: durable 2..2", "x3: durable 3..3"]
        assert here.writer.available


async def test_what_waited_for_a_commit_that_did_not_land_is_refused_after_it(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.delay_seconds = 1
        here.store.append_faults.append(AppendFault.UNKNOWN_LOST)
        here.submit(change("x", 1))
        await here.settle()
        here.submit(change("x", 2))
        await trio.sleep(10)
        assert here.take() == ["x1: unavailable", "x2: unavailable"]


async def test_a_deposed_writer_refuses_everything_and_says_so_once(autojump_clock: MockClock) -> None:
    async with desk() as here:
        other = here.store.connect()
        await trio.sleep(20)
        assert await other.acquire_lease("b", 10) == 2
        here.submit(change("x", 1))
        assert await here.settle() == ["x1: unavailable", "deposed"]
        assert not here.writer.available
        here.submit(change("y", 1))
        assert await here.settle() == ["y1: unavailable"]
        assert (await other.head()).sequence == 0


async def test_an_outcome_is_told_even_after_another_engine_leads(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.store.append_faults.append(AppendFault.UNKNOWN_COMMITTED)
        here.store.delay_seconds = 1
        here.submit(change("x", 1))
        await trio.sleep(0.6)
        here.store.away = True
        await trio.sleep(20)
        here.store.away = False
        other = here.store.connect()
        assert await other.acquire_lease("b", 10) == 2
        await other.append(2, [change("y", 1)], group=1)
        await trio.sleep(10)
        assert here.take() == ["x1: durable 1..1"]


async def test_a_writer_that_was_cancelled_settles_its_group_when_it_runs_again(autojump_clock: MockClock) -> None:
    async with desk(running=False) as here:
        here.store.delay_seconds = 1
        here.submit(change("x", 1))
        with trio.move_on_after(0.7):
            await here.writer.run()
        assert here.take() == []
        with trio.move_on_after(3):
            await here.writer.run()
        assert here.take() == ["x1: durable 1..1"]


async def test_a_writer_that_was_cancelled_while_waiting_waits_again(autojump_clock: MockClock) -> None:
    async with desk(running=False) as here:
        here.store.away = True
        here.submit(change("x", 1))
        with trio.move_on_after(3):
            await here.writer.run()
        assert here.take() == ["x1: unavailable"]
        here.store.away = False
        with trio.move_on_after(3):
            await here.writer.run()
        assert here.writer.available


async def test_a_broken_callback_harms_nobody_else(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as here:
        here.writer.submit(change("x", 1), lambda _: 1 / 0)  # type: ignore[arg-type]
        here.submit(change("y", 1))
        with caplog.at_level(logging.CRITICAL):
            assert await here.settle() == ["y1: durable 2..2"]


async def test_a_refused_change_made_again_in_the_callback_is_not_taken_for_an_orphan(
    autojump_clock: MockClock,
) -> None:
    async with desk() as here:
        here.submit(change("x", 1, name="n"))

        def again(_: object) -> None:
            here.submit(change("y", 1, name="other"))
            here.submit(change("y", 2, name="other"))

        here.writer.submit(change("y", 1, name="n"), again)
        assert await here.settle() == ["x1: durable 1..1", "y1: durable 2..2", "y2: durable 3..3"]


async def test_a_removal_goes_the_same_way(autojump_clock: MockClock) -> None:
    async with desk() as here:
        here.submit(change("x", 1))
        here.submit(removal("x", 2))
        assert await here.settle() == ["x1: durable 1..1", "x2 gone: durable 2..2"]
        assert [row.removed for row in here.rows] == [False, True]
        assert isinstance(here.store.tables.groups[1][1][0], Appended)
