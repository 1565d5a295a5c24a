"""The phases of operations on a disk: what the one under way sends, and how the next one begins.

make      hold_backing -> make -> grow -> release_backing -> ready      (what does not apply is left out)
undo      remove -> release_backing -> gone, rolled back
resize    grow -> resized
remove    remove -> release_backing -> gone
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision
from actors.entity.operation import with_step
from actors.entity.operation_record import Ask, OperationRecord, retried, with_step_sent
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from actors.storage.messages import BackDisk, UnbackDisk
from actors.storage.volume_names import volume_of
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Operation
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import Body, CopyVolume, CreateVolume, ImportVolume, RemoveImage, ResizeVolume
from protocol.storage import disk_events as events
from protocol.storage.disk_events import DiskWork

DiskOperation = OperationRecord[DiskState, StorageDecisionFacts]

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


def go_on(record: DiskOperation, state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    """The next phase begins."""
    assert state.operation is not None
    operation = begun(state.operation, state.id, work, facts)
    return with_step_sent(record, evolve, state, events.DiskOperationProgressed(at=facts.now, operation=operation))


def asked_again(state: DiskState, refusal: Refusal) -> Decision | None:
    """Another disk could not take the step just now. What a host refuses is meant."""
    return None if state.work.phase in ON_HOST else retried(refusal)


def line_of(state: DiskState, what: str, **parameters: str) -> Event:
    """A line of the audit trail about the operation under way."""
    assert state.operation is not None
    work, name = state.work, state.disk.name or state.id
    user = state.operation.user_id
    return line(what, user=user, vm=work.vm_id, template=work.template_id, name=name, **parameters)
