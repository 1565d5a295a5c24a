"""Every strategy with every restart kind: who goes down, who comes back, in which order."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from protocol.message import Message
from supervisors.spec import Backoff, Restart, Strategy
from tests.actors.kernel.players import Crash, Leave, Say, Work
from tests.supervisors.playbook import playing, settle, stage, troupe

ONE, ALL, REST = Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE
PERMANENT, TRANSIENT, TEMPORARY = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY

# When b of a, b, c crashes or leaves.
b_returns = ["b: down", "b: up 2"]
all_return = ["b: down", "c: down", "a: down", "a: up 2", "b: up 2", "c: up 2"]
rest_returns = ["b: down", "c: down", "b: up 2", "c: up 2"]
b_has_gone = ["b: down"]


@pytest.mark.parametrize(
    ("strategy", "restart", "message", "then"),
    [
        (ONE, PERMANENT, Crash(), b_returns),
        (ONE, PERMANENT, Leave(), b_returns),
        (ONE, TRANSIENT, Crash(), b_returns),
        (ONE, TRANSIENT, Leave(), b_has_gone),
        (ONE, TEMPORARY, Crash(), b_has_gone),
        (ONE, TEMPORARY, Leave(), b_has_gone),
        (ALL, PERMANENT, Crash(), all_return),
        (ALL, PERMANENT, Leave(), all_return),
        (ALL, TRANSIENT, Crash(), all_return),
        (ALL, TRANSIENT, Leave(), b_has_gone),
        (ALL, TEMPORARY, Crash(), b_has_gone),
        (ALL, TEMPORARY, Leave(), b_has_gone),
        (REST, PERMANENT, Crash(), rest_returns),
        (REST, PERMANENT, Leave(), rest_returns),
        (REST, TRANSIENT, Crash(), rest_returns),
        (REST, TRANSIENT, Leave(), b_has_gone),
        (REST, TEMPORARY, Crash(), b_has_gone),
        (REST, TEMPORARY, Leave(), b_has_gone),
    ],
)
async def test_when_the_second_of_three_ends(
    autojump_clock: MockClock, strategy: Strategy, restart: Restart, message: Message, then: list[str]
) -> None:
    here = stage()
    children = here.child("a"), here.child("b", restart), here.child("c")
    async with playing(here, troupe(here, *children, strategy=strategy)):
        b = here.ref("root/b")
        assert here.take() == ["a: up 1", "b: up 1", "c: up 1"]
        b.tell(message)
        await settle()
        assert here.take() == then
        assert b.is_gone is (then == b_has_gone)
        if not b.is_gone:
            assert await b.ask(Say(text="still me"), timeout_seconds=5) == Say(text="still me, heard")


async def test_a_temporary_child_that_goes_down_with_a_sibling_stays_down(autojump_clock: MockClock) -> None:
    here = stage()
    children = here.child("a"), here.child("b", TEMPORARY), here.child("c", TRANSIENT)
    async with playing(here, troupe(here, *children, strategy=ALL)):
        b = here.ref("root/b")
        here.take()
        here.ref("root/a").tell(Crash())
        await settle()
        assert here.take() == ["a: down", "c: down", "b: down", "a: up 2", "c: up 2"]
        assert b.is_gone


async def test_a_transient_child_that_had_left_comes_back_with_all(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"), here.child("b", TRANSIENT), strategy=ALL)):
        b = here.ref("root/b")
        b.tell(Leave())
        await settle()
        assert b.is_gone
        here.take()
        here.ref("root/a").tell(Crash())
        await settle()
        assert here.take() == ["a: down", "a: up 2", "b: up 2"]
        assert not b.is_gone


async def test_two_that_crash_at_once_restart_once_under_one_for_all(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, strategy=ALL, restarts_max=1)):
        here.take()
        here.ref("root/a").tell(Crash())
        here.ref("root/b").tell(Crash())
        await settle()
        assert here.take()[-3:] == ["a: up 2", "b: up 2", "c: up 2"]
        assert "escalated root 1" not in here.take_observed()


async def test_an_elder_sibling_that_crashes_meanwhile_takes_the_restart_over(autojump_clock: MockClock) -> None:
    here = stage()
    backoff = Backoff(first_seconds=2, jitter=0)
    async with playing(here, troupe(here, strategy=REST, backoff=backoff)):
        here.take()
        here.ref("root/c").tell(Crash())
        await trio.sleep(1)
        here.ref("root/b").tell(Crash())
        await trio.sleep(1.5)
        assert here.take() == ["c: down", "b: down"]
        await trio.sleep(1)
        assert here.take() == ["b: up 2", "c: up 2"]


async def test_siblings_finish_their_message_before_they_go_down(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, strategy=ALL)):
        here.ref("root/c").tell(Work(seconds=3))
        await settle()
        here.take()
        here.ref("root/a").tell(Crash())
        await trio.sleep(4)
        assert here.take()[:4] == ["a: down", "c: worked 3 s", "c: down", "b: down"]
