"""The phases of operations on a disk: what the one under way sends, and how the next one begins.

make      hold_backing -> make -> grow -> release_backing -> ready      (what does not apply is left out)
undo      remove -> release_backing -> gone, rolled back
resize    grow -> resized
remove    remove -> release_backing -> gone
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, SetTimer
from actors.entity.operation import with_step
from actors.entity.operation_record import Ask, OperationRecord, step_effects
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from actors.storage.messages import BackDisk, UnbackDisk
from actors.storage.volume_names import volume_of
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Operation
from protocol.errors import Internal, Refusal
from protocol.message import Message
from protocol.node.commands import Body, CopyVolume, CreateVolume, ImportVolume, RemoveImage, ResizeVolume
from protocol.storage import disk_events as events
from protocol.storage.disk_events import DiskWork

DiskOperation = OperationRecord[DiskState, StorageDecisionFacts]

RETRY_SECONDS: Final = 2.0
RETRY: Final = "step"
"""The timer of a step that another disk could not take just now."""

MADE: Final = "made"
"""Key under which those wait that want the disk made."""

REMOVED: Final = "removed"
"""Key under which those wait that want it gone."""

DESCRIPTIONS: Final = {
    "hold_backing": "Reserving the source disk",
    "make": "Creating the volume",
    "grow": "Extending the volume",
    "remove": "Deleting the volumes",
    "release_backing": "Releasing the source disk",
}
ON_HOST: Final = frozenset({"make", "grow", "remove"})


def begun(operation: Operation, disk_id: str, work: DiskWork, facts: StorageDecisionFacts) -> Operation:
    """The operation with the step of `work.phase` begun, and the one before finished."""
    host_id = operation.host_id if work.phase in ON_HOST else ""
    operation = with_step(operation, f"disk/{disk_id}", DESCRIPTIONS[work.phase], facts.now, host_id)
    return attrs.evolve(operation, data=work)


def sends(state: DiskState) -> Message | Ask:
    """What the step under way asks of its host, or of the disk that this one rests on."""
    work, volume = state.work, volume_of(state.disk)
    match work.phase:
        case "hold_backing":
            return Ask(f"disk/{work.backing_disk_id}", BackDisk(child_id=state.id))
        case "release_backing":
            return Ask(f"disk/{work.backing_disk_id}", UnbackDisk(child_id=state.id))
        case "make":
            return _made_by(state, work)
        case "grow":
            return ResizeVolume(volume=volume, size_bytes=work.size_bytes)
    assert work.phase == "remove", work.phase
    return RemoveImage(storage_domain_id=volume.storage_domain_id, image_id=state.id)


def _made_by(state: DiskState, work: DiskWork) -> Body:
    volume = volume_of(state.disk)
    if work.import_path:
        return ImportVolume(source_path=work.import_path, source_format=work.import_format, target=volume)
    if work.clone:
        assert work.backing is not None
        return CopyVolume(source=work.backing, target=volume)
    preallocate = state.disk.sparse is False and work.backing is None
    size = state.disk.provisioned_size or 0
    return CreateVolume(volume=volume, size_bytes=size, preallocate=preallocate, backing=work.backing)


def with_step_sent(record: DiskOperation, before: DiskState | None, event: events.DiskEvent) -> Decision:
    """The operation in `event` begins or goes on, and its step is sent."""
    after = evolve(before, event)
    assert after is not None
    return Decision(events=(event,), effects=step_effects(record, after))


def go_on(record: DiskOperation, state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    """The next phase begins."""
    assert state.operation is not None
    operation = begun(state.operation, state.id, work, facts)
    return with_step_sent(record, state, events.DiskOperationProgressed(at=facts.now, operation=operation))


def retried(state: DiskState, refusal: Refusal) -> Decision | None:
    """The other disk had no time or crashed: asked again in a moment. None when the refusal is meant."""
    if state.work.phase in ON_HOST or not (refusal.retryable or refusal.code == Internal.code):
        return None
    return Decision(effects=(SetTimer(name=RETRY, seconds=RETRY_SECONDS),))


def line_of(state: DiskState, what: str, **parameters: str) -> Event:
    """A line of the audit trail about the operation under way."""
    assert state.operation is not None
    work, name = state.work, state.disk.name or state.id
    user = state.operation.user_id
    return line(what, user=user, vm=work.vm_id, template=work.template_id, name=name, **parameters)
