"""What a tree tells of itself that is a bug unless somebody asked for it."""

from __future__ import annotations

from typing import Final

import attrs

from supervisors.observe import Kind, Observed

bugs: Final = (Kind.CRASHED, Kind.START_FAILED, Kind.ESCALATED, Kind.GAVE_UP, Kind.STUCK, Kind.CLEANUP_FAILED)


def crash_of(observed: Observed) -> str | None:
    """The address and the end of the trace, or None when nothing crashed."""
    if observed.kind not in bugs:
        return None
    lines = observed.trace.strip().splitlines()
    return f"{observed.address} {observed.kind.value}: {' | '.join(line.strip() for line in lines[-7:])}"


@attrs.define
class Crashes:
    """An observer that keeps them; `check` fails the test that did not ask for them."""

    seen: list[str] = attrs.field(factory=list)

    def __call__(self, observed: Observed) -> None:
        if (crash := crash_of(observed)) is not None:
            self.seen.append(crash)

    def check(self) -> None:
        assert not self.seen, self.seen
