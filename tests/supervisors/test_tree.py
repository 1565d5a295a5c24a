"""A tree is stopped in order however its caller leaves, and the same seed plays the same piece."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors.kernel import ActorCrashed, ActorGone, ActorRef, Directory, Ports, codec_carrier
from supervisors.observe import Kind, Observed, log_observed
from supervisors.spec import Backoff, ChildSpec, DynamicSupervisorSpec, Strategy, SupervisorSpec
from supervisors.tree import run, running
from tests.actors.kernel.players import Boom, Crash, Leave, Player, Say, Work
from tests.supervisors.playbook import Stage, playing, settle, stage, troupe


async def test_an_error_in_the_block_stops_the_tree_in_order_and_goes_on(autojump_clock: MockClock) -> None:
    here = stage()
    with pytest.raises(Boom):
        async with playing(here, troupe(here)):
            raise Boom
    assert here.take()[3:] == ["c: down", "b: down", "a: down"]


async def test_a_cancelled_caller_stops_the_tree_in_order_too(autojump_clock: MockClock) -> None:
    here = stage()
    with trio.move_on_after(10) as scope:
        async with playing(here, troupe(here, *(slow(here, name) for name in "abc"))):
            here.ref("root/b").tell(Work(seconds=12))
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert here.take()[3:] == ["c: down", "b: worked 12 s", "b: down", "a: down"]
    # c takes until 11, b works until 12 and takes until 13, a takes until 14.
    assert trio.current_time() == 14


async def test_run_runs_until_it_is_cancelled(autojump_clock: MockClock) -> None:
    here = stage()
    with trio.move_on_after(10):
        await run(
            troupe(here),
            Ports.seeded(1),
            here.directory,
            observer=here.observe,
            on_started=lambda: here.script.append("serving"),
        )
    assert here.take() == ["a: up 1", "b: up 1", "c: up 1", "serving", "c: down", "b: down", "a: down"]


async def test_a_cancel_before_anything_ran(autojump_clock: MockClock) -> None:
    here = stage()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with playing(here, troupe(here)):
            pytest.fail("the tree came up")
    assert here.take() == []


async def test_a_tree_may_be_asked_to_stop(autojump_clock: MockClock) -> None:
    here = stage()
    async with running(troupe(here), Ports.seeded(1), here.directory, observer=here.observe) as tree:
        tree.request_stop()
        await tree.ended.wait()
        assert here.take()[3:] == ["c: down", "b: down", "a: down"]


async def test_faults_are_injected_by_address(autojump_clock: MockClock) -> None:
    here = stage()
    async with playing(here, troupe(here)):
        assert here.tree is not None
        here.tree.crash("root/b", Boom("injected"))
        here.ref("root/b").tell(Say())
        await settle()
        assert here.take()[3:] == ["b: down", "b: up 2"]
        with pytest.raises(KeyError):
            here.tree.crash("root/nobody", Boom())


async def test_an_observer_that_raises_does_not_harm_the_tree(autojump_clock: MockClock) -> None:
    def observe(_: Observed) -> None:
        raise Boom("in the observer")

    here = stage()
    with structlog.testing.capture_logs() as lines:
        async with running(troupe(here), Ports.seeded(1), here.directory, observer=observe):
            pass
    assert {line["event"] for line in lines} == {"supervision.observer_failed"}


def test_crashes_are_logged_with_their_traceback() -> None:
    with structlog.testing.capture_logs() as lines:
        log_observed(Observed(Kind.STARTED, "root/a", 1, 0.0))
        log_observed(Observed(Kind.CRASHED, "root/a", 1, 1.0, Boom("why")))
    assert [line["log_level"] for line in lines] == ["debug", "error"]
    assert lines[1]["event"] == "supervision.crashed"
    assert "Boom: why" in lines[1]["trace"]


def a_busy_piece(seed: int) -> list[tuple[float, str]]:
    """Crashes, backoffs with jitter, a dynamic supervisor, answers: told with times, as one transcript."""
    here = stage()
    vms = DynamicSupervisorSpec("vms", lambda context, key: Player(context, here.script, key), restarts_max=100)
    branch = SupervisorSpec("branch", Strategy.REST_FOR_ONE, tuple(here.child(name) for name in "abcd"), 100)
    spec = SupervisorSpec("root", Strategy.ONE_FOR_ONE, (branch, vms), 100)
    ports = Ports.seeded(seed)

    async def play() -> None:
        async with running(spec, ports, here.directory, carrier=codec_carrier, observer=here.observe):
            for _ in range(200):
                key = str(ports.random.randrange(20))
                name = ports.random.choice("abcd")
                vms.handle.ensure(key).tell(ports.random.choice((Crash(), Say(text="hi"), Work(seconds=0.01))))
                here.ref(f"root/branch/{name}").tell(
                    ports.random.choice((Crash(), Say(text="hi"))), reply_to=vms.handle.ensure(key), token=key
                )
                await trio.sleep(ports.random.uniform(0, 0.05))
            await trio.sleep(60)

    trio.run(play, clock=MockClock(autojump_threshold=0))
    return [*here.times, *((0.0, line) for line in here.script)]


# Both names are private to Trio; the version is pinned, and this test is one of those that would notice.
seeded = """
import hashlib, trio._core._run as scheduler
scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
scheduler._r.seed({seed})
from tests.supervisors.test_tree import a_busy_piece
told = a_busy_piece({seed})
print(len(told), hashlib.sha256(repr(told).encode()).hexdigest())
"""


def test_the_same_seed_plays_the_same_piece_in_any_process() -> None:
    def play(seed: int, hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        root = Path(__file__).parents[2]
        ran = subprocess.run(
            [sys.executable, "-c", seeded.format(seed=seed)],
            env=environment,
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return ran.stdout

    first = play(8841, "1")
    assert int(first.split()[0]) > 400
    assert play(8841, "2") == first
    assert play(8842, "1") != first


@pytest.mark.parametrize("seed", range(20))
def test_every_question_is_answered_or_its_asker_told_whatever_crashes(seed: int) -> None:
    here = stage()
    quick = Backoff(max_seconds=0.5)  # or a queue full of crashes takes longer than any deadline
    vms = DynamicSupervisorSpec(
        "vms", lambda context, key: Player(context, here.script, key), restarts_max=2, window_seconds=1
    )
    branch = SupervisorSpec("branch", Strategy.ONE_FOR_ALL, tuple(here.child(name) for name in "abc"), 2, 1, quick)
    spec = SupervisorSpec("root", Strategy.REST_FOR_ONE, (here.child("first"), branch, vms), 10_000, 5, quick)
    ports = Ports.seeded(seed)
    outcomes: list[str] = []

    async def ask(ref: ActorRef) -> None:
        message = ports.random.choice((Crash(), Say(text="hi"), Say(text="hi"), Work(seconds=0.2), Leave()))
        try:
            await ref.ask(message, timeout_seconds=500)
            outcomes.append("answered")
        except (ActorCrashed, ActorGone) as observed:
            outcomes.append(type(observed).__name__)

    async def play() -> None:
        async with running(spec, ports, here.directory, carrier=codec_carrier, observer=here.observe):
            async with trio.open_nursery() as nursery:
                for _ in range(300):
                    key = str(ports.random.randrange(5))
                    address = ports.random.choice(("root/first", "root/branch/a", "root/branch/c", ""))
                    nursery.start_soon(ask, here.ref(address) if address else vms.handle.ensure(key))
                    await trio.sleep(ports.random.uniform(0, 0.1))

    trio.run(play, clock=MockClock(autojump_threshold=0))
    assert len(outcomes) == 300
    assert len(here.directory) == 0
    assert {"answered", "ActorCrashed"} <= set(outcomes)


async def test_a_directory_is_empty_when_its_tree_has_ended(autojump_clock: MockClock) -> None:
    here = stage()
    directory = Directory()
    async with running(troupe(here), Ports.seeded(1), directory, observer=here.observe):
        assert [ref.address for ref in directory.under("root/")] == ["root/a", "root/b", "root/c"]
    assert len(directory) == 0


def slow(here: Stage, name: str) -> ChildSpec:
    return ChildSpec(name, here.player(stop_seconds=1))
