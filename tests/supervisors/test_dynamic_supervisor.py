"""A dynamic supervisor starts children on demand, restarts each alone, gives one up or fails, stops all together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock

from actors.kernel import Actor, ActorCrashed, ActorGone, Context
from supervisors.dynamic_supervisor import DynamicSupervisorHandle
from supervisors.failures import Escalated
from supervisors.spec import Backoff, ChildSpec, DynamicSupervisorSpec, Restart, Strategy, SupervisorSpec
from tests.actors.kernel.players import Boom, Crash, Leave, Player, Say, Work
from tests.supervisors.playbook import Stage, at_once, playing, settle, stage, troupe


def a_dynamic_supervisor(here: Stage) -> DynamicSupervisorSpec:
    return DynamicSupervisorSpec("vms", lambda context, key: Player(context, here.script, key), backoff=at_once)


@asynccontextmanager
async def dynamic(here: Stage, spec: DynamicSupervisorSpec) -> AsyncIterator[DynamicSupervisorHandle]:
    async with playing(here, troupe(here, spec)):
        here.take_observed()
        yield spec.handle


async def test_a_child_starts_on_demand_and_its_ref_is_good_at_once(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, a_dynamic_supervisor(here)) as vms:
        ref = vms.ensure("v1")
        ref.tell(Say(text="hello"))
        assert vms.ensure("v1") is ref
        assert vms.find("v1") is ref
        assert here.directory.find("root/vms/v1") is ref
        assert vms.find("v2") is None
        assert vms.keys() == ("v1",)
        assert here.take() == []
        await settle()
        assert here.take() == ["v1: up 1", "v1: hello"]


async def test_one_that_crashes_restarts_alone_and_keeps_its_queue(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, a_dynamic_supervisor(here)) as vms:
        vms.ensure("v1")
        vms.ensure("v2")
        vms.ensure("v1").tell(Crash())
        assert await vms.ensure("v1").ask(Say(text="again"), timeout_seconds=5) == Say(text="again, heard")
        assert sorted(here.take()) == ["v1: again", "v1: down", "v1: up 1", "v1: up 2", "v2: up 1"]


async def test_the_test_hook_crashes_the_next_message(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, a_dynamic_supervisor(here)) as vms:
        vms.ensure("v1")
        vms.crash("v1", Boom("injected"))
        with pytest.raises(ActorCrashed):
            await vms.ensure("v1").ask(Say(), timeout_seconds=5)
        assert await vms.ensure("v1").ask(Say(text="well"), timeout_seconds=5) == Say(text="well, heard")
        with pytest.raises(KeyError):
            vms.crash("v2", Boom())


async def test_one_that_crashes_too_often_is_given_up_and_the_others_go_on(autojump_clock: MockClock) -> None:
    here = stage()
    spec = attrs.evolve(a_dynamic_supervisor(here), restarts_max=2, window_seconds=60)
    async with dynamic(here, spec) as vms:
        bad, good = vms.ensure("bad"), vms.ensure("good")
        for _ in range(3):
            bad.tell(Crash())
            await trio.sleep(1)
        assert here.take_observed()[-2:] == ["crashed root/vms/bad 3", "gave_up root/vms/bad 3"]
        with pytest.raises(ActorGone):
            bad.tell(Say())
        assert vms.keys() == ("good",)
        assert await good.ask(Say(text="ok"), timeout_seconds=5) == Say(text="ok, heard")
        # Whoever wants it again gets a new one, with a new budget.
        assert await vms.ensure("bad").ask(Say(text="reborn"), timeout_seconds=5) == Say(text="reborn, heard")


async def test_or_the_whole_dynamic_supervisor_fails_and_comes_back_with_refs_and_queues_intact(
    autojump_clock: MockClock,
) -> None:
    here = stage()
    spec = attrs.evolve(a_dynamic_supervisor(here), restarts_max=0, fails_with_child=True)
    async with dynamic(here, spec) as vms:
        bad, good = vms.ensure("bad"), vms.ensure("good")
        good.tell(Work(seconds=1))
        await settle()
        here.take()
        bad.tell(Crash())
        good.tell(Say(text="unread"))
        assert await good.ask(Say(text="hello"), timeout_seconds=5) == Say(text="hello, heard")
        assert await bad.ask(Say(text="hello"), timeout_seconds=5) == Say(text="hello, heard")
        await settle()
        observed = here.take_observed()
        assert observed[2:6] == [
            *("crashed root/vms/bad 1", "gave_up root/vms/bad 1", "escalated root/vms 1", "stopped root/vms/good 1"),
        ]
        assert sorted(observed[6:]) == [
            *("crashed root/vms 1", "restarted root/vms 2", "restarted root/vms/bad 2", "restarted root/vms/good 2"),
        ]


async def test_too_many_restarts_in_all_fail_the_dynamic_supervisor(autojump_clock: MockClock) -> None:
    here = stage()
    spec = attrs.evolve(a_dynamic_supervisor(here), restarts_max=2, total_restarts_max=5)
    root = SupervisorSpec("root", Strategy.ONE_FOR_ONE, (spec,), restarts_max=0)

    async def crash_one_each() -> None:
        for number in range(6):
            spec.handle.ensure(f"v{number}").tell(Crash())
            await trio.sleep(1)
        pytest.fail("the dynamic supervisor went on")

    with pytest.raises(Escalated):
        async with playing(here, root):
            await crash_one_each()
    assert "escalated root/vms 1" in here.observed
    assert trio.current_time() == 5


async def test_stop_ends_one_for_good(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, a_dynamic_supervisor(here)) as vms:
        ref = vms.ensure("v1")
        vms.ensure("v2")
        await settle()
        await vms.stop("v1")
        await vms.stop("v3")
        assert here.take()[2:] == ["v1: down"]
        assert vms.keys() == ("v2",)
        assert ref.is_gone
        assert here.directory.find("root/vms/v1") is None


async def test_who_wants_it_while_it_stops_gets_it_started_again(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, a_dynamic_supervisor(here)) as vms:
        ref = vms.ensure("v1")
        ref.tell(Work(seconds=2))
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(vms.stop, "v1")
            await trio.sleep(1)
            assert vms.ensure("v1") is ref
            ref.tell(Say(text="wanted"))
        await settle()
        assert here.take() == ["v1: up 1", "v1: worked 2 s", "v1: down", "v1: up 2", "v1: wanted"]


async def test_stop_while_it_waits_to_restart(autojump_clock: MockClock) -> None:
    here = stage()
    spec = attrs.evolve(a_dynamic_supervisor(here), backoff=Backoff(first_seconds=30))
    async with dynamic(here, spec) as vms:
        vms.ensure("v1").tell(Crash())
        await trio.sleep(1)
        await vms.stop("v1")
        assert trio.current_time() == 1
        assert vms.keys() == ()


async def test_a_transient_child_that_leaves_is_gone(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, attrs.evolve(a_dynamic_supervisor(here), restart=Restart.TRANSIENT)) as vms:
        ref = vms.ensure("v1")
        ref.tell(Leave())
        await settle()
        assert ref.is_gone
        assert vms.keys() == ()


async def test_a_dynamic_supervisor_stops_side_by_side_within_one_deadline(autojump_clock: MockClock) -> None:
    here = stage()
    spec = DynamicSupervisorSpec(
        "vms", lambda context, key: Player(context, here.script, key, stop_seconds=3), stop_seconds=5
    )
    async with dynamic(here, spec) as vms:
        for number in range(100):
            vms.ensure(f"v{number}")
        await settle()
        here.take()
    assert len(here.take()) == 100
    assert trio.current_time() == 3


async def test_those_that_overrun_the_deadline_are_killed(autojump_clock: MockClock) -> None:
    here = stage()
    async with dynamic(here, attrs.evolve(a_dynamic_supervisor(here), stop_seconds=5)) as vms:
        vms.ensure("v1").tell(Work(seconds=1000))
        vms.ensure("v2")
        await settle()
        here.take_observed()
    assert trio.current_time() == 5
    assert here.take_observed() == [
        *("stopped root/vms/v2 1", "killed root/vms/v1 1", "stopped root/vms/v1 1"),
        *("stopped root/vms 1", "stopped root 1"),
    ]


async def test_who_asks_before_the_dynamic_supervisor_is_up_is_served_when_it_is(autojump_clock: MockClock) -> None:
    here = stage()
    vms = a_dynamic_supervisor(here)

    class Early(Player):
        async def started(self) -> None:
            vms.handle.ensure("v1").tell(Say(text="early"))
            await self.context.ports.clock.sleep(3)
            await super().started()

    first = ChildSpec("first", lambda context: Early(context, here.script))
    async with playing(here, troupe(here, first, vms)):
        await settle()
        assert here.take() == ["first: up 1", "v1: up 1", "v1: early"]


async def test_a_handle_without_a_tree() -> None:
    handle = DynamicSupervisorHandle()
    assert handle.find("v1") is None
    assert handle.keys() == ()
    with pytest.raises(RuntimeError, match="has not been built"):
        handle.ensure("v1")


async def test_a_start_that_fails_counts_as_a_restart(autojump_clock: MockClock) -> None:
    class Hopeless(Actor):
        async def started(self) -> None:
            raise Boom

    here = stage()
    made: list[int] = []

    def make(context: Context, key: str) -> Actor:
        made.append(context.incarnation)
        return Hopeless(context)

    async with dynamic(here, DynamicSupervisorSpec("vms", make, restarts_max=3, backoff=at_once)) as vms:
        with pytest.raises(ActorGone):
            await vms.ensure("v1").ask(Say(), timeout_seconds=5)
        assert made == [1, 2, 3, 4]
