"""The steps of every operation on a disk: what the one under way sends, and what follows when its outcome is here.

    make      hold_backing -> make -> grow -> release_backing -> ready      (what does not apply is left out)
    undo      remove -> release_backing -> gone, rolled back
    resize    grow -> resized
    remove    remove -> release_backing -> gone

A step is sent again after every crash and every return of its host: node and disks answer repeats alike. It must not
begin operations.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, Effect, SetTimer, Tell, ToNode
from actors.operations.operation import current_step, with_step
from actors.storage.disk import endings
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts, host_of_step
from actors.storage.messages import BackDisk, DiskProvided, UnbackDisk
from actors.storage.volumes import volume_of
from protocol.errors import Refusal
from protocol.events import disk as events
from protocol.events.disk import DiskWork
from protocol.events.operation import Operation
from protocol.message import Message
from protocol.node_messages import (
    Body,
    CopyVolume,
    CreateVolume,
    ForgetSteps,
    ImportVolume,
    NodeCommand,
    RemoveImage,
    ResizeVolume,
    StepDone,
    VolumeFacts,
)

retry_seconds: Final = 2.0
retry_timer: Final = "step"

descriptions: Final = {
    "hold_backing": "Holding the disk that it starts from",
    "make": "Making the volume",
    "grow": "Growing the volume",
    "remove": "Deleting the volumes",
    "release_backing": "Letting go of the disk that it started from",
}
on_host: Final = frozenset({"make", "grow", "remove"})


def begun(operation: Operation, disk_id: str, work: DiskWork, facts: StorageDecisionFacts) -> Operation:
    """The operation with the step of `work.phase` begun, and the one before finished."""
    host_id = operation.host_id if work.phase in on_host else ""
    operation = with_step(operation, f"disk/{disk_id}", descriptions[work.phase], facts.now, host_id)
    return attrs.evolve(operation, data=work)


def effects_of(state: DiskState) -> tuple[Effect, ...]:
    """What the step under way sends; nothing when none is."""
    step = current_step(state.operation) if state.operation else None
    if state.operation is None or step is None:
        return ()
    work = state.work
    if work.phase in on_host:
        command = NodeCommand(
            epoch=0, step_id=step.id, body=_body(state, work), correlation_id=state.operation.correlation_id
        )
        return (ToNode(host_id=step.host_id, message=command),)
    message = BackDisk if work.phase == "hold_backing" else UnbackDisk
    address = f"disk/{work.backing_disk_id}"
    return (Tell(address=address, message=message(child_id=state.id), token=step.id),)


def _body(state: DiskState, work: DiskWork) -> Body:
    volume, size = volume_of(state.disk), state.disk.provisioned_size or 0
    match work.phase:
        case "make" if work.import_path:
            return ImportVolume(source_path=work.import_path, source_format=work.import_format, target=volume)
        case "make" if work.clone:
            assert work.backing is not None
            return CopyVolume(source=work.backing, target=volume)
        case "make":
            preallocate = state.disk.sparse is False and work.backing is None
            return CreateVolume(volume=volume, size_bytes=size, preallocate=preallocate, backing=work.backing)
        case "grow":
            return ResizeVolume(volume=volume, size_bytes=work.size_bytes)
    assert work.phase == "remove", work.phase
    return RemoveImage(storage_domain_id=volume.storage_domain_id, image_id=state.id)


def node_answered(state: DiskState | None, done: StepDone, facts: StorageDecisionFacts) -> Decision:
    """The outcome of a step on a host. One of an earlier step is only forgotten."""
    operation = state.operation if state else None
    step = current_step(operation) if operation else None
    if state is None or step is None or step.id != done.step_id:
        return Decision(effects=forget(done.step_id, host_of_step(facts.rows, done.step_id)))
    decision = _outcome(state, done.result, facts)
    if not decision.events:
        return decision
    return attrs.evolve(decision, effects=(*decision.effects, *forget(step.id, step.host_id)))


def disk_answered(state: DiskState | None, token: str, body: Message, facts: StorageDecisionFacts) -> Decision:
    """Another disk's answer to holding it or letting it go. One to an earlier step is ignored."""
    operation = state.operation if state else None
    step = current_step(operation) if operation else None
    if state is None or step is None or step.id != token:
        return Decision()
    return _outcome(state, body, facts)


def forget(step_id: str, host_id: str) -> tuple[Effect, ...]:
    """Tells the host that the outcome is durable."""
    return (ToNode(host_id=host_id, message=ForgetSteps(epoch=0, step_ids=(step_id,))),) if host_id else ()


def _outcome(state: DiskState, result: Message, facts: StorageDecisionFacts) -> Decision:
    work = state.work
    refused = result if isinstance(result, Refusal) else None
    if refused is not None and work.phase == "release_backing" and refused.code == "not_found":
        refused = None
    if refused is not None and refused.code in ("unavailable", "internal", "busy") and work.phase not in on_host:
        return Decision(effects=(SetTimer(name=retry_timer, seconds=retry_seconds),))
    assert state.operation is not None
    if state.operation.kind == "resize":
        return (
            endings.resize_failed(state, refused, facts) if refused else endings.resized(state, _facts(result), facts)
        )
    if work.phase == "remove" and refused is not None:
        return endings.remove_failed(state, refused, facts)
    if state.operation.rolling_back or state.operation.kind == "remove":
        return _further_down(state, work, facts)
    if refused is not None:
        return turn_round(state, str(refused), facts)
    return _further_up(state, work, result, facts)


def _facts(result: Message) -> VolumeFacts:
    assert isinstance(result, VolumeFacts), result
    return result


def _further_up(state: DiskState, work: DiskWork, result: Message, facts: StorageDecisionFacts) -> Decision:
    match work.phase:
        case "hold_backing":
            assert isinstance(result, DiskProvided), result
            return _go_on(state, attrs.evolve(work, phase="make", backing=result.volume), facts)
        case "make" | "grow":
            volume = _facts(result)
            wanted = max(state.disk.provisioned_size or 0, volume.size_bytes)
            work = attrs.evolve(work, size_bytes=wanted, actual_bytes=volume.actual_bytes)
            if work.phase == "make" and wanted > volume.size_bytes:
                return _go_on(state, attrs.evolve(work, phase="grow"), facts)
            if work.clone:
                return _go_on(state, attrs.evolve(work, phase="release_backing"), facts)
    return endings.ready(state, work, facts)


def turn_round(state: DiskState, reason: str, facts: StorageDecisionFacts) -> Decision:
    """The making failed at the step under way: what was made goes, the last first."""
    assert state.operation is not None
    operation = attrs.evolve(state.operation, rolling_back=reason)
    state = attrs.evolve(state, operation=operation)
    if state.work.phase == "hold_backing":
        return endings.gone(state, facts)
    return _go_on(state, attrs.evolve(state.work, phase="remove"), facts)


def _further_down(state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    """One step of a removal, or of a making that turned round, has ended."""
    if work.phase in ("make", "grow"):
        return _go_on(state, attrs.evolve(work, phase="remove"), facts)
    if work.phase in ("remove", "hold_backing") and work.backing_disk_id:
        return _go_on(state, attrs.evolve(work, phase="release_backing"), facts)
    return endings.gone(state, facts)


def _go_on(state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    assert state.operation is not None
    operation = begun(state.operation, state.id, work, facts)
    event = events.DiskOperationProgressed(at=facts.now, operation=operation)
    return Decision(events=(event,), effects=effects_of(attrs.evolve(state, operation=operation)))
