"""A step log without a disk, for tests and the simulation."""

from __future__ import annotations

import trio

from node.steps.store import Record, StepStore


class MemoryStepLog:
    """The simulation's: the world keeps the step store as the machine's disk and hands it to the next incarnation."""

    def __init__(self, store: StepStore | None = None) -> None:
        self.store = store or StepStore()

    async def write(self, *records: Record) -> None:
        await trio.lowlevel.checkpoint()
        for record in records:
            self.store.apply(record)
