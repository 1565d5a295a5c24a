"""Operation *remove*: a disk that nobody needs goes with its volumes.

remove -> release_backing -> gone
the volumes cannot be deleted -> illegal, to be removed again
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.cancel import NOT_WANTED, taken_back
from actors.entity.decision import Decision, accept, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin, begin_for
from actors.entity.operation_record import with_step_sent
from actors.entity.refusals import busy
from actors.storage.disk.evolve import evolve
from actors.storage.disk.operations.gone import gone, remove_failed
from actors.storage.disk.operations.make import MAKES, turned_round
from actors.storage.disk.operations.phases import (
    REMOVED,
    DiskOperation,
    asked_again,
    begun,
    go_on,
    sends,
)
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts, accepted, host_of
from actors.storage.messages import DiscardDisk
from actors.storage.volume_names import removal_id
from protocol.activity.operation import Operation
from protocol.document import id_of
from protocol.errors import Conflict, NotFound, Refusal
from protocol.message import Message
from protocol.node.reports import Done
from protocol.storage import disk_events as events
from protocol.storage.commands import RemoveDisk
from protocol.storage.disk_events import DiskWork


def request(state: DiskState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Legal while it is attached to nothing, backs nothing and no operation runs on it."""
    if refusal := _in_use(state, "", "", facts):
        return refuse(refusal)
    operation = begin_for(request, "remove", f"Removing disk {state.disk.name}", facts.now)
    reply = accepted("disk", request, state.disk, job_id=operation.id)
    return accept(reply, _begin(state, operation, DiskWork(phase="remove"), facts))


def discard(state: DiskState | None, message: DiscardDisk, facts: StorageDecisionFacts) -> Decision:
    """The same for the sake of the VM or template that has it. While it is still being made, the making turns round."""
    if state is None:
        return Decision(reply=Done())
    operation = state.operation
    if operation is not None and (operation.kind == "remove" or operation.rolling_back):
        return Decision(keep=REMOVED)
    if operation is not None and operation.kind in MAKES and _is_its_own(state, message):
        return attrs.evolve(turned_round(state, taken_back(operation, NOT_WANTED), facts), keep=REMOVED)
    if refusal := _in_use(state, message.vm_id, message.template_id, facts):
        return refuse(refusal)
    operation = begin(
        id=removal_id(message.operation_id, state.id),
        kind="remove",
        description=f"Removing disk {state.disk.name}",
        at=facts.now,
        correlation_id=message.correlation_id,
        parent=message.operation_id,
    )
    work = DiskWork(phase="remove", vm_id=message.vm_id, template_id=message.template_id)
    return attrs.evolve(_begin(state, operation, work, facts), keep=REMOVED)


def _is_its_own(state: DiskState, message: DiscardDisk) -> bool:
    return state.work.vm_id == message.vm_id and state.work.template_id == message.template_id


def _begin(state: DiskState, operation: Operation, work: DiskWork, facts: StorageDecisionFacts) -> Decision:
    host_id = host_of(state.disk, facts)
    if state.disk.backing_disk is not None:
        work = attrs.evolve(work, backing_disk_id=id_of(state.disk.backing_disk))
    operation = begun(attrs.evolve(operation, host_id=host_id), state.id, work, facts)
    return with_step_sent(REMOVE, evolve, state, events.DiskRemoveRequested(at=facts.now, operation=operation))


def done(state: DiskState, result: Message, facts: StorageDecisionFacts) -> Decision:
    work = state.work
    if work.phase == "remove" and work.backing_disk_id:
        return go_on(REMOVE, state, attrs.evolve(work, phase="release_backing"), facts)
    return gone(state, facts)


def failed(state: DiskState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    """Volumes that cannot be deleted leave the disk illegal; the disk that it rested on does not keep it."""
    if state.work.phase == "remove":
        return remove_failed(state, refusal, facts)
    is_meant = refusal.code != NotFound.code
    return (asked_again(state, refusal) if is_meant else None) or gone(state, facts)


def _in_use(state: DiskState, vm_id: str, template_id: str, facts: StorageDecisionFacts) -> Refusal | None:
    """Why the disk cannot go now, unless only this VM or template has it."""
    if refusal := busy(state, "remove"):
        return refusal
    others = [id for id in state.vm_ids if id != vm_id]
    if others:
        return _conflict(state, "is attached to the VM", "vm", others, "Detach it first.", facts, field="vms")
    template = state.disk.template
    if template is not None and template.id != template_id:
        of = [id_of(template)]
        return _conflict(state, "belongs to the template", "template", of, "Remove the template.", facts, "template")
    if state.children:
        resting = list(state.children)
        return _conflict(
            state, "is what the disk", "disk", resting, "Remove those disks first.", facts, then=" rests on"
        )
    return None


def _conflict(
    state: DiskState,
    what: str,
    kind: str,
    ids: list[str],
    remedy: str,
    facts: StorageDecisionFacts,
    field: str = "",
    then: str = "",
) -> Refusal:
    names = ", ".join(facts.rows.name_of(kind, id) for id in ids[:10])
    reason = f"{state.title} {what} {names}{then}."
    return Conflict(reason, remedy=remedy, entity=state.address, field=field).refusal


REMOVE: Final = DiskOperation(
    kind="remove", begun_by=RemoveDisk, request=request, sends=sends, done=done, failed=failed
)
