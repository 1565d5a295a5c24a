"""Who asks gets the answer, or is told why there is none; never silence past the deadline."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.kernel import ActorCrashed, ActorGone, AskTimeout, Envelope
from protocol.errors import Refusal
from supervisors.spec import Backoff, ChildSpec, Restart, SupervisorSpec
from tests.actors.kernel.players import Alarm, Crash, Keep, Leave, Player, Say, Work
from tests.supervisors.playbook import Stage, playing, settle, stage, troupe


async def test_ask_returns_the_reply(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        assert await here.ref("root/a").ask(Say(text="hello"), timeout_seconds=5) == Say(text="hello, heard")


async def test_ask_ends_at_its_deadline_and_a_late_reply_is_dropped(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        with pytest.raises(AskTimeout) as caught:
            await here.ref("root/a").ask(Work(seconds=10), timeout_seconds=4)
        assert trio.current_time() == 4
        assert caught.value.refusal.reason == "root/a did not answer within 4 seconds."
        await trio.sleep(7)
        assert here.take()[2:] == ["a: worked 10 s"]


async def test_a_cancelled_asker_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        with trio.move_on_after(1) as scope:
            await here.ref("root/a").ask(Keep(), timeout_seconds=5)
        assert scope.cancelled_caught
        assert await here.ref("root/a").ask(Say(text="still"), timeout_seconds=5) == Say(text="still, heard")


async def test_the_asker_of_the_message_in_hand_is_told_of_the_crash_and_the_queue_survives(
    autojump_clock: MockClock,
) -> None:
    async with playing(*a_pair()) as here:
        ref = here.ref("root/a")
        async with trio.open_nursery() as nursery:

            async def crash() -> None:
                with pytest.raises(ActorCrashed):
                    await ref.ask(Crash(), timeout_seconds=5)

            async def say() -> None:
                assert await ref.ask(Say(text="me too"), timeout_seconds=5) == Say(text="me too, heard")

            nursery.start_soon(crash)
            await wait_all_tasks_blocked()
            nursery.start_soon(say)
        assert here.take()[2:] == ["a: down", "a: up 2", "a: me too"]


async def test_who_waits_for_an_answer_that_was_kept_is_told_of_the_crash(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(ActorCrashed):
                    await here.ref("root/a").ask(Keep(), timeout_seconds=5)

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            here.ref("root/a").tell(Crash())
        assert trio.current_time() == 0


async def test_ask_of_one_that_has_ended_for_good(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a", Restart.TEMPORARY))):
        ref = here.ref("root/a")
        ref.tell(Leave())
        await settle()
        with pytest.raises(ActorGone):
            await ref.ask(Say(), timeout_seconds=5)
        assert here.directory.find("root/a") is None


async def test_unread_questions_are_answered_when_the_actor_ends_for_good(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a", Restart.TEMPORARY))):
        ref = here.ref("root/a")
        ref.tell(Leave())
        with pytest.raises(ActorGone):
            await ref.ask(Say(), timeout_seconds=5)


async def test_questions_wait_while_the_actor_is_down(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"), backoff=Backoff(first_seconds=10, jitter=0))):
        here.ref("root/a").tell(Crash())
        await settle()
        assert await here.ref("root/a").ask(Say(text="back?"), timeout_seconds=15) == Say(text="back?, heard")
        assert trio.current_time() == 10


async def test_an_actor_asks_another_and_the_answer_is_a_message(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        here.ref("root/a").tell(Say(text="hi"), reply_to=here.ref("root/b"), token="t1", correlation_id="c1")
        await settle()
        assert here.take()[2:] == ["a: hi", "b: answer t1: Say(text='hi, heard')"]


async def test_an_asking_actor_gets_a_refusal_when_the_other_crashes(autojump_clock: MockClock) -> None:
    async with playing(*a_pair()) as here:
        here.ref("root/a").tell(Crash(), reply_to=here.ref("root/b"), token="t2")
        await settle()
        [answer] = [line for line in here.take() if line.startswith("b: answer")]
        assert answer.startswith("b: answer t2: root/a failed while it worked on this.")


async def test_an_asking_actor_gets_a_refusal_when_the_other_has_gone(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a", Restart.TEMPORARY), here.child("b"))):
        gone = here.ref("root/a")
        gone.tell(Leave())
        await settle()
        gone.tell(Say(), reply_to=here.ref("root/b"), token="t3")
        await settle()
        assert here.take()[-1].startswith("b: answer t3: root/a has ended.")


async def test_an_answer_is_let_in_beyond_the_bound_and_travels_with_the_priority_of_its_question(
    autojump_clock: MockClock,
) -> None:
    here = stage()
    small = ChildSpec("b", here.player(), mailbox_messages_max=1)
    async with playing(here, troupe(here, here.child("a"), small)):
        b = here.ref("root/b")
        b.tell(Work(seconds=1))
        await settle()
        b.tell(Say(text="queued"))
        here.ref("root/a").tell(Say(text="q1"), reply_to=b, token="1")
        here.ref("root/a").tell(Say(text="q2"), reply_to=b, token="2")
        await trio.sleep(2)
        b_read = [line for line in here.take() if line.startswith("b: ")]
        assert b_read[1:] == [
            "b: worked 1 s",
            "b: queued",
            "b: answer 1: Say(text='q1, heard')",
            "b: answer 2: Say(text='q2, heard')",
        ]


async def test_a_refusal_is_an_answer_like_any_other(autojump_clock: MockClock) -> None:
    here = stage()
    refusal = Refusal(code="busy", reason="a works on something else.")

    class Refuses(Player):
        async def receive(self, envelope: Envelope) -> None:
            self.context.reply(envelope, refusal)

    async with playing(here, troupe(here, ChildSpec("a", lambda context: Refuses(context, here.script)))):
        assert await here.ref("root/a").ask(Alarm(), timeout_seconds=5) == refusal


def a_pair() -> tuple[Stage, SupervisorSpec]:
    here = stage()
    return here, troupe(here, here.child("a"), here.child("b"))
