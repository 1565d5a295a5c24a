"""S4: no write and no node command under an epoch lower than the highest seen.

Ground truth is the order of the journal's rows, and what a node's disk held when it began a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def check_writes(highest: int, epochs: Iterable[int]) -> Iterator[str]:
    """`highest`: the highest epoch that was ever given; `epochs`: those under which something is being written."""
    for epoch in epochs:
        if epoch < highest:
            yield f"the database took a write of epoch {epoch} after it had given epoch {highest}"


def check_link(host: str, engine_epoch: int, stored_epoch: int) -> Iterator[str]:
    """A node talks to an engine that has said hello: not to one of a lower epoch than the one on its disk."""
    if engine_epoch < stored_epoch:
        yield f"{host} had stored epoch {stored_epoch} and talks to an engine of epoch {engine_epoch}"


def check_step(host: str, step_id: str, reported_epochs: Iterable[int], stored_epoch: int) -> Iterator[str]:
    """A node begins a step: it must have been told to under an epoch not lower than the one on its disk."""
    highest_told = max(reported_epochs, default=0)
    if highest_told < stored_epoch:
        yield f"{host} began step {step_id}, told under epoch {highest_told}, after it had stored epoch {stored_epoch}"
