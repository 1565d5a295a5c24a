"""Operations *add*, *provide*, *clone*, *import*: a new disk, empty, thin on another, copied, or filled from an image
file.

hold_backing -> make -> grow -> release_backing -> ready      (what does not apply is left out)
a step that failed or was cancelled -> remove -> release_backing -> gone, rolled back
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.cancel import cancelled_by
from actors.entity.decision import Decision, Tell, accept, joined, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin, begin_for, finish_steps
from actors.entity.operation_record import stopped, with_step_sent
from actors.storage.disk.evolve import evolve
from actors.storage.disk.new_disk import checked, completed, on_storage_domain
from actors.storage.disk.operations.gone import gone, not_made, remove_failed
from actors.storage.disk.operations.phases import (
    MADE,
    DiskOperation,
    asked_again,
    begun,
    go_on,
    line_of,
    sends,
)
from actors.storage.disk.state import DiskState, unusable
from actors.storage.facts import StorageDecisionFacts, accepted, again_or_taken, new_id
from actors.storage.messages import DiskProvided, DiskRecorded, ProvideDisk
from actors.storage.volume_names import making_id, several_storage_domains, storage_domain_of, volume_of
from protocol.activity.model import Job
from protocol.activity.operation import Operation, Outcome
from protocol.document import Ref, id_of
from protocol.errors import Conflict, NotFound, Refusal
from protocol.message import Message
from protocol.node.reports import VolumeFacts
from protocol.refusals import not_found
from protocol.storage import disk_events as events
from protocol.storage.commands import AddDisk
from protocol.storage.disk_events import DiskWork
from protocol.storage.model import Disk


def add(state: DiskState | None, request: CommandRequest, command: AddDisk, facts: StorageDecisionFacts) -> Decision:
    """A floating disk on the storage domain that its document names."""
    if state is not None:
        return again_or_taken("disk", request, state.disk, state.operation)
    assert isinstance(command.document, Disk)
    if refusal := several_storage_domains(command.document):
        return refuse(refusal)
    disk = completed(attrs.evolve(command.document, id=new_id(request)), None)
    storage_domain = checked(disk, None, False, facts)
    if isinstance(storage_domain, Refusal):
        return refuse(storage_domain)
    operation = begin_for(request, "add", f"Creating disk {disk.name}", facts.now, id_of(storage_domain.host))
    reply = accepted("disk", request, _locked(disk), job_id=operation.id)
    return accept(reply, _begin(disk, operation, DiskWork(phase="make"), facts))


def provide(state: DiskState | None, message: ProvideDisk, facts: StorageDecisionFacts) -> Decision:
    """A disk for a VM or template; the answer comes when it is there. The same disk again waits along."""
    if state is not None:
        return _provide_again(state, message)
    job_id = making_id(message.operation_id, id_of(message.disk))
    if ended := facts.rows.get(Job, job_id):
        title, why = f"The disk {message.disk.name}", ended.reason or "it is gone again."
        return refuse(not_made(title, why, f"disk/{message.disk.id}"))
    backing = None
    if message.backing_disk_id:
        backing = facts.rows.get(Disk, message.backing_disk_id)
        if backing is None:
            return refuse(not_found("disk", message.backing_disk_id))
    disk = _for_its_owner(message, backing)
    storage_domain = checked(disk, backing, bool(message.import_path), facts)
    if isinstance(storage_domain, Refusal):
        return refuse(storage_domain)
    operation = begin(
        id=job_id,
        kind="import" if message.import_path else "clone" if message.clone else "provide",
        description=f"Creating disk {disk.name}",
        at=facts.now,
        correlation_id=message.correlation_id,
        user_id=message.user_id,
        parent=message.operation_id,
        host_id=id_of(storage_domain.host),
    )
    work = DiskWork(
        phase="hold_backing" if backing else "make",
        vm_id=message.vm_id,
        template_id=message.template_id,
        backing_disk_id=message.backing_disk_id,
        clone=message.clone,
        import_path=message.import_path,
        import_format=message.import_format,
    )
    decision = attrs.evolve(_begin(disk, operation, work, facts), keep=MADE)
    recorded = Tell(address=f"vm/{message.vm_id}", message=DiskRecorded(disk_id=id_of(disk)))
    return joined(decision, Decision(effects=(recorded,))) if message.vm_id else decision


def _for_its_owner(message: ProvideDisk, backing: Disk | None) -> Disk:
    disk = completed(message.disk, backing if not message.clone else None)
    if message.clone and backing is not None and not storage_domain_of(disk):
        disk = on_storage_domain(disk, storage_domain_of(backing))
    return attrs.evolve(
        disk,
        vms=(Ref(id=message.vm_id),) if message.vm_id else (),
        template=Ref(id=message.template_id) if message.template_id else None,
    )


def _provide_again(state: DiskState, message: ProvideDisk) -> Decision:
    operation = state.operation
    is_this = operation is not None and operation.id == making_id(message.operation_id, state.id)
    if operation is not None and is_this and not operation.rolling_back:
        return Decision(keep=MADE)
    if refusal := unusable(state, "use"):
        return refuse(refusal)
    template = state.disk.template
    is_other_vms = message.vm_id and message.vm_id not in state.vm_ids
    is_other_templates = message.template_id and (template is None or template.id != message.template_id)
    if is_other_vms or is_other_templates:
        reason = f"{state.title} was made for something else."
        return refuse(Conflict(reason, remedy="Add another disk.", entity=state.address).refusal)
    return Decision(reply=provided(state))


def provided(state: DiskState) -> DiskProvided:
    return DiskProvided(disk=state.disk, volume=volume_of(state.disk))


def _begin(disk: Disk, operation: Operation, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    operation = begun(operation, id_of(disk), work, facts)
    event = events.DiskAdded(at=facts.now, disk=_locked(disk), operation=operation)
    return with_step_sent(MAKES[operation.kind], evolve, None, event)


def _locked(disk: Disk) -> Disk:
    return attrs.evolve(disk, status="locked")


def record_of(state: DiskState) -> DiskOperation:
    assert state.operation is not None
    return MAKES[state.operation.kind]


def done(state: DiskState, result: Message, facts: StorageDecisionFacts) -> Decision:
    """A step of the making has ended, or of its undoing."""
    assert state.operation is not None
    if state.operation.rolling_back:
        return _further_down(state, facts)
    work = state.work
    match work.phase:
        case "hold_backing":
            assert isinstance(result, DiskProvided), result
            return go_on(record_of(state), state, attrs.evolve(work, phase="make", backing=result.volume), facts)
        case "make" | "grow":
            assert isinstance(result, VolumeFacts), result
            return _made(state, work, result, facts)
    return _ready(state, work, facts)


def _made(state: DiskState, work: DiskWork, volume: VolumeFacts, facts: StorageDecisionFacts) -> Decision:
    wanted = max(state.disk.provisioned_size or 0, volume.size_bytes)
    work = attrs.evolve(work, size_bytes=wanted, actual_bytes=volume.actual_bytes)
    if work.phase == "make" and wanted > volume.size_bytes:
        return go_on(record_of(state), state, attrs.evolve(work, phase="grow"), facts)
    if work.clone:
        return go_on(record_of(state), state, attrs.evolve(work, phase="release_backing"), facts)
    return _ready(state, work, facts)


def _ready(state: DiskState, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    """The volume is whole and the disk may be used."""
    event = events.DiskReady(
        at=facts.now,
        provisioned_bytes=work.size_bytes,
        actual_bytes=work.actual_bytes,
        ended=Outcome(outcome="done"),
    )
    after = evolve(state, event)
    assert after is not None
    return Decision(
        events=(event,),
        audit=(line_of(state, "disk_added"),),
        answers=((MADE, provided(after)),),
    )


def failed(state: DiskState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    """The making turns round: what was made goes, the last first."""
    assert state.operation is not None
    if state.work.phase == "release_backing" and refusal.code == NotFound.code:
        return done(state, refusal, facts)
    if state.operation.rolling_back and state.work.phase == "hold_backing":
        return _further_down(state, facts)
    if (again := asked_again(state, refusal)) is not None:
        return again
    if state.operation.rolling_back:
        if state.work.phase == "remove":
            return remove_failed(state, refusal, facts)
        aborted = finish_steps(state.operation, "aborted", facts.now)
        return _further_down(attrs.evolve(state, operation=aborted), facts)
    turned = attrs.evolve(state, operation=attrs.evolve(state.operation, rolling_back=str(refusal)))
    if state.work.phase == "hold_backing":
        return gone(turned, facts)
    return go_on(record_of(state), turned, attrs.evolve(state.work, phase="remove"), facts)


def turned_round(state: DiskState, operation: Operation, facts: StorageDecisionFacts) -> Decision:
    """Nobody wants the disk any more: its host ends what it is at. What another disk is asked is waited for, except for
    the release of what a finished copy started from: the copy goes first."""
    turned = attrs.evolve(state, operation=operation)
    if state.work.phase == "release_backing":
        return go_on(record_of(state), turned, attrs.evolve(state.work, phase="remove"), facts)
    event = events.DiskOperationProgressed(at=facts.now, operation=operation)
    return Decision(events=(event,), effects=stopped(record_of(state), turned))


def cancel(state: DiskState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    assert state.operation is not None
    return turned_round(state, cancelled_by(state.operation, request), facts)


def is_unwanted(state: DiskState) -> bool:
    """The volume is on its way, and goes as soon as it is there."""
    assert state.operation is not None
    return bool(state.operation.rolling_back) and state.work.phase in ("make", "grow")


def _further_down(state: DiskState, facts: StorageDecisionFacts) -> Decision:
    """One step of a making that turned round has ended."""
    work = state.work
    if work.phase in ("make", "grow"):
        return go_on(record_of(state), state, attrs.evolve(work, phase="remove"), facts)
    if work.phase in ("remove", "hold_backing") and work.backing_disk_id:
        return go_on(record_of(state), state, attrs.evolve(work, phase="release_backing"), facts)
    return gone(state, facts)


MAKES: Final = {
    kind: DiskOperation(kind=kind, sends=sends, done=done, failed=failed, cancel=cancel, is_unwanted=is_unwanted)
    for kind in ("add", "provide", "clone", "import")
}
