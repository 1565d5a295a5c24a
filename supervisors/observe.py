"""The observations of a tree: one for each start, crash, restart, escalation and stop."""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable

import attrs
import structlog


class Kind(enum.Enum):
    """What happened to a child."""

    STARTED = "started"
    RESTARTED = "restarted"  # started again: incarnation 2 and later
    CRASHED = "crashed"  # with error and traceback
    START_FAILED = "start_failed"  # with error and traceback
    ESCALATED = "escalated"  # a supervisor or dynamic supervisor gave up and failed to its parent
    GAVE_UP = "gave_up"  # a dynamic supervisor gave up one child
    STOPPED = "stopped"  # ended normally, or was stopped
    KILLED = "killed"  # overran its stop deadline and was cancelled
    CLEANUP_FAILED = "cleanup_failed"  # a cleanup raised, or overran its time (no error)
    STUCK = "stuck"  # does not even end when cancelled; left behind


@attrs.frozen
class Observed:
    """One observation; `at` is the monotonic clock of the process, in seconds."""

    kind: Kind
    address: str
    incarnation: int
    at: float
    error: BaseException | None = None

    @property
    def trace(self) -> str:
        """The traceback as text, or nothing."""
        return "" if self.error is None else "".join(traceback.format_exception(self.error))


Observer = Callable[[Observed], None]

_bad = (Kind.CRASHED, Kind.START_FAILED, Kind.ESCALATED, Kind.GAVE_UP, Kind.STUCK)
_doubtful = (Kind.KILLED, Kind.CLEANUP_FAILED)


def log_observed(observed: Observed) -> None:
    """Writes an observation to the log: the observer of a tree that was given none."""
    log = structlog.get_logger()
    say = log.error if observed.kind in _bad else log.warning if observed.kind in _doubtful else log.debug
    fields = {"address": observed.address, "incarnation": observed.incarnation}
    if observed.error is not None:
        fields["trace"] = observed.trace
    say(f"supervision.{observed.kind.value}", **fields)
