"""Operation *detach_disk*: a VM that is down gives a disk back, or has it removed."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, refuse
from actors.entity.ids import job_id_of
from actors.entity.messages import CommandRequest
from actors.storage.messages import DetachDisk, DiscardDisk
from actors.vm import copies
from actors.vm.configure.attachments import COLD, unchangeable, unknown, without
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.disk_steps import VmDiskData, begin_on_disks, failed_where_it_is, sends_one
from actors.vm.operations.record import DONE, VmOperation, requested
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.errors import NotFound, Refusal
from protocol.live.engine import Accepted
from protocol.message import Message
from protocol.vm import events
from protocol.vm.commands import RemoveDiskAttachment


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down and no operation runs. The disk goes with it unless `detach_only`."""
    command = request.command
    assert isinstance(command, RemoveDiskAttachment)
    if refusal := _hindrance(state, command, facts):
        return refuse(refusal)
    job_id = job_id_of(request.command_id)
    message: Message = DetachDisk(vm_id=state.id)
    if not command.detach_only:
        message = DiscardDisk(operation_id=job_id, vm_id=state.id, correlation_id=request.correlation_id)
    text = f"{'Detaching' if command.detach_only else 'Removing'} disk {command.id} from VM {state.name}"
    operation = begin_on_disks(state, request, DETACH_DISK.kind, text, facts)
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=command.id, message=message))
    accepted = Accepted(kind="disk_attachment", id=command.id, job_id=job_id, command_id=request.command_id)
    event = events.VmOperationProgressed(at=facts.now, operation=operation)
    return requested(DETACH_DISK, state, request, event, reply=accepted)


def _hindrance(state: VmState, command: RemoveDiskAttachment, facts: VmDecisionFacts) -> Refusal | None:
    """A copy that runs somewhere may still write to the disk."""
    verb = "remove a disk from"
    return unchangeable(state, verb, COLD) or unknown(state, command.id) or copies.hindrance(state, verb, facts)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    operation = state.operation
    assert operation is not None
    assert isinstance(operation.data, VmDiskData)
    left = without(state, operation.data.disk_id)
    disk = facts.rows.name_of("disk", operation.data.disk_id)
    return Decision(
        events=(events.VmDisksChanged(at=facts.now, disk_attachments=left, ended=DONE),),
        audit=(line("disk_detached", vm=state.id, user=operation.user_id, name=state.name, disk_name=disk),),
    )


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """A disk that is not there any more is as good as detached."""
    if refusal.code == NotFound.code:
        return done(state, refusal, facts)
    assert state.operation is not None
    assert isinstance(state.operation.data, VmDiskData)
    disk = facts.rows.name_of("disk", state.operation.data.disk_id)
    said = line("disk_detach_failed", vm=state.id, name=state.name, disk_name=disk, reason=str(refusal))
    return failed_where_it_is(state, refusal, said, facts)


DETACH_DISK = VmOperation(
    kind="detach_disk", begun_by=RemoveDiskAttachment, request=request, sends=sends_one, done=done, failed=failed
)
