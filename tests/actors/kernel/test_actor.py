"""An incarnation runs one message at a time, ends alone when it crashes, and takes its background tasks with it."""

from __future__ import annotations

import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.kernel import Actor, ActorCrashed, Context, Envelope
from actors.kernel.incarnation import messages_per_turn
from supervisors.spec import AsyncTask, ChildSpec, Restart
from tests.actors.kernel.players import Boom, Crash, Leave, Player, Say, Work
from tests.supervisors.playbook import Stage, playing, settle, stage, troupe


async def test_one_message_at_a_time(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"))):
        here.ref("root/a").tell(Work(seconds=2))
        here.ref("root/a").tell(Say(text="after"))
        await trio.sleep(3)
        assert here.take() == ["a: up 1", "a: worked 2 s", "a: after"]


async def test_stop_lets_the_message_in_hand_finish_and_leaves_the_rest(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"))):
        here.ref("root/a").tell(Work(seconds=2))
        here.ref("root/a").tell(Say(text="never read"))
        await settle()
    assert here.take() == ["a: up 1", "a: worked 2 s", "a: down"]


async def test_to_reply_twice_is_a_bug(autojump_clock: MockClock) -> None:
    class Eager(Player):
        async def receive(self, envelope: Envelope) -> None:
            self.context.reply(envelope, Say(text="once"))
            self.context.reply(envelope, Say(text="twice"))

    here = stage()
    async with playing(here, troupe(here, a(here, Eager))):
        assert await here.ref("root/a").ask(Say(), timeout_seconds=5) == Say(text="once")
        await settle()
        assert here.take_observed()[2:] == ["crashed root/a 1", "restarted root/a 2"]


async def test_a_reply_that_nobody_asked_for_goes_nowhere(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"))):
        here.ref("root/a").tell(Say(text="just so"))
        await settle()
        assert here.take() == ["a: up 1", "a: just so"]


async def test_a_background_task_ends_with_its_incarnation(autojump_clock: MockClock) -> None:
    class Spawns(Player):
        async def started(self) -> None:
            await super().started()
            self.context.spawn(self.tick, "tick")

        async def tick(self, message: str) -> None:
            try:
                while True:
                    await self.context.ports.clock.sleep(1)
                    self.note(message)
            finally:
                self.note("no more ticks")

    here = stage()
    async with playing(here, troupe(here, a(here, Spawns))):
        await trio.sleep(1.5)
        here.ref("root/a").tell(Crash())
        await trio.sleep(1.5)
    assert here.take() == [
        *("a: up 1", "a: tick", "a: down", "a: no more ticks"),
        *("a: up 2", "a: tick", "a: down", "a: no more ticks"),
    ]


async def test_the_crash_of_a_background_task_is_the_actors(autojump_clock: MockClock) -> None:
    class Fails(Player):
        async def started(self) -> None:
            await super().started()
            if self.context.incarnation == 1:
                self.context.spawn(self.fail)

        async def fail(self) -> None:
            await self.context.ports.clock.sleep(1)
            raise Boom("in the background")

    here = stage()
    async with playing(here, troupe(here, a(here, Fails))):
        with pytest.raises(ActorCrashed):
            await here.ref("root/a").ask(Work(seconds=9), timeout_seconds=20)
        assert trio.current_time() == 1
        await settle()
        assert here.take() == ["a: up 1", "a: down", "a: up 2"]


async def test_a_group_of_errors_from_a_nursery_is_a_crash_like_any_other(autojump_clock: MockClock) -> None:
    class Nursing(Player):
        async def receive(self, envelope: Envelope) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                raise Boom("with a nursery open")

    here = stage()
    async with playing(here, troupe(here, a(here, Nursing))):
        with pytest.raises(ActorCrashed):
            await here.ref("root/a").ask(Say(), timeout_seconds=5)


async def test_a_busy_actor_lets_others_have_their_turn(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, here.child("a"), here.child("b"))):
        for number in range(3 * messages_per_turn):
            here.ref("root/a").tell(Say(text=str(number)))
        here.ref("root/b").tell(Say(text="me too"))
        await settle()
        read = here.take()
        assert read.index("b: me too") < len(read) - messages_per_turn


async def test_a_task_is_a_child_too(autojump_clock: MockClock) -> None:
    here = stage()

    async def tick(context: Context) -> None:
        here.script.append(f"tick {context.incarnation}")
        await context.ports.clock.sleep(1)
        if context.incarnation == 1:
            raise Boom

    task = ChildSpec("task", AsyncTask(tick), Restart.TRANSIENT)
    async with playing(here, troupe(here, task)):
        await trio.sleep(5)
    assert here.take() == ["tick 1", "tick 2"]
    assert here.take_observed()[2:-1] == ["crashed root/task 1", "restarted root/task 2", "stopped root/task 2"]


async def test_an_actor_may_end_itself_while_it_starts(autojump_clock: MockClock) -> None:
    class Short(Player):
        async def started(self) -> None:
            await super().started()
            self.context.stop_self()

    here = stage()
    async with playing(here, troupe(here, ChildSpec("a", lambda c: Short(c, here.script), Restart.TEMPORARY))):
        await settle()
        assert here.take() == ["a: up 1", "a: down"]
        assert here.directory.find("root/a") is None


async def test_a_message_that_is_not_understood_is_a_crash(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, ChildSpec("a", Actor))):
        with pytest.raises(ActorCrashed):
            await here.ref("root/a").ask(Say(), timeout_seconds=5)


async def test_an_incarnation_that_is_over_cannot_spawn(autojump_clock: MockClock) -> None:
    contexts: list[Context] = []

    def make(context: Context) -> Actor:
        contexts.append(context)
        return Player(context, here.script)

    here = stage()
    async with playing(here, troupe(here, ChildSpec("a", make))):
        here.ref("root/a").tell(Leave())
        await wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="has ended"):
            contexts[0].spawn(trio.sleep_forever)
        assert [context.incarnation for context in contexts] == [1, 2]


async def test_the_log_bears_the_address(autojump_clock: MockClock) -> None:
    class Logs(Player):
        async def started(self) -> None:
            self.context.log.info("here", directory=self.context.directory.find("root/a") is self.context.ref)

    here = stage()
    with structlog.testing.capture_logs() as lines:
        async with playing(here, troupe(here, a(here, Logs))):
            pass
    assert lines == [
        {"event": "here", "log_level": "info", "address": "root/a", "incarnation": 1, "directory": True},
    ]


def a(here: Stage, player: type[Player]) -> ChildSpec:
    return ChildSpec("a", lambda context: player(context, here.script))
