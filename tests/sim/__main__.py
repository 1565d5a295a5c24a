"""The command of the simulation. It must not run before the hashes of texts are fixed: sets are walked in their order."""

from __future__ import annotations

import argparse
import itertools
import os
import sys

from tests.sim import campaign
from tests.sim.scenario import run_seed
from tests.sim.truth import SOMETIMES


def fix_hashes() -> None:
    """Starts this command again with PYTHONHASHSEED=0, unless it is so."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sim", description="The simulated cluster.", allow_abbrev=False
    )
    parser.add_argument("--seeds", type=int, help="how many; 100 when neither this nor --minutes is given")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop after so many minutes")
    parser.add_argument("--steps", type=int, default=10_000, help="scheduler steps per seed")
    parser.add_argument("--twice", action="store_true", help="run every seed twice, not every tenth")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--mutants", action="store_true", help="break production code on purpose")
    parser.add_argument("--only", default="", help="only mutants whose name has this in it")
    parser.add_argument("--log", action="store_true", help="print all that happened")
    chosen = parser.parse_args()
    fix_hashes()
    if chosen.mutants:
        from tests.sim.mutants import run_all

        return run_all(chosen.only, chosen.processes)
    if chosen.log:
        return _show(chosen.first_seed, chosen.steps)
    count = chosen.seeds or (100 if chosen.minutes is None else None)
    seeds = itertools.count(chosen.first_seed)
    summary = campaign.run(
        seeds if count is None else itertools.islice(seeds, count),
        steps_max=chosen.steps,
        twice=chosen.twice,
        processes=1 if count is not None and count < 4 else chosen.processes,
        minutes=chosen.minutes,
    )
    for name in SOMETIMES:
        print(f"{summary.sometimes[name]:8d}  {name}")
    print(f"steps: {summary.steps // max(1, summary.seeds)} on average, {summary.steps_most} at most")
    print(summary.line())
    return 1 if summary.violations else 0


def _show(seed: int, steps: int) -> int:
    result = run_seed(seed, steps_max=steps)
    print("\n".join(result.log))
    print(f"seed {seed}: {result.steps} steps, {result.seconds:.1f} simulated seconds, trace {result.trace}")
    print(f"rates: {result.rates}")
    for violation in result.violations:
        print(violation)
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
