"""An actor that ends while its commit is in flight: who asked is answered, and the next incarnation goes on."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.entity.decision import Decision, RunStep, SetTimer, Tell
from actors.entity.messages import Crash, Wake
from actors.entity.operation import with_step
from actors.journal.memory.journal import AppendFault
from protocol.activity.model import Job
from protocol.activity.operation import Outcome
from tests.actors.entity.thing import AT, Changed, Do, Room, Thing, Work, opened, operation, step, yes


def begins(**more: object) -> Decision:
    return Decision(
        events=(Changed(count=1, operation=operation()),),
        effects=(RunStep(step=step(), body=Work()),),
        reply=yes(),
        **more,  # type: ignore[arg-type]
    )


async def crash(room: Room) -> None:
    room.thing().tell(Crash())
    await wait_all_tasks_blocked()


async def test_the_reply_comes_although_the_actor_crashed(mock_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        room.ask_soon(begins(), "asked")
        await wait_all_tasks_blocked()
        await crash(room)
        assert room.answers == []
        mock_clock.autojump_threshold = 0
        await trio.sleep(60)
        assert room.answers == ["asked: accepted"]


async def test_the_next_incarnation_goes_on_from_the_durable_row(mock_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        room.ask_soon(begins(), "asked")
        await wait_all_tasks_blocked()
        await crash(room)
        assert room.nodes.sent == []
        mock_clock.autojump_threshold = 0
        await trio.sleep(60)
        assert room.nodes.sent == [f"h: {step()}"], "what the commit waited to send is sent by the operation"
        await room.ask(lambda thing: Decision(events=(Changed(count=thing.count + 1),), reply=yes()))
        assert room.durable is not None
        assert (room.durable.count, room.durable.operation is None) == (2, False)


async def test_a_commit_that_failed_after_the_crash_is_refused_to_who_asked(mock_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        room.ask_soon(begins(), "asked")
        await wait_all_tasks_blocked()
        await crash(room)
        mock_clock.autojump_threshold = 0
        await trio.sleep(60)
        assert room.answers == ["asked: unavailable"]
        assert room.nodes.sent == []
        assert room.durable is None


async def test_what_is_asked_between_crash_and_commit_leaves_no_conflict_behind(mock_clock: MockClock) -> None:
    """It may be refused, for it rests on a row that is being replaced; it may not stay behind it."""
    async with opened(delay_seconds=1.0) as room:
        room.ask_soon(begins(), "first")
        await wait_all_tasks_blocked()
        await crash(room)
        more = Decision(events=(Changed(count=10),), reply=yes(), effects=(SetTimer(name="x", seconds=1.0),))
        room.ask_soon(more, "second")
        await wait_all_tasks_blocked()
        mock_clock.autojump_threshold = 0
        await trio.sleep(60)
        assert "first: accepted" in room.answers
        assert len(room.answers) == 2
        again = await room.ask(lambda thing: Decision(events=(Changed(count=thing.count + 1),), reply=yes()))
        assert again.kind == "thing"  # type: ignore[attr-defined]
        assert room.durable is not None
        assert room.durable.operation is not None, "the operation goes on"
        versions = [row.version for row in room.journal("thing")]
        assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("in_hand", ["asked", "behind"])
async def test_who_has_nothing_in_flight_is_told_of_the_crash(in_hand: str, mock_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        if in_hand == "behind":
            room.ask_soon(begins(), "write")
            await wait_all_tasks_blocked()
        room.ask_soon(lambda _: Decision(reply=yes()) if in_hand == "behind" else 1 / 0, in_hand)
        await wait_all_tasks_blocked()
        await crash(room)
        mock_clock.autojump_threshold = 0
        await trio.sleep(60)
        assert f"{in_hand}: ActorCrashed" in room.answers


async def test_waking_one_that_is_up_to_date_asks_its_node_once_more(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(begins())
        room.thing().tell(Wake())
        await trio.sleep(1)
        assert room.nodes.sent == [f"h: {step()}"] * 2


async def test_jobs_are_begun_moved_on_and_ended(autojump_clock: MockClock) -> None:
    """Across a crash too: the next incarnation counts on from the durable row of the job."""
    async with opened() as room:
        await room.ask(begins())
        further = with_step(operation(), "thing/t", "Second", AT)
        await room.ask(Decision(events=(Changed(count=2, operation=further),), reply=yes()))
        await crash(room)
        await room.ask(Decision(events=(Changed(count=3, ended=Outcome(outcome="done")),), reply=yes()))
        rows = room.journal("job")
        assert [(row.tag, row.version) for row in rows] == [
            ("job.started", 1), ("job.progressed", 2), ("job.ended", 3)
        ]  # fmt: skip
        job = room.rows.document("job", "op")
        assert isinstance(job, Job)
        assert (job.status, job.outcome, len(job.steps or ())) == ("finished", "done", 2)
        assert room.durable == Thing(count=3)


async def test_an_operation_that_takes_over_ends_the_one_before(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(begins())
        await room.ask(Decision(events=(Changed(count=2, operation=operation("op2")),), reply=yes()))
        first, second = room.rows.document("job", "op"), room.rows.document("job", "op2")
        assert (first.status, first.outcome, first.reason) == ("failed", "failed", "Superseded.")
        assert second.status == "started"


async def test_who_waits_for_an_answer_that_decides_is_told_of_the_crash(autojump_clock: MockClock) -> None:
    """It is durable already, and nothing of it is left to answer for: the asker would wait for ever."""
    async with opened() as room:
        await room.ask(Decision(events=(Changed(name="silent"),), reply=yes()), id="silent")
        question = Tell(address="thing/silent", message=Do(decide=Decision()), token="x")
        room.ask_soon(Decision(events=(Changed(count=1),), effects=(question,)), "asked")
        await trio.sleep(1)
        assert room.answers == []
        await crash(room)
        assert room.answers == ["asked: ActorCrashed"]
