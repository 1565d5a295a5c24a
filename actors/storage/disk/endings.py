"""How operations on a disk end: the last event, the answer to whoever waits, a line in the audit trail.

It must not take steps.
"""

from __future__ import annotations

from typing import Any, Final

from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts, refusal
from actors.storage.messages import DiskProvided
from actors.storage.volumes import volume_of
from actors.storage.waiting import StorageDecision
from protocol.audit import line
from protocol.errors import Refusal
from protocol.events import disk as events
from protocol.events.disk import DiskWork
from protocol.events.operation import Outcome
from protocol.model.activity import Event
from protocol.node_messages import Done, VolumeFacts

made: Final = "made"
"""Key under which those wait that want the disk made."""

removed: Final = "removed"
"""Key under which those wait that want it gone."""


def provided(state: DiskState) -> DiskProvided:
    return DiskProvided(disk=state.disk, volume=volume_of(state.disk))


def ready(state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> StorageDecision:
    """The volume is whole and the disk may be used."""
    event = events.DiskReady(
        at=facts.now,
        provisioned_bytes=work.size_bytes,
        actual_bytes=work.actual_bytes,
        ended=Outcome(outcome="done"),
    )
    after = evolve(state, event)
    assert after is not None
    return StorageDecision(
        events=(event,),
        audit=(_line(state, "disk_added", f"{state.title} was made."),),
        answers=((made, provided(after)),),
    )


def gone(state: DiskState, facts: StorageDecisionFacts) -> StorageDecision:
    """Nothing is left: removed as asked, or rolled back."""
    assert state.operation is not None
    reason = state.operation.rolling_back
    outcome = Outcome(outcome="rolled_back", reason=reason) if reason else Outcome(outcome="done")
    if reason:
        audit = _line(state, "disk_failed", f"{state.title} was not made: {reason}", severity="error")
    else:
        audit = _line(state, "disk_removed", f"{state.title} was removed.")
    return StorageDecision(
        events=(events.DiskRemoved(at=facts.now, ended=outcome),),
        audit=(audit,),
        answers=((made, _not_made(state, reason)), (removed, Done())),
    )


def remove_failed(state: DiskState, refused: Refusal, facts: StorageDecisionFacts) -> StorageDecision:
    """What is left of the volumes is not known; the disk stays, to be removed again."""
    assert state.operation is not None
    reason = str(refused)
    if state.operation.rolling_back:
        reason = f"{state.operation.rolling_back} Undoing it failed too: {reason}"
    return StorageDecision(
        events=(events.DiskRemoveFailed(at=facts.now, reason=reason, ended=Outcome(outcome="failed", reason=reason)),),
        audit=(_line(state, "disk_failed", f"{state.title} could not be removed: {reason}", severity="error"),),
        answers=((made, _not_made(state, reason)), (removed, refused)),
    )


def resized(state: DiskState, volume: VolumeFacts, facts: StorageDecisionFacts) -> StorageDecision:
    event = events.DiskResized(
        at=facts.now,
        size_bytes=volume.size_bytes,
        actual_bytes=volume.actual_bytes,
        ended=Outcome(outcome="done"),
    )
    return StorageDecision(
        events=(event,),
        audit=(_line(state, "disk_updated", f"{state.title} has {volume.size_bytes} bytes now."),),
    )


def resize_failed(state: DiskState, refused: Refusal, facts: StorageDecisionFacts) -> StorageDecision:
    reason = str(refused)
    event = events.DiskResizeFailed(at=facts.now, reason=reason, ended=Outcome(outcome="rolled_back", reason=reason))
    return StorageDecision(
        events=(event,),
        audit=(_line(state, "disk_failed", f"{state.title} keeps its size: {reason}", severity="error"),),
    )


def _not_made(state: DiskState, reason: str) -> Refusal:
    return refusal("host_failed", f"{state.title} was not made: {reason}", entity=state.id, status=500)


def _line(state: DiskState, what: str, text: str, **more: Any) -> Event:
    assert state.operation is not None
    work = state.work
    return line(what, text, user=state.operation.user_id, vm=work.vm_id, template=work.template_id, **more)
