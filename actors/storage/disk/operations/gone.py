"""How a disk ends: nothing is left of it, or what is left is not known."""

from __future__ import annotations

from actors.entity.cancel import rolled_back
from actors.entity.decision import Decision
from actors.storage.disk.operations.phases import MADE, REMOVED, line_of
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from protocol.activity.operation import Outcome
from protocol.errors import HostFailed, Refusal
from protocol.node.reports import Done
from protocol.storage import disk_events as events


def gone(state: DiskState, facts: StorageDecisionFacts) -> Decision:
    """Nothing is left: removed as asked, or rolled back."""
    assert state.operation is not None
    reason = state.operation.rolling_back
    outcome = rolled_back(state.operation) if reason else Outcome(outcome="done")
    audit = line_of(state, "disk_removed")
    if state.operation.is_unwanted:
        audit = line_of(state, "disk_add_cancelled", reason=reason)
    elif reason:
        audit = line_of(state, "disk_add_failed", reason=reason)
    return Decision(
        events=(events.DiskRemoved(at=facts.now, ended=outcome),),
        audit=(audit,),
        answers=((MADE, not_made(state.title, reason, state.address)), (REMOVED, Done())),
    )


def remove_failed(state: DiskState, refused: Refusal, facts: StorageDecisionFacts) -> Decision:
    """What is left of the volumes is not known; the disk stays, to be removed again."""
    assert state.operation is not None
    what, reason = "disk_remove_failed", str(refused)
    if state.operation.rolling_back:
        what, reason = "disk_add_failed", f"{state.operation.rolling_back} Undoing it failed too: {reason}"
    ended = Outcome(outcome="failed", reason=reason)
    return Decision(
        events=(events.DiskRemoveFailed(at=facts.now, reason=reason, ended=ended),),
        audit=(line_of(state, what, reason=reason),),
        answers=((MADE, not_made(state.title, reason, state.address)), (REMOVED, _not_removed(state, reason))),
    )


def _not_removed(state: DiskState, reason: str) -> Refusal:
    """Never the host's own refusal: its *unavailable* is how the removal ended, and not that nobody could be asked."""
    reason = f"{state.title} was not removed: {reason}"
    return HostFailed(reason, remedy="Mend that and remove it again.", entity=state.address).refusal


def not_made(title: str, reason: str, address: str) -> Refusal:
    """The answer to who wanted the disk."""
    return HostFailed(f"{title} was not made: {reason}", remedy="Mend that and add it again.", entity=address).refusal
