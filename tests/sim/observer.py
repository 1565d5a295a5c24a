"""Hears what the trees of engine and nodes tell of themselves: a crash that no fault asked for is a bug."""

from __future__ import annotations

from supervisors.observe import Observed, Observer
from tests.engine.crashes import crash_of
from tests.sim.process import Process
from tests.sim.truth import Truth


def observer(truth: Truth, process: Process) -> Observer:
    """For the tree of one process; what a killed one's remains do is no news."""

    def observe(observed: Observed) -> None:
        crash = crash_of(observed)
        if crash is not None and process.alive:
            truth.found("crash", [f"{process.name} {crash}"])

    return observe
