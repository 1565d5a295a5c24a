"""Operations *attach_disk* and *add_disk*: a VM that is down gets a disk that is there, or one that is made for it.

The attachment shows at once, its disk locked until it is there. The command is answered when the disk agrees, or when
its record can be read; asked again meanwhile, it is accepted with its job.

ask the disk -> attached
             -> it refuses -> the attachment is taken back
             -> a disk that is being made is cancelled -> discard it -> the attachment is taken back
"""

from __future__ import annotations

import attrs

from actors.entity.cancel import cancelled_by
from actors.entity.checks import values
from actors.entity.decision import NOTHING, Decision, refuse
from actors.entity.ids import job_id_of
from actors.entity.messages import CommandRequest
from actors.entity.operation import finish_steps, with_step
from actors.storage.messages import AttachDisk, DiscardDisk, DiskRecorded, ProvideDisk
from actors.storage.volume_names import several_storage_domains
from actors.vm.configure.attachments import COLD, added, unchangeable, without
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.disk_steps import VmDiskData, begin_on_disks, part_of, sends_one
from actors.vm.operations.record import DONE, VmOperation, progressed, requested
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.operation import Operation, Outcome
from protocol.document import Ref
from protocol.errors import Cancelled, Conflict, HostFailed, Refusal
from protocol.live.engine import Accepted
from protocol.message import Message
from protocol.refusals import missing, not_found
from protocol.storage.model import Disk, DiskAttachment, StorageDomain
from protocol.vm import events
from protocol.vm.commands import AddDiskAttachment


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down and no operation runs."""
    assert isinstance(request.command, AddDiskAttachment)
    document = request.command.document
    assert isinstance(document, DiskAttachment)
    if refusal := unchangeable(state, "add a disk to", COLD) or values(document):
        return refuse(refusal)
    disk = document.disk or Disk()
    disk_id = disk.id or part_of(request, "disk")
    message = _message(state, request, disk, disk_id, facts)
    if isinstance(message, Refusal):
        return refuse(message)
    attachment = added(state, document, disk_id)
    if isinstance(attachment, Refusal):
        return refuse(attachment)
    record = ATTACH_DISK if disk.id else ADD_DISK
    text = f"Adding disk {disk.name or disk_id} to VM {state.name}"
    operation = begin_on_disks(state, request, record.kind, text, facts)
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=disk_id, message=message))
    attachments = (*(state.vm.disk_attachments or ()), attachment)
    event = events.VmDisksChanged(at=facts.now, operation=operation, disk_attachments=attachments)
    decision = requested(record, state, request, event)
    return attrs.evolve(decision, reply=None, keep=operation.id, outcome=_accepted(operation))


def _accepted(operation: Operation) -> Accepted:
    assert isinstance(operation.data, VmDiskData)
    return Accepted(
        kind="disk_attachment", id=operation.data.disk_id, job_id=operation.id, command_id=operation.command_id
    )


def _message(state: VmState, request: CommandRequest, disk: Disk, disk_id: str, facts: VmDecisionFacts) -> Message:
    """What the disk is asked: to be attached, or to be made first. Else a refusal."""
    if any(attachment.id == disk_id for attachment in state.vm.disk_attachments or ()):
        reason = f"Disk {disk_id} is attached to VM {state.name} already."
        remedy = f"Change the attachment instead: PUT /vms/{state.id}/diskattachments/{disk_id}."
        return Conflict(reason, remedy=remedy, entity=state.address, field="disk").refusal
    job_id = job_id_of(request.command_id)
    if disk.id:
        if facts.rows.get(Disk, disk_id) is None:
            return not_found("disk", disk_id, field="disk.id")
        return AttachDisk(vm_id=state.id, operation_id=job_id)
    new = _new_disk(state, disk, disk_id, facts)
    if isinstance(new, Refusal):
        return new
    return ProvideDisk(
        disk=new, operation_id=job_id, correlation_id=request.correlation_id, user_id=request.principal.user_id,
        vm_id=state.id,
    )  # fmt: skip


def _new_disk(state: VmState, disk: Disk, disk_id: str, facts: VmDecisionFacts) -> Disk | Refusal:
    """The document of a disk to be made, its storage domain looked up."""
    if refusal := several_storage_domains(disk, "disk.storage_domains"):
        return refusal
    storage_domain_id = _storage_domain_of(disk, facts)
    if storage_domain_id is None:
        return missing("disk.storage_domains", "disk", "Name one.")
    if facts.rows.get(StorageDomain, storage_domain_id) is None:
        return not_found("storage_domain", storage_domain_id, field="disk.storage_domains")
    if not disk.provisioned_size:
        return missing("disk.provisioned_size", "disk", "Give it in bytes.")
    label = disk.name or disk.alias or f"{state.name}_Disk{len(state.vm.disk_attachments or ()) + 1}"
    return attrs.evolve(
        disk,
        id=disk_id,
        name=label,
        alias=disk.alias or label,
        format=disk.format or "cow",
        sparse=disk.sparse if disk.sparse is not None else (disk.format or "cow") == "cow",
        bootable=None,
        storage_domain=Ref(id=storage_domain_id),
        storage_domains=(Ref(id=storage_domain_id),),
    )


def _storage_domain_of(disk: Disk, facts: VmDecisionFacts) -> str | None:
    """The storage domain that was named, or the only active one."""
    wanted = disk.storage_domains[0] if disk.storage_domains else disk.storage_domain
    if wanted is not None and wanted.id:
        return wanted.id
    active = [each.id for each in facts.rows.all(StorageDomain) if each.status == "active"]
    return active[0] if len(active) == 1 else None


def recorded(state: VmState, message: DiskRecorded) -> Decision:
    """The disk that a command wants can be read by now: the command is answered, the making goes on."""
    operation = state.operation
    if operation is None or operation.kind != ADD_DISK.kind:
        return NOTHING
    return Decision(answers=((operation.id, _accepted(operation)),))


def cancel(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """The disk that is being made goes."""
    operation = state.operation
    assert operation is not None
    assert isinstance(operation.data, VmDiskData)
    message = DiscardDisk(operation_id=operation.id, vm_id=state.id, correlation_id=operation.correlation_id)
    turned = attrs.evolve(cancelled_by(operation, request), data=attrs.evolve(operation.data, message=message))
    turned = finish_steps(turned, "aborted", facts.now)
    return progressed(ADD_DISK, state, with_step(turned, state.address, "Removing the disk", facts.now), facts)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    operation = state.operation
    assert operation is not None
    assert isinstance(operation.data, VmDiskData)
    if operation.rolling_back:
        return _taken_back(state, Cancelled(operation.rolling_back).refusal, facts)
    disk = _name(operation.data, facts)
    return Decision(
        events=(events.VmOperationEnded(at=facts.now, ended=DONE),),
        audit=(line("disk_attached", vm=state.id, user=operation.user_id, name=state.name, disk_name=disk),),
        answers=((operation.id, _accepted(operation)),),
    )


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """The disk refuses, or could not be made: the attachment is taken back."""
    operation = state.operation
    assert operation is not None
    if operation.rolling_back:
        reason = f"{operation.rolling_back} The disk could not be removed: {refusal}"
        refusal = HostFailed(reason, remedy="Remove the disk by itself.").refusal
    return _taken_back(state, refusal, facts)


def _taken_back(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    operation = state.operation
    assert operation is not None
    assert isinstance(operation.data, VmDiskData)
    reason = refusal.reason if operation.is_unwanted else str(refusal)
    ended = Outcome(outcome="rolled_back", reason=reason)
    left = without(state, operation.data.disk_id)
    disk = _name(operation.data, facts)
    if operation.is_unwanted:
        audit = line("disk_attach_cancelled", vm=state.id, name=state.name, disk_name=disk, reason=reason)
    else:
        audit = line("disk_attach_failed", vm=state.id, name=state.name, disk_name=disk, reason=reason)
    return Decision(
        events=(events.VmDisksChanged(at=facts.now, disk_attachments=left, ended=ended),),
        audit=(audit,),
        answers=((operation.id, refusal),),
    )


def _name(data: VmDiskData, facts: VmDecisionFacts) -> str:
    """The disk's name, also when it could not be made."""
    wanted = data.message.disk.name if isinstance(data.message, ProvideDisk) else None
    return wanted or facts.rows.name_of("disk", data.disk_id)


ATTACH_DISK = VmOperation(
    kind="attach_disk", begun_by=AddDiskAttachment, request=request, sends=sends_one, done=done, failed=failed
)
ADD_DISK = VmOperation(kind="add_disk", sends=sends_one, done=done, failed=failed, cancel=cancel)
