"""Attaching a disk to a VM that is down, or making one first; changing the attachment; detaching. Never performs."""

from __future__ import annotations

import attrs

from actors.entity.checks import invalid, not_found, values
from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.storage.messages import AttachDisk, DetachDisk, DiscardDisk, ProvideDisk
from actors.vm.disk_step import VmDiskData, ask, begin_on_disks, failed
from actors.vm.facts import VmDecisionFacts, busy, not_legal
from actors.vm.ids_and_slots import child_id, free_slot
from actors.vm.state import VmState
from protocol import limits
from protocol.audit import line
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.message import Message
from protocol.model.activity import Event
from protocol.model.storage import Disk, DiskAttachment
from protocol.model.types import Ref

COLD = "Shut it down first; hot plug is not part of this release."


def attach(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Attaches a disk that exists, or makes one; the attachment shows at once, its disk locked until it is there."""
    assert isinstance(request.command, commands.AddDiskAttachment)
    document = request.command.document
    assert isinstance(document, DiskAttachment)
    refusal = busy(state, facts, "add a disk to")
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "add a disk to", "down", COLD)
    if refusal := refusal or values(document):
        return refuse(refusal)
    disk = document.disk or Disk()
    disk_id = disk.id or request.command_id
    message = _message(state, request, disk, disk_id, facts)
    if isinstance(message, Refusal):
        return refuse(message)
    attachment = _attachment(state, document, disk_id)
    if isinstance(attachment, Refusal):
        return refuse(attachment)
    kind, text = "attach_disk" if disk.id else "add_disk", f"Adding disk {disk.name or disk_id} to VM {state.name}"
    operation = begin_on_disks(state, request, kind, text, facts)
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=disk_id, message=message))
    event = events.VmDisksChanged(
        at=facts.now, operation=operation, disk_attachments=(*(state.vm.disk_attachments or ()), attachment)
    )
    accepted = Accepted(kind="disk_attachment", id=disk_id, job_id=operation.id, command_id=request.command_id)
    # Answered when the disk agrees, or is recorded at least; asked again meanwhile, it is accepted with its job.
    return Decision(events=(event,), effects=(ask(disk_id, message),), outcome=accepted)


def _message(state: VmState, request: CommandRequest, disk: Disk, disk_id: str, facts: VmDecisionFacts) -> Message:
    """What the disk is asked: to be attached, or to be made first. Else a refusal."""
    if any(attachment.id == disk_id for attachment in state.vm.disk_attachments or ()):
        reason = f"Disk {disk_id} is attached to VM {state.name} already."
        return invalid("disk", reason, status=409, code="conflict")
    if disk.id:
        if facts.rows.document("disk", disk_id) is None:
            return not_found("disk", disk_id, "disk.id")
        return AttachDisk(vm_id=state.id, operation_id=request.command_id)
    made = _new_disk(state, disk, disk_id, facts)
    if isinstance(made, Refusal):
        return made
    return ProvideDisk(
        disk=made, operation_id=child_id(request.command_id, "disk"), correlation_id=request.correlation_id,
        user_id=request.principal.user_id, vm_id=state.id,
    )  # fmt: skip


def _attachment(state: VmState, document: DiskAttachment, disk_id: str) -> DiskAttachment | Refusal:
    """The attachment in a free slot; one bootable disk is enough."""
    others = state.vm.disk_attachments or ()
    if document.bootable and any(other.bootable for other in others):
        return _boots_already(state)
    slot = free_slot((other.slot for other in others), limits.vm_disks_max)
    if slot is None:
        return invalid("disk", f"A VM has at most {limits.vm_disks_max} disks.", status=409, code="conflict")
    return DiskAttachment(
        id=disk_id,
        disk=Disk(id=disk_id),
        active=document.active is not False,
        bootable=bool(document.bootable),
        interface=document.interface or "virtio",
        read_only=bool(document.read_only),
        vm=Ref(id=state.id),
        slot=slot,
    )


def _boots_already(state: VmState) -> Refusal:
    reason = f"VM {state.name} has a bootable disk already."
    return invalid("bootable", reason, "Leave bootable out, or take it from the other disk first.", status=409,
                   code="conflict")  # fmt: skip


def _new_disk(state: VmState, disk: Disk, disk_id: str, facts: VmDecisionFacts) -> Disk | Refusal:
    """The document of a disk to be made, its storage domain looked up."""
    domain_id = _storage_domain_of(disk, facts)
    if domain_id is None:
        reason = "A new disk needs a storage domain."
        return invalid("disk.storage_domains", reason, "Name one.", code="missing_attribute")
    if facts.rows.document("storage_domain", domain_id) is None:
        return not_found("storage_domain", domain_id, "disk.storage_domains")
    if not disk.provisioned_size:
        reason = "A new disk needs a size."
        return invalid("disk.provisioned_size", reason, "Give it in bytes.", code="missing_attribute")
    label = disk.name or disk.alias or f"{state.name}_Disk{len(state.vm.disk_attachments or ()) + 1}"
    return attrs.evolve(
        disk,
        id=disk_id,
        name=label,
        alias=disk.alias or label,
        format=disk.format or "cow",
        sparse=disk.sparse if disk.sparse is not None else (disk.format or "cow") == "cow",
        bootable=None,
        storage_domain=Ref(id=domain_id),
        storage_domains=(Ref(id=domain_id),),
    )


def _storage_domain_of(disk: Disk, facts: VmDecisionFacts) -> str | None:
    """The storage domain that was named, or the only active one."""
    wanted = disk.storage_domains[0] if disk.storage_domains else disk.storage_domain
    if wanted is not None and wanted.id:
        return wanted.id
    active = [
        storage_domain.id
        for storage_domain in facts.rows.documents("storage_domain")
        if storage_domain.status == "active"
    ]
    return active[0] if len(active) == 1 else None


def update(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Interface, bootable, active, read-only: of a VM that is down."""
    command = request.command
    assert isinstance(command, commands.UpdateDiskAttachment)
    assert isinstance(command.document, DiskAttachment)
    refusal = busy(state, facts, "change a disk of") or values(command.document)
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "change a disk of", "down")
    if refusal := refusal or _unknown(state, command.id):
        return refuse(refusal)
    attachments = state.vm.disk_attachments or ()
    if command.document.bootable and any(a.bootable for a in attachments if a.id != command.id):
        return refuse(_boots_already(state))
    wanted = {
        name: value
        for name in ("interface", "bootable", "active", "read_only")
        if (value := getattr(command.document, name)) is not None
    }
    changed = tuple(attrs.evolve(a, **wanted) if a.id == command.id else a for a in attachments)
    return Decision(
        events=(events.VmDisksChanged(at=facts.now, disk_attachments=changed),),
        reply=Accepted(kind="disk_attachment", id=command.id, command_id=request.command_id),
        store_outcome=True,
    )


def detach(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Detaches a disk, or deletes it with `detach_only` false."""
    command = request.command
    assert isinstance(command, commands.RemoveDiskAttachment)
    refusal = busy(state, facts, "remove a disk from")
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "remove a disk from", "down", COLD)
    if refusal := refusal or _unknown(state, command.id):
        return refuse(refusal)
    message: Message = DetachDisk(vm_id=state.id)
    if not command.detach_only:
        part = child_id(request.command_id, "disk")
        message = DiscardDisk(operation_id=part, vm_id=state.id, correlation_id=request.correlation_id)
    verb = "Detaching" if command.detach_only else "Removing"
    text = f"{verb} disk {command.id} from VM {state.name}"
    operation = begin_on_disks(state, request, "detach_disk", text, facts)
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=command.id, message=message))
    return Decision(
        events=(events.VmOperationProgressed(at=facts.now, operation=operation),),
        effects=(ask(command.id, message),),
        reply=Accepted(kind="disk_attachment", id=command.id, job_id=operation.id, command_id=request.command_id),
        store_outcome=True,
    )


def _unknown(state: VmState, disk_id: str) -> Refusal | None:
    if any(attachment.id == disk_id for attachment in state.vm.disk_attachments or ()):
        return None
    return invalid("id", f"VM {state.name} has no disk with id {disk_id!r}.", status=404, code="not_found")


def attached(
    state: VmState, operation: Operation, disk_id: str, refusal: Refusal | None, facts: VmDecisionFacts
) -> Decision:
    """The disk agreed, or did not: then the attachment is taken back."""
    if refusal is None:
        event: events.VmEvent = events.VmOperationEnded(at=facts.now, ended=Outcome(outcome="done"))
        accepted = Accepted(kind="disk_attachment", id=disk_id, job_id=operation.id, command_id=operation.id)
        return Decision(events=(event,), audit=(_audit_line(state, operation, "added to"),), reply=accepted)
    ended = Outcome(outcome="rolled_back", reason=str(refusal))
    event = events.VmDisksChanged(at=facts.now, disk_attachments=_without(state, disk_id), ended=ended)
    audit = line("disk_failed", f"{operation.description} failed: {refusal}", severity="error", vm=state.id)
    return Decision(events=(event,), audit=(audit,), reply=refusal)


def detached(
    state: VmState, operation: Operation, disk_id: str, refusal: Refusal | None, facts: VmDecisionFacts
) -> Decision:
    """The disk let go; one that is not there any more is as good."""
    if refusal is not None and refusal.code != "not_found":
        return failed(state, operation, refusal, facts)
    ended = Outcome(outcome="done")
    event = events.VmDisksChanged(at=facts.now, disk_attachments=_without(state, disk_id), ended=ended)
    return Decision(events=(event,), audit=(_audit_line(state, operation, "removed from"),))


def _without(state: VmState, disk_id: str) -> tuple[DiskAttachment, ...]:
    return tuple(attachment for attachment in state.vm.disk_attachments or () if attachment.id != disk_id)


def _audit_line(state: VmState, operation: Operation, verb: str) -> Event:
    return line("vm_disk_changed", f"A disk was {verb} VM {state.name}.", vm=state.id, user=operation.user_id)
