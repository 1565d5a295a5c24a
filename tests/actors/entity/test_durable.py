"""The shell of durable actors: nothing is said or done before it is durable, and a failed commit takes all of it back."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.entity.decision import CancelTimer, Decision, Question, RunStep, SetTimer, Tell
from actors.journal.memory.journal import AppendFault
from actors.journal.port import EntityRow, EntityWrite, Transaction
from actors.kernel.failures import MailboxFull
from protocol import limits
from protocol.activity.model import Event
from protocol.codec import decode
from protocol.errors import Refusal
from protocol.live.engine import Accepted
from tests.actors.entity.thing import Changed, Do, Gone, Room, Thing, Work, opened, operation, step, yes

to_node = RunStep(step=step(7), body=Work())


def count(number: int, **more: Any) -> Decision:
    return Decision(events=(Changed(count=number),), reply=yes(), **more)


async def one_more(room: Room) -> None:
    """Asks a thing that counts one up from what it finds."""
    room.ask_soon(lambda thing: count(thing.count + 1 if thing else 1), "count")
    await wait_all_tasks_blocked()


async def test_the_reply_leaves_when_it_is_durable_and_names_its_sequence(autojump_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        began = trio.current_time()
        reply = await room.ask(count(7))
        assert trio.current_time() - began >= 1.0
        assert isinstance(reply, Accepted)
        assert reply.sequence == room.journal("thing")[-1].sequence
        assert room.durable == Thing(count=7)
        assert room.rows.document("thing", "t") == Thing(count=7), "who gets a reply can read what he wrote"


async def test_what_a_command_changes_bears_its_correlation_id(autojump_clock: MockClock) -> None:
    async with opened() as room:
        audited = Decision(events=(Changed(count=1),), audit=(Event(description="one"),), reply=yes())
        await room.thing().ask(Do(decide=audited), timeout_seconds=100, correlation_id="mine")
        assert [row.correlation_id for kind in ("thing", "event") for row in room.journal(kind)] == ["mine", "mine"]
        (line,) = room.journal("event")
        assert decode(line.document).correlation_id == "mine"


async def test_effects_wait_for_the_journal(mock_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        room.ask_soon(count(1, effects=(to_node,)), "asked")
        await wait_all_tasks_blocked()
        assert (room.nodes.sent, room.answers) == ([], [])
        mock_clock.jump(1.0)
        await wait_all_tasks_blocked()
        mock_clock.jump(1.0)
        await wait_all_tasks_blocked()
        assert room.nodes.sent == [f"h: {step(7)}"]
        assert room.answers == ["asked: accepted"]


async def test_the_next_decision_rests_on_the_one_in_flight(autojump_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        for _ in range(5):
            await one_more(room)
        await trio.sleep(60)
        assert room.durable == Thing(count=5)
        assert [row.version for row in room.journal("thing")] == [1, 2, 3, 4, 5]


async def test_a_decision_without_events_waits_behind_what_is_in_flight(mock_clock: MockClock) -> None:
    """What it says rests on a state that may still be taken back."""
    async with opened(delay_seconds=1.0) as room:
        room.ask_soon(count(1), "write")
        await wait_all_tasks_blocked()
        room.ask_soon(lambda thing: Decision(reply=yes(id=str(thing.count)), effects=(to_node,)), "read")
        await wait_all_tasks_blocked()
        assert (room.nodes.sent, room.answers) == ([], [])
        for _ in range(2):
            mock_clock.jump(1.0)
            await wait_all_tasks_blocked()
        assert sorted(room.answers) == ["read: accepted", "write: accepted"]
        assert room.nodes.sent == [f"h: {step(7)}"]


async def test_a_failed_commit_is_refused_and_leaves_the_durable_state(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(count(1))
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        refusal = await room.ask(count(2, effects=(to_node,)))
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.status) == ("unavailable", 503)
        await trio.sleep(60)
        assert room.nodes.sent == [], "an effect of what never was"
        seen = await room.ask(lambda thing: Decision(reply=yes(id=str(thing.count))))
        assert isinstance(seen, Accepted)
        assert seen.id == "1"


async def test_an_unknown_commit_that_committed_counts(autojump_clock: MockClock) -> None:
    async with opened() as room:
        room.store.append_faults.append(AppendFault.UNKNOWN_COMMITTED)
        assert isinstance(await room.ask(count(1, effects=(to_node,))), Accepted)
        assert room.nodes.sent == [f"h: {step(7)}"]
        assert room.durable == Thing(count=1)


async def test_when_the_first_of_two_in_flight_fails_both_are_refused(autojump_clock: MockClock) -> None:
    async with opened(delay_seconds=1.0) as room:
        await room.ask(Decision(events=(Changed(count=1, operation=operation()),), reply=yes()))
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        await one_more(room)
        await one_more(room)
        room.ask_soon(lambda thing: Decision(reply=yes(id=str(thing.count))), "read")
        await trio.sleep(60)
        assert sorted(room.answers) == ["count: unavailable", "count: unavailable", "read: unavailable"]
        assert room.nodes.sent == [f"h: {step()}"], "it fell back once, and goes on with its operation once"
        await one_more(room)
        await trio.sleep(60)
        assert room.durable is not None
        assert room.durable.count == 2


async def test_what_was_taken_back_goes_on_also_when_another_commit_is_in_flight_just_then(
    autojump_clock: MockClock,
) -> None:
    async with opened() as room:
        await room.ask(Decision(events=(Changed(count=1, operation=operation()),), reply=yes()))
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        assert isinstance(await room.ask(count(2)), Refusal)
        await trio.sleep(0.3)
        room.store.delay_seconds = 3.0
        await one_more(room)
        await trio.sleep(60)
        assert room.answers == ["count: accepted"]
        assert room.nodes.sent == [f"h: {step()}"]


async def test_a_name_that_is_taken_is_the_answer(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(count(1))
        taken = EntityRow("thing", "other", 1, "taken", "", b"", None)
        room.writer.submit(Transaction((EntityWrite(taken, 0),)), lambda _: None)
        refusal = await room.ask(Decision(events=(Changed(count=2, name="taken"),), reply=yes(), effects=(to_node,)))
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.field) == ("name_taken", "name")
        assert room.durable == Thing(count=1)
        assert room.nodes.sent == []
        assert isinstance(await room.ask(lambda thing: count(thing.count + 1)), Accepted)
        assert room.durable == Thing(count=2)


async def test_what_cannot_be_added_leaves_no_actor(autojump_clock: MockClock) -> None:
    async with opened() as room:
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        assert isinstance(await room.ask(count(1)), Refusal)
        await trio.sleep(60)
        assert room.dynamic_supervisor.keys() == ()


async def test_one_that_is_removed_leaves_no_actor_and_no_row(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(count(1))
        await room.ask(Decision(events=(Gone(),), reply=yes()))
        await trio.sleep(1)
        assert room.dynamic_supervisor.keys() == ()
        assert room.durable is None
        assert room.rows.row("thing", "t") is None
        last = room.journal("thing")[-1]
        assert (last.version, last.removed, last.document) == (2, True, None)


async def test_the_outcome_of_a_command_is_kept_with_it(autojump_clock: MockClock) -> None:
    async with opened() as room:
        accepted = yes(command_id="c1", job_id="op")
        await room.ask(Decision(events=(Changed(count=1),), reply=accepted, outcome=accepted))
        assert decode(room.store.tables.commands["c1"][0]) == accepted
        later = yes(command_id="c2")
        room.ask_soon(Decision(events=(Changed(count=2),), outcome=later, keep="later"), "answered later")
        await trio.sleep(1)
        assert decode(room.store.tables.commands["c2"][0]) == later
        assert room.answers == []
        await room.ask(Decision(events=(Changed(count=3),), reply=yes(command_id="c3"), answers=(("later", later),)))
        await trio.sleep(1)
        assert room.answers == ["answered later: accepted"]
        assert set(room.store.tables.commands) == {"c1", "c2"}


async def test_a_request_with_a_key_that_changes_nothing_is_kept_too(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await one_more(room)
        for _ in range(2):  # the second time it is kept already
            assert isinstance(await room.command(Decision(reply=yes()), "c1", digest="d"), Accepted)
        kept = decode(room.store.tables.commands["c1"][0])
        assert isinstance(kept, Accepted)
        assert (kept.command_id, kept.digest) == ("c1", "d")
        await room.command(Decision(reply=yes()), "c2")
        await room.command(Decision(reply=yes()), "c3", digest="d", dry_run=True)
        assert set(room.store.tables.commands) == {"c1"}
        room.store.away = True
        refusal = await room.command(Decision(reply=yes()), "c4", digest="d")
        assert isinstance(refusal, Refusal)
        assert refusal.status == 503


async def test_audit_lines_get_their_time_and_what_they_belong_to(autojump_clock: MockClock) -> None:
    async with opened() as room:
        line = Event(code=1, severity="normal", description="It was changed.")
        begun = operation(correlation_id="corr")
        await room.ask(Decision(events=(Changed(count=1, operation=begun),), audit=(line,), reply=yes()))
        (row,) = room.journal("event")
        audited = decode(row.document)
        assert isinstance(audited, Event)
        assert audited.time == row.at
        assert audited.correlation_id == row.correlation_id == "corr"
        assert room.journal("thing")[-1].correlation_id == "corr"
        await room.ask(Decision(audit=(line,), reply=yes()))
        assert len(room.journal("event")) == 2, "a line without an event is written too"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_timer_fires_once_and_in_its_own_time(cancelled: bool, autojump_clock: MockClock) -> None:
    """One that was cancelled and set again must not end with the first one's time."""
    async with opened() as room:
        timer = SetTimer(name="one", seconds=10.0)
        began = trio.current_time()
        await room.ask(count(1, effects=(timer,)))
        await trio.sleep(5)
        await room.ask(Decision(reply=yes(), effects=(CancelTimer(name="one"), timer) if cancelled else (timer,)))
        await trio.sleep(60)
        assert room.fired == [f"one at {began + 15:g}"]


async def test_a_cancelled_timer_does_not_fire(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(count(1, effects=(SetTimer(name="one", seconds=10.0),)))
        await room.ask(Decision(reply=yes(), effects=(CancelTimer(name="one"),)))
        await trio.sleep(60)
        assert room.fired == []


def asking(address: str) -> Decision:
    return Decision(question=Question(ask=Tell(address=address, message=Work(), token="x"), release=release))


release = Tell(address="thing/other", message=Do(decide=count(1)))


async def test_a_question_to_nobody_is_answered_by_a_refusal(autojump_clock: MockClock) -> None:
    async with opened() as room:
        refusal = await room.command(asking("ghost/1"))
        assert isinstance(refusal, Refusal)
        assert refusal.code == "not_found"


async def test_a_question_is_released_when_the_command_is_decided(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.command(asking("ghost/1"))
        await trio.sleep(1)
        assert room.rows.document("thing", "other") == Thing(count=1)


async def test_commands_queue_behind_one_that_waits_for_an_answer(autojump_clock: MockClock) -> None:
    async with opened() as room, trio.open_nursery() as nursery:
        answered: list[str] = []

        async def command(name: str, decision: Decision) -> None:
            await room.command(decision, name)
            answered.append(name)

        waits = Decision(question=Question(ask=Tell(address="thing/slow", message=Do(decide=SLOW), token="x")))
        nursery.start_soon(command, "first", waits)
        await wait_all_tasks_blocked()
        nursery.start_soon(command, "second", count(5))
        await wait_all_tasks_blocked()
        assert answered == [], "the second is decided after the first"
        room.thing("slow").tell(Do(decide=Decision(answers=(("slow", yes()),))))
        await trio.sleep(1)
        assert answered == ["first", "second"]


SLOW = Decision(keep="slow")


async def test_a_queue_of_commands_that_is_full_takes_no_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "mailbox_messages_max", 2)
    async with opened() as room, trio.open_nursery() as nursery:
        answered: dict[str, str] = {}

        async def command(name: str, decision: Decision) -> None:
            answered[name] = getattr(await room.command(decision, name), "code", "accepted")

        waits = Decision(question=Question(ask=Tell(address="thing/slow", message=Do(decide=SLOW), token="x")))
        for number, decision in enumerate((waits, count(1), count(2), count(3))):
            nursery.start_soon(command, f"command-{number}", decision)
            await wait_all_tasks_blocked()
        assert answered == {"command-3": "unavailable"}
        room.thing("slow").tell(Do(decide=Decision(answers=(("slow", yes()),))))
        await trio.sleep(1)
        assert [answered[f"command-{number}"] for number in (1, 2)] == ["accepted", "accepted"]


async def test_all_who_wait_for_one_answer_hear_that_its_commit_failed(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await room.ask(count(1))
        room.ask_soon(Decision(keep="later"), "first")
        await wait_all_tasks_blocked()
        room.store.append_faults.append(AppendFault.UNAVAILABLE)
        room.ask_soon(Decision(events=(Changed(count=2),), keep="later"), "second")
        await trio.sleep(60)
        assert sorted(room.answers) == ["first: unavailable", "second: unavailable"]


async def test_a_dry_run_answers_and_does_nothing(autojump_clock: MockClock) -> None:
    """Whatever the command: no event, no effect, no stored outcome, no job."""
    async with opened() as room:
        accepted = yes(command_id="c1", job_id="op")
        decision = Decision(
            events=(Changed(count=1),), effects=(to_node,), audit=(Event(code=1),), reply=accepted, outcome=accepted
        )
        assert await room.command(decision, dry_run=True) == yes(command_id="c1")
        await trio.sleep(1)
        assert (room.durable, room.nodes.sent, room.store.tables.commands) == (None, [], {})
        kept = Decision(events=(Changed(count=1),), outcome=accepted, keep="later")
        assert await room.command(kept, dry_run=True) == yes(command_id="c1"), "one that would be answered later too"
        refusal = await room.command(asking("ghost/1"), dry_run=True)
        assert isinstance(refusal, Refusal), "what another actor says is part of the answer"


class Full:
    """Somebody without room."""

    def tell(self, message: Any, **_: Any) -> None:
        raise MailboxFull("thing/full")


def nobody_has_room(kind: str, key: str) -> Any:
    return Full()


async def test_a_receiver_without_room_costs_no_other_effect_and_is_told_again(autojump_clock: MockClock) -> None:
    async with opened() as room:
        ensure: Any = room.services.ensure
        room.services.ensure = lambda kind, key: (nobody_has_room if key == "full" else ensure)(kind, key)
        begun = operation()
        audited = Tell(address="thing/full", message=Work())
        first = Decision(events=(Changed(count=1, operation=begun),), reply=yes(), effects=(audited, to_node))
        assert isinstance(await room.ask(first), Accepted)
        assert room.nodes.sent == [f"h: {step(7)}"], "what came after it was done"
        await trio.sleep(5)
        assert room.nodes.sent == [f"h: {step(7)}", f"h: {begun.steps[-1].id}"], "and it went on from what is durable"


async def test_who_asks_one_without_room_gets_that_as_the_answer(autojump_clock: MockClock) -> None:
    async with opened() as room:
        room.services.ensure = nobody_has_room
        reply = await room.command(asking("thing/full"))
        assert isinstance(reply, Refusal)
        assert (reply.status, reply.retryable) == (503, True)
        assert "thing/full" in reply.reason
