"""A supervisor starts in order, stops in reverse, spends its budget, waits between restarts, and fails to its parent."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from protocol.message import Message
from supervisors.failures import Escalated, StartFailed
from supervisors.spec import Backoff, ChildSpec, Restart, Strategy, SupervisorSpec
from tests.actors.kernel.players import Boom, Crash, Leave, Player, Say, Work
from tests.supervisors.playbook import Stage, at_once, playing, settle, stage, troupe


class SlowStarter(Player):
    """Takes a second to come up."""

    async def started(self) -> None:
        self.note("starting")
        await self.context.ports.clock.sleep(1)
        await super().started()


class Unlucky(Player):
    """Does not come up the first `failures` times."""

    failures = 1

    async def started(self) -> None:
        if self.context.incarnation <= self.failures:
            self.note("fails")
            raise Boom("at the start")
        await super().started()


class Hopeless(Unlucky):
    failures = 1_000_000


async def test_children_start_in_order_one_after_the_other_and_stop_in_reverse(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a", SlowStarter), a(here, "b", SlowStarter), a(here, "c"))):
        assert here.take() == ["a: starting", "a: up 1", "b: starting", "b: up 1", "c: up 1"]
    assert here.take() == ["c: down", "b: down", "a: down"]
    assert here.take_observed() == [
        *("started root/a 1", "started root/b 1", "started root/c 1", "started root 1"),
        *("stopped root/c 1", "stopped root/b 1", "stopped root/a 1", "stopped root 1"),
    ]
    assert len(here.directory) == 0


async def test_a_later_child_that_does_not_come_up_stops_the_earlier_ones(autojump_clock: MockClock) -> None:
    here = stage()
    with pytest.raises(StartFailed) as caught:
        async with playing(here, troupe(here, a(here, "a"), a(here, "b"), a(here, "c", Hopeless), a(here, "d"))):
            pytest.fail("the tree came up")
    assert here.take() == ["a: up 1", "b: up 1", "c: fails", "b: down", "a: down"]
    assert str(caught.value) == "root: root/c did not start"
    assert isinstance(caught.value.__cause__, Boom)


async def test_a_child_that_starts_too_slowly_does_not_come_up(autojump_clock: MockClock) -> None:
    here = stage()
    slow = ChildSpec("a", lambda context: SlowStarter(context, here.script), start_seconds=0.5)
    with pytest.raises(StartFailed):
        async with playing(here, troupe(here, slow)):
            pytest.fail("the tree came up")
    assert trio.current_time() == 0.5


async def test_one_restart_too_many_in_the_window_escalates(autojump_clock: MockClock) -> None:
    here = stage()
    with pytest.raises(Escalated) as caught:
        async with playing(here, troupe(here, a(here, "a"), a(here, "b"), restarts_max=2, window_seconds=10)):
            await crash_again_and_again(here, "root/a", every_seconds=3)
    assert str(caught.value) == "root: more than 2 restarts in 10 seconds"
    assert isinstance(caught.value.__cause__, Boom)
    assert here.take_observed()[-4:] == ["crashed root/a 3", "escalated root 1", "stopped root/b 1", "crashed root 1"]


async def test_restarts_spread_over_time_do_not_escalate(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a"), restarts_max=2, window_seconds=10)):
        for _ in range(9):
            here.ref("root/a").tell(Crash())
            await trio.sleep(5)
        assert await here.ref("root/a").ask(Say(text="ok"), timeout_seconds=5) == Say(text="ok, heard")


async def test_waits_between_restarts_grow_until_the_child_has_been_calm(autojump_clock: MockClock) -> None:
    here = stage()
    backoff = Backoff(first_seconds=1, factor=2, max_seconds=4, jitter=0)
    spec = troupe(here, a(here, "a"), restarts_max=100, window_seconds=10, backoff=backoff)
    async with playing(here, spec):
        for _ in range(4):
            here.ref("root/a").tell(Crash())
            await trio.sleep(5)
        await trio.sleep(20)
        here.ref("root/a").tell(Crash())
        await trio.sleep(2)
    ups = [at for at, line in here.times if line.startswith("restarted")]
    assert ups == [0 + 1, 5 + 2, 10 + 4, 15 + 4, 40 + 1]


async def test_a_restart_that_fails_is_tried_again_and_counts(autojump_clock: MockClock) -> None:
    class ComesBackLate(Player):
        async def started(self) -> None:
            if self.context.incarnation in (2, 3):
                raise Boom("not yet")
            await super().started()

    here = stage()
    backoff = Backoff(first_seconds=1, factor=2, jitter=0)
    async with playing(here, troupe(here, a(here, "a", ComesBackLate), restarts_max=3, backoff=backoff)):
        here.ref("root/a").tell(Crash())
        assert await here.ref("root/a").ask(Say(text="back?"), timeout_seconds=60) == Say(text="back?, heard")
        assert trio.current_time() == 1 + 2 + 4
        assert here.take() == ["a: up 1", "a: down", "a: up 4", "a: back?"]


async def test_rest_for_one_tries_the_rest_again_when_one_of_them_fails_to_come_back(autojump_clock: MockClock) -> None:
    class FailsOnce(Player):
        async def started(self) -> None:
            if self.context.incarnation == 2:
                self.note("fails")
                raise Boom("not yet")
            await super().started()

    here = stage()
    children = a(here, "a"), a(here, "b"), a(here, "c", FailsOnce), a(here, "d")
    async with playing(here, troupe(here, *children, strategy=Strategy.REST_FOR_ONE)):
        here.take()
        here.ref("root/b").tell(Crash())
        await settle()
        assert here.take() == ["b: down", "d: down", "c: down", "b: up 2", "c: fails", "c: up 3", "d: up 2"]


async def test_a_supervisor_fails_to_its_parent_which_restarts_it_with_refs_and_queues_intact(
    autojump_clock: MockClock,
) -> None:
    here = stage()
    branch = SupervisorSpec("branch", Strategy.ONE_FOR_ALL, (a(here, "a"), a(here, "b")), 0, 5, at_once)
    async with playing(here, troupe(here, a(here, "first"), branch, a(here, "last"))):
        here.take()
        b = here.ref("root/branch/b")
        b.tell(Work(seconds=1))
        await settle()
        here.ref("root/branch/a").tell(Crash())
        b.tell(Say(text="unread"))
        answer = await b.ask(Say(text="hello"), timeout_seconds=5)
        assert answer == Say(text="hello, heard")
        await settle()
        assert here.take() == ["a: down", "b: worked 1 s", "b: down", "a: up 2", "b: up 2", "b: unread", "b: hello"]
        assert here.take_observed()[5:] == [
            *("started root 1", "crashed root/branch/a 1", "escalated root/branch 1", "stopped root/branch/b 1"),
            *(
                "crashed root/branch 1",
                "restarted root/branch/a 2",
                "restarted root/branch/b 2",
                "restarted root/branch 2",
            ),
        ]


async def test_failure_climbs_to_the_root_when_every_budget_is_spent(autojump_clock: MockClock) -> None:
    here = stage()
    inner = SupervisorSpec("inner", Strategy.ONE_FOR_ONE, (a(here, "a"),), 1, 5, at_once)
    outer = SupervisorSpec("outer", Strategy.ONE_FOR_ONE, (inner,), 1, 5, at_once)
    with pytest.raises(Escalated):
        async with playing(here, troupe(here, outer, restarts_max=0)):
            await crash_again_and_again(here, "root/outer/inner/a", every_seconds=0.1)
    assert sum(line.startswith("crashed root/outer/inner/a ") for line in here.observed) == 4
    assert len(here.directory) == 0


async def test_a_temporary_supervisor_that_fails_is_not_restarted(autojump_clock: MockClock) -> None:
    here = stage()
    branch = SupervisorSpec("branch", Strategy.ONE_FOR_ONE, (a(here, "a"),), 0, 5, at_once)
    async with playing(here, troupe(here, ChildSpec("branch", branch, Restart.TEMPORARY), a(here, "b"))):
        ref = here.ref("root/branch/a")
        ref.tell(Crash())
        await settle()
        assert ref.is_gone
        assert await here.ref("root/b").ask(Say(text="ok"), timeout_seconds=5) == Say(text="ok, heard")


async def test_a_supervisor_is_asked_to_stop_while_it_starts(autojump_clock: MockClock) -> None:
    here = stage()
    branch = SupervisorSpec("branch", Strategy.ONE_FOR_ONE, (a(here, "a"), a(here, "b", SlowStarter), a(here, "c")))
    with trio.move_on_after(0.5) as scope:
        async with playing(here, troupe(here, a(here, "first"), branch, a(here, "last"))):
            pytest.fail("the tree came up")
    assert scope.cancelled_caught
    assert here.take() == ["first: up 1", "a: up 1", "b: starting", "a: down", "first: down"]
    assert trio.current_time() == 0.5


async def test_a_restart_that_is_pending_does_not_hold_up_the_stop(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, backoff=Backoff(first_seconds=1000, max_seconds=1000))):
        here.ref("root/b").tell(Crash())
        await settle()
        here.take()
    assert here.take() == ["c: down", "a: down"]
    assert trio.current_time() == 0


async def test_a_permanent_child_that_leaves_spends_the_budget_too(autojump_clock: MockClock) -> None:
    here = stage()
    with pytest.raises(Escalated):
        async with playing(here, troupe(here, a(here, "a"), restarts_max=0)):
            await crash_again_and_again(here, "root/a", every_seconds=1, by=Leave())


def test_two_children_of_one_name_are_refused() -> None:
    here = stage()
    with pytest.raises(ValueError, match="two children of the same name"):
        troupe(here, here.child("a"), here.child("a"))


async def crash_again_and_again(here: Stage, address: str, *, every_seconds: float, by: Message | None = None) -> None:
    ref = here.ref(address)
    while True:
        ref.tell(by or Crash())
        await trio.sleep(every_seconds)


def a(here: Stage, name: str, player: type[Player] = Player) -> ChildSpec:
    return ChildSpec(name, lambda context: player(context, here.script))
