"""The simulation in CI: the canary of Trio's private names, a hundred seeds, the seeds that once found a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import trio
import trio._core._run as scheduler

from tests.sim.determinism import Steps, private_names, run_seeded
from tests.sim.regressions import REGRESSIONS

ROOT = Path(__file__).parents[2]


def test_trio_still_has_the_two_private_names() -> None:
    for name in private_names:
        assert hasattr(scheduler, name), f"trio {trio.__version__} has no {name}: the simulation cannot be seeded"


def test_a_seed_decides_who_runs_first() -> None:
    async def race() -> list[int]:
        finished: list[int] = []

        async def runner(number: int) -> None:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            finished.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(runner, number)
        return finished

    def once(seed: int) -> tuple[list[int], str]:
        steps = Steps()
        return run_seeded(race, seed=seed, steps=steps), steps.trace

    assert once(1) == once(1)
    assert len({tuple(once(seed)[0]) for seed in range(10)}) > 3


def simulation(*arguments: str) -> str:
    """Runs the command as CI does: in processes whose hashes are fixed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", *arguments], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    return done.stdout.splitlines()[-1]


def test_a_hundred_seeds() -> None:
    assert simulation("--seeds", "100").startswith("seeds 100, violations 0, ")


def test_seeds_that_once_found_a_bug() -> None:
    beyond = [seed for seed in REGRESSIONS if seed > 100]
    for seed in beyond:
        assert simulation("--seeds", "1", "--first-seed", str(seed)).startswith("seeds 1, violations 0, ")


def test_every_mutant_is_caught() -> None:
    words = simulation("--mutants").split()
    assert words[:2] == ["mutants", "caught"]
    assert words[2] == words[4]
