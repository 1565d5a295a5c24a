"""S11: a stream of changes has no gap and no duplicate, folds to what the database holds, and says so when it restarts.

Ground truth is what a reader was given, and the database's own rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

Held = Mapping[tuple[str, str], tuple[int, bytes]]
"""Version and encoded document by kind and id."""


@attrs.define
class StreamChecker:
    """One reader. `None` before its first reset."""

    name: str
    sequence: int | None = None

    def reset(self, sequence: int) -> Iterator[str]:
        """It was told to forget everything, and given a snapshot as of `sequence`."""
        if self.sequence is not None and sequence < self.sequence:
            yield f"reader {self.name} was reset from {self.sequence} back to {sequence}"
        self.sequence = sequence

    def change(self, sequence: int) -> Iterator[str]:
        """It was given one change."""
        if self.sequence is None:
            yield f"reader {self.name} got change {sequence} before any snapshot"
        elif sequence != self.sequence + 1:
            yield f"reader {self.name} got change {sequence} after {self.sequence}"
        self.sequence = sequence


def check_fold(name: str, held: Held, truth: Held) -> Iterator[str]:
    """What a reader holds is what the database holds."""
    for key in sorted({*held, *truth}):
        mine, true = held.get(key), truth.get(key)
        if mine != true:
            versions = f"version {mine[0] if mine else None} where the database has {true[0] if true else None}"
            yield f"reader {name} holds {'/'.join(key)} otherwise: {versions}"
