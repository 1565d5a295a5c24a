"""L1: no lock outlives its operation. Checked at rest, a good while after the last fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def check(
    operations: Iterable[tuple[str, str]], jobs: Iterable[str], outcomes: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """`operations`: (object, kind) of those still in a state; `jobs`: those not ended; `outcomes`: (host, step) that a
    node still keeps because nobody said that he has them. Holds of places and names end by their own time."""
    for owner, kind in operations:
        yield f"{owner} is still locked by operation {kind}"
    for job in jobs:
        yield f"job {job} still goes on"
    for host, step in outcomes:
        yield f"{host} still keeps the outcome of {step}"
