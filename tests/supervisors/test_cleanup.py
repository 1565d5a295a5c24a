"""Cleanup may raise, hang, or ignore cancellation: it is told, bounded, and never holds up the others."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.kernel import Envelope
from supervisors.spec import ChildSpec, Strategy
from tests.actors.kernel.players import Boom, Crash, Player, Say, Work
from tests.supervisors.playbook import Stage, playing, settle, stage, troupe


class RaisesAtTheEnd(Player):
    async def stopping(self) -> None:
        raise Boom("in stopping")


class HangsAtTheEnd(Player):
    async def stopping(self) -> None:
        self.note("hangs")
        await trio.sleep_forever()


class RaisesWhenCancelled(Player):
    async def receive(self, envelope: Envelope) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Boom("while being cancelled")


class RaisesBesideCancelled(Player):
    async def receive(self, envelope: Envelope) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(self.clean_up_badly)

    async def clean_up_badly(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Boom("beside a Cancelled")


class DeafToCancel(Player):
    async def receive(self, envelope: Envelope) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)
        self.note("back from the dead")


class HangsInTheBackground(Player):
    async def started(self) -> None:
        await super().started()
        self.context.spawn(self.hang)

    async def hang(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)


async def test_a_cleanup_that_raises_is_told_and_the_stop_goes_on(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a"), a(here, "b", RaisesAtTheEnd), a(here, "c"))):
        here.take_observed()
    assert here.take()[-2:] == ["c: down", "a: down"]
    assert here.take_observed() == [
        *("stopped root/c 1", "cleanup_failed root/b 1", "stopped root/b 1", "stopped root/a 1", "stopped root 1"),
    ]


async def test_a_cleanup_that_hangs_is_cut_at_its_deadline(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a"), a(here, "b", HangsAtTheEnd, stop_seconds=7))):
        here.take()
    assert here.take() == ["b: hangs", "a: down"]
    assert trio.current_time() == 7
    assert "cleanup_failed root/b 1" in here.take_observed()


async def test_a_cleanup_that_hangs_after_a_crash_delays_the_restart_by_its_deadline_only(
    autojump_clock: MockClock,
) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "b", HangsAtTheEnd, stop_seconds=7))):
        here.ref("root/b").tell(Crash())
        await here.ref("root/b").ask(Say(), timeout_seconds=60)
        assert trio.current_time() == 7
        assert here.take_observed()[2:] == ["cleanup_failed root/b 1", "crashed root/b 1", "restarted root/b 2"]


async def test_a_handler_that_overruns_the_stop_deadline_is_killed(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a"), a(here, "b", stop_seconds=7))):
        here.ref("root/b").tell(Work(seconds=1000))
        await settle()
        here.take()
        here.take_observed()
    assert trio.current_time() == 7
    assert here.take() == ["a: down"]
    assert here.take_observed() == ["killed root/b 1", "stopped root/b 1", "stopped root/a 1", "stopped root 1"]


async def test_a_cleanup_that_raises_while_it_is_cancelled(autojump_clock: MockClock) -> None:
    for player in (RaisesWhenCancelled, RaisesBesideCancelled):
        here = stage()
        async with playing(here, troupe(here, a(here, "a"), a(here, "b", player, stop_seconds=7))):
            here.ref("root/b").tell(Say())
            await settle()
            here.take_observed()
        assert here.take_observed() == [
            *("killed root/b 1", "cleanup_failed root/b 1", "stopped root/b 1", "stopped root/a 1", "stopped root 1"),
        ]


async def test_one_that_is_deaf_to_cancel_is_left_behind_and_its_siblings_stop(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "a"), a(here, "b", DeafToCancel, stop_seconds=7))):
        here.ref("root/b").tell(Say())
        await settle()
        here.take_observed()
    observed = [line for _, line in here.times[-5:]]
    assert observed == ["killed root/b 1", "stuck root/b 1", "stopped root/a 1", "stopped root 1", "stopped root/b 1"]
    # The tree itself ends when the last of its tasks has: nothing may run on unseen.
    assert trio.current_time() == 100


async def test_one_that_was_left_behind_does_not_read_for_its_successor(autojump_clock: MockClock) -> None:
    here = stage()
    b = a(here, "b", DeafOnce, stop_seconds=7)
    async with playing(here, troupe(here, a(here, "a"), b, strategy=Strategy.ONE_FOR_ALL)):
        here.ref("root/b").tell(Say(text="hang"))
        await settle()
        here.ref("root/a").tell(Crash())
        await trio.sleep(50)
        assert await here.ref("root/b").ask(Say(text="one"), timeout_seconds=5) == Say(text="one, heard")
        await trio.sleep(60)
        assert await here.ref("root/b").ask(Say(text="two"), timeout_seconds=5) == Say(text="two, heard")
        assert here.take() == ["a: up 1", "b: up 1", "a: down", "a: up 2", "b: up 2", "b: one", "b: two"]


class DeafOnce(Player):
    async def receive(self, envelope: Envelope) -> None:
        if self.context.incarnation == 1:
            with trio.CancelScope(shield=True):
                await trio.sleep(100)
        else:
            await super().receive(envelope)


async def test_a_background_task_that_does_not_end_is_bounded_too(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here, a(here, "b", HangsInTheBackground, stop_seconds=7), restarts_max=1)):
        here.ref("root/b").tell(Crash())
        await here.ref("root/b").ask(Say(text="next"), timeout_seconds=60)
        assert trio.current_time() == 7
        assert here.take()[:4] == ["b: up 1", "b: down", "b: up 2", "b: next"]


def a(here: Stage, name: str, player: type[Player] = Player, *, stop_seconds: float = 5.0) -> ChildSpec:
    return ChildSpec(name, lambda context: player(context, here.script), stop_seconds=stop_seconds)
