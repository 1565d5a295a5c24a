"""Benchmarks that print ratios against a bare floor measured in the same run.

A benchmark is a module `pNN_name` with `run(full: bool) -> Row | list[Row]`. It must not be a timed test: machines differ
by 2x from run to run, so only the ratio to the floor is judged, and only by who reads the table.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import attrs


@attrs.frozen
class Grown:
    """Floor and ours at `times` the smallest size."""

    times: int
    floor: float
    ours: float


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table. `floor` is None where the goal is absolute, `ours` where this machine cannot measure it;
    `what` says why then."""

    id: str
    what: str
    unit: str
    floor: float | None
    ours: float | None
    goal: str
    is_met: bool = False
    growth: tuple[Grown, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours over floor."""
        return None if not self.floor or self.ours is None else self.ours / self.floor

    @property
    def verdict(self) -> str:
        if self.ours is None or self.goal == "-":
            return "-"
        return "met" if self.is_met else "MISSED"


def side_by_side(floor: Callable[[], float], ours: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Measures both in turn and returns the round whose ratio is the median: the machine's moods hit both alike."""
    measured = [(floor(), ours()) for _ in range(rounds)]
    middle = statistics.median_low([mine / bare for bare, mine in measured])
    return next(pair for pair in measured if pair[1] / pair[0] == middle)
