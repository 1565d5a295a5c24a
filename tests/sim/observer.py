"""Hears what the trees of engine and nodes tell of themselves: a crash that no fault asked for is a bug.

It must not act on it.
"""

from __future__ import annotations

from supervisors.observe import Kind, Observed, Observer
from tests.sim.process import Process
from tests.sim.truth import Truth

BUGS = (Kind.CRASHED, Kind.START_FAILED, Kind.ESCALATED, Kind.GAVE_UP, Kind.STUCK, Kind.CLEANUP_FAILED)


def observer(truth: Truth, process: Process) -> Observer:
    """For the tree of one process; what a killed one's remains do is no news."""

    def observe(observed: Observed) -> None:
        if observed.kind in BUGS and process.alive:
            lines = observed.trace.strip().splitlines()
            where = " | ".join(line.strip() for line in lines[-7:])
            truth.found("crash", [f"{process.name} {observed.address} {observed.kind.value}: {where}"])

    return observe
