"""Many seeds, over some processes: prints failures with the command that repeats them, and sums up."""

from __future__ import annotations

import concurrent.futures
import faulthandler
import itertools
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import attrs

from tests.sim.scenario import Result, run_seed
from tests.sim.truth import SOMETIMES

twice_every = 10
hung_seconds = 120.0


@attrs.define
class Summary:
    """What a campaign came to."""

    seeds: int = 0
    failed: list[int] = attrs.field(factory=list)
    sometimes: Counter[str] = attrs.field(factory=Counter)
    violations: int = 0
    steps: int = 0
    steps_most: int = 0

    @property
    def reached(self) -> int:
        return sum(1 for name in SOMETIMES if self.sometimes[name])

    def line(self) -> str:
        return f"seeds {self.seeds}, violations {self.violations}, sometimes {self.reached}/{len(SOMETIMES)} reached"


@attrs.frozen
class Job:
    """One seed to run."""

    seed: int
    steps_max: int
    twice: bool


@attrs.frozen
class Report:
    """What one job came to; small, because it travels between processes."""

    seed: int
    steps: int
    rates: str
    violations: tuple[str, ...]
    sometimes: Counter[str]


def run_job(job: Job) -> Report:
    """Runs a seed, perhaps twice: then both must leave the same trace. One that stands still ends the process."""
    faulthandler.dump_traceback_later(hung_seconds, exit=True)
    try:
        return _run_job(job)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _run_job(job: Job) -> Report:
    result = run_seed(job.seed, steps_max=job.steps_max)
    violations = [str(violation) for violation in result.violations]
    if job.twice:
        again = run_seed(job.seed, steps_max=job.steps_max)
        if again.trace != result.trace:
            violations.append(f"determinism: two traces of one seed; {first_difference(result, again)}")
    return Report(job.seed, result.steps, result.rates, tuple(violations), result.sometimes)


def first_difference(one: Result, other: Result) -> str:
    """Where two runs of a seed part."""
    for left, right in zip(one.log, other.log, strict=False):
        if left != right:
            return f"first {left!r} against {right!r}"
    return f"{len(one.log)} and {len(other.log)} lines, {one.steps} and {other.steps} steps"


def jobs(seeds: Iterable[int], steps_max: int, *, twice: bool) -> Iterator[Job]:
    for number, seed in enumerate(seeds):
        yield Job(seed, steps_max, twice or number % twice_every == 0)


def _say(text: str) -> None:
    print(text, flush=True)


def run(
    seeds: Iterable[int],
    *,
    steps_max: int,
    twice: bool = False,
    processes: int = 1,
    minutes: float | None = None,
    say: Callable[[str], None] = _say,
) -> Summary:
    """Runs seeds until they, or the minutes, are over."""
    summary = Summary()
    deadline = None if minutes is None else time.monotonic() + 60.0 * minutes
    work = jobs(seeds, steps_max, twice=twice)
    if processes == 1:
        reports: Iterable[Report] = map(run_job, work)
        _gather(reports, summary, deadline, steps_max, say)
    else:
        _gather(_side_by_side(_rationed(work, deadline), processes), summary, deadline, steps_max, say)
    return summary


def _side_by_side(work: Iterator[Job], processes: int) -> Iterator[Report]:
    """A few jobs at a time, so that work without end is not read ahead. Raises when a process ended: its seed hung."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {pool.submit(run_job, job) for job in itertools.islice(work, 2 * processes)}
        while waiting:
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            waiting |= {pool.submit(run_job, job) for job in itertools.islice(work, len(done))}
            yield from sorted((future.result() for future in done), key=lambda report: report.seed)


def _rationed(work: Iterator[Job], deadline: float | None) -> Iterator[Job]:
    """Seeds are handed out until the time is over."""
    for job in work:
        if deadline is not None and time.monotonic() > deadline:
            return
        yield job


def _gather(
    reports: Iterable[Report], summary: Summary, deadline: float | None, steps_max: int, say: Callable[[str], None]
) -> None:
    for report in reports:
        summary.seeds += 1
        summary.steps += report.steps
        summary.steps_most = max(summary.steps_most, report.steps)
        summary.sometimes += report.sometimes
        summary.violations += len(report.violations)
        if report.violations:
            summary.failed.append(report.seed)
            say(f"seed {report.seed} failed; rates: {report.rates}")
            for violation in report.violations[:5]:
                say(f"    {violation}")
            say(f"    repeat: python -m tests.sim --seeds 1 --first-seed {report.seed} --steps {steps_max} --log")
        if deadline is not None and time.monotonic() > deadline:
            return
