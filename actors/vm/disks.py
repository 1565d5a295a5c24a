"""Operations of a VM that other actors carry out disk by disk: create, attach, detach, remove. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, Tell, refuse
from actors.entity.messages import Commanded
from actors.operations.operation import begin, with_step
from actors.storage.messages import AttachDisk, DetachDisk, DiscardDisk, DiskRecorded, ProvideDisk
from actors.vm import checks
from actors.vm.configure import VmAddData, child_id
from actors.vm.facts import Facts, bad_input, busy, not_found, not_legal
from actors.vm.state import VmState
from protocol.audit import line
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.model.activity import Event
from protocol.model.storage import Disk, DiskAttachment
from protocol.model.types import Ref
from protocol.words import Tagged, word

KINDS = frozenset({"add", "remove", "add_disk", "attach_disk", "detach_disk"})


@word("vm.disk_data")
@attrs.frozen(kw_only=True)
class VmDiskData(Tagged):
    """One message to one disk's actor, kept so that it can be sent again."""

    disk_id: str
    message: Tagged


@word("vm.remove_data")
@attrs.frozen(kw_only=True)
class VmRemoveData(Tagged):
    """The disks that go with the VM, and those that stay."""

    discard: tuple[str, ...]
    detach: tuple[str, ...]


def token(disk_id: str) -> str:
    return f"disk:{disk_id}"


def current_message(state: VmState) -> Tell | None:
    """What the running disk operation has asked last: sent again after a crash, harmless twice."""
    operation = state.operation
    if operation is None:
        return None
    if operation.rolling_back:
        return _next_rollback(state, operation)
    match operation.data:
        case VmAddData(disks=disks):
            provide = disks[len(operation.steps) - 1]
            return Tell(address=f"disk/{provide.disk.id}", message=provide, token=token(provide.disk.id or ""))
        case VmDiskData(disk_id=disk_id, message=message):
            return Tell(address=f"disk/{disk_id}", message=message, token=token(disk_id))
        case VmRemoveData() as data:
            return _next_removal(state, data, len(operation.steps) - 1)
    return None


# --- attach, create, detach ---------------------------------------------------------------------------------------


def add_attachment(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """Attaches a disk that exists, or makes one; the attachment shows at once, its disk locked until it is there."""
    command = asked.command
    assert isinstance(command, commands.AddDiskAttachment)
    document = command.document
    assert isinstance(document, DiskAttachment)
    refusal = busy(state, facts, "add a disk to")
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "add a disk to", "down", "Shut it down first; hot plug is not part of this release.")
    refusal = refusal or checks.values(document)
    if refusal:
        return refuse(refusal)
    disk = document.disk or Disk()
    exists = bool(disk.id)
    disk_id = disk.id or asked.command_id
    if any(attachment.id == disk_id for attachment in state.vm.disk_attachments or ()):
        return refuse(
            bad_input(f"Disk {disk_id} is attached to VM {state.name} already.", "disk", status=409, code="conflict")
        )
    message: Tagged
    if exists:
        if facts.rows.document("disk", disk_id) is None:
            return refuse(not_found("disk", disk_id, "disk.id"))
        message = AttachDisk(vm_id=state.id, operation_id=asked.command_id)
    else:
        made = new_disk(state, disk, disk_id, facts)
        if isinstance(made, Refusal):
            return refuse(made)
        message = ProvideDisk(
            disk=made, operation_id=child_id(asked.command_id, "disk"), correlation_id=asked.correlation_id,
            user_id=asked.principal.user_id, vm_id=state.id,
        )  # fmt: skip
    taken = {attachment.slot for attachment in state.vm.disk_attachments or ()}
    attachment = DiskAttachment(
        id=disk_id,
        disk=Disk(id=disk_id),
        active=document.active is not False,
        bootable=bool(document.bootable),
        interface=document.interface or "virtio",
        read_only=bool(document.read_only),
        vm=Ref(id=state.id),
        slot=next(slot for slot in range(64) if slot not in taken),
    )
    if attachment.bootable and any(other.bootable for other in state.vm.disk_attachments or ()):
        reason = f"VM {state.name} has a bootable disk already."
        return refuse(bad_input(reason, "bootable", "Add the disk without bootable.", status=409, code="conflict"))
    operation = _begin(
        state,
        asked,
        "attach_disk" if exists else "add_disk",
        f"Adding disk {disk.name or disk_id} to VM {state.name}",
        facts,
    )
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=disk_id, message=message))
    event = events.VmDisksChanged(
        at=facts.now, operation=operation, disk_attachments=(*(state.vm.disk_attachments or ()), attachment)
    )
    tell = Tell(address=f"disk/{disk_id}", message=message, token=token(disk_id))
    accepted = Accepted(kind="disk_attachment", id=disk_id, job_id=operation.id, command_id=asked.command_id)
    # Answered when the disk agrees, or is recorded at least; asked again meanwhile, it is accepted with its job.
    return Decision(events=(event,), effects=(tell,), outcome=accepted)


def new_disk(state: VmState, disk: Disk, disk_id: str, facts: Facts) -> Disk | Refusal:
    """The document of a disk to be made, its storage domain looked up."""
    wanted = disk.storage_domains[0] if disk.storage_domains else disk.storage_domain
    domain_id = wanted.id if wanted else None
    if domain_id is None:
        domains = [d for d in facts.rows.documents("storage_domain") if d.status == "active"]
        if len(domains) != 1:
            return bad_input(
                "A new disk needs a storage domain.", "disk.storage_domains", "Name one.", code="missing_attribute"
            )
        domain_id = domains[0].id
    if facts.rows.document("storage_domain", domain_id or "") is None:
        return not_found("storage_domain", domain_id or "", "disk.storage_domains")
    if not disk.provisioned_size:
        return bad_input(
            "A new disk needs a size.", "disk.provisioned_size", "Give it in bytes.", code="missing_attribute"
        )
    number = len(state.vm.disk_attachments or ()) + 1
    label = disk.name or disk.alias or f"{state.name}_Disk{number}"
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


def remove_attachment(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """Detaches a disk, or deletes it with `detach_only` false."""
    command = asked.command
    assert isinstance(command, commands.RemoveDiskAttachment)
    refusal = busy(state, facts, "remove a disk from")
    if refusal is None and state.status != "down":
        refusal = not_legal(
            state, "remove a disk from", "down", "Shut it down first; hot plug is not part of this release."
        )
    if refusal is None and all(a.id != command.id for a in state.vm.disk_attachments or ()):
        refusal = bad_input(f"VM {state.name} has no disk with id {command.id!r}.", "id", status=404, code="not_found")
    if refusal:
        return refuse(refusal)
    verb = "Detaching" if command.detach_only else "Removing"
    operation = _begin(state, asked, "detach_disk", f"{verb} disk {command.id} from VM {state.name}", facts)
    message: Tagged = (
        DetachDisk(vm_id=state.id)
        if command.detach_only
        else DiscardDisk(
            operation_id=child_id(asked.command_id, "disk"), vm_id=state.id, correlation_id=asked.correlation_id
        )
    )
    operation = attrs.evolve(operation, data=VmDiskData(disk_id=command.id, message=message))
    return Decision(
        events=(events.VmOperationProgressed(at=facts.now, operation=operation),),
        effects=(Tell(address=f"disk/{command.id}", message=message, token=token(command.id)),),
        reply=Accepted(kind="disk_attachment", id=command.id, job_id=operation.id, command_id=asked.command_id),
        store_outcome=True,
    )


def update_attachment(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """Interface, bootable, active, read-only: of a VM that is down."""
    command = asked.command
    assert isinstance(command, commands.UpdateDiskAttachment)
    assert isinstance(command.document, DiskAttachment)
    refusal = busy(state, facts, "change a disk of") or checks.values(command.document)
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "change a disk of", "down")
    known = next((a for a in state.vm.disk_attachments or () if a.id == command.id), None)
    if refusal is None and known is None:
        refusal = bad_input(f"VM {state.name} has no disk with id {command.id!r}.", "id", status=404, code="not_found")
    if refusal or known is None:
        assert refusal is not None
        return refuse(refusal)
    wanted = {
        name: value
        for name in ("interface", "bootable", "active", "read_only")
        if (value := getattr(command.document, name)) is not None
    }
    changed = attrs.evolve(known, **wanted)
    attachments = tuple(changed if a.id == command.id else a for a in state.vm.disk_attachments or ())
    return Decision(
        events=(events.VmDisksChanged(at=facts.now, disk_attachments=attachments),),
        reply=Accepted(kind="disk_attachment", id=command.id, command_id=asked.command_id),
        store_outcome=True,
    )


def _begin(state: VmState, asked: Commanded, kind: str, description: str, facts: Facts) -> Operation:
    operation = begin(
        id=asked.command_id, kind=kind, description=description, at=facts.now, correlation_id=asked.correlation_id,
        user_id=asked.principal.user_id,
    )  # fmt: skip
    return with_step(operation, state.address, description, facts.now)


# --- remove -------------------------------------------------------------------------------------------------------


def remove(state: VmState, asked: Commanded, facts: Facts) -> Decision:
    """Legal while the VM is down and not delete protected."""
    command = asked.command
    assert isinstance(command, commands.RemoveVm)
    refusal = busy(state, facts, "remove")
    if refusal is None and state.status != "down":
        refusal = not_legal(state, "remove", "down", "Stop it first.")
    if refusal is None and state.vm.delete_protected:
        refusal = bad_input(
            f"VM {state.name} is delete protected.", "delete_protected", "Update it with delete_protected false first.",
            status=409, code="conflict",
        )  # fmt: skip
    if refusal:
        return refuse(refusal)
    discard: list[str] = []
    detach: list[str] = []
    for attachment in state.vm.disk_attachments or ():
        disk = facts.rows.document("disk", attachment.id or "")
        keep = command.detach_only or (disk is not None and disk.shareable)
        (detach if keep else discard).append(attachment.id or "")
    data = VmRemoveData(discard=tuple(discard), detach=tuple(detach))
    operation = attrs.evolve(_begin(state, asked, "remove", f"Removing VM {state.name}", facts), data=data)
    accepted = Accepted(kind="vm", id=state.id, job_id=operation.id, command_id=asked.command_id)
    requested = events.VmRemoveRequested(at=facts.now, operation=operation)
    tell = _next_removal(state, data, 0, operation)
    if tell is None:
        gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="done"))
        return Decision(
            events=(requested, gone), audit=(_removed(state, operation),), reply=accepted, store_outcome=True
        )
    return Decision(events=(requested,), effects=(tell,), reply=accepted, store_outcome=True)


def _next_removal(state: VmState, data: VmRemoveData, number: int, begun: Operation | None = None) -> Tell | None:
    operation = begun or state.operation
    assert operation is not None
    if number < len(data.discard):
        disk_id = data.discard[number]
        message: Tagged = DiscardDisk(
            operation_id=child_id(operation.id, f"discard{number}"),
            vm_id=state.id,
            correlation_id=operation.correlation_id,
        )
        return Tell(address=f"disk/{disk_id}", message=message, token=token(disk_id))
    number -= len(data.discard)
    if number < len(data.detach):
        disk_id = data.detach[number]
        return Tell(address=f"disk/{disk_id}", message=DetachDisk(vm_id=state.id), token=token(disk_id))
    return None


def _removed(state: VmState, operation: Operation) -> Event:
    return line("vm_removed", f"VM {state.name} was removed.", vm=state.id, user=operation.user_id)


def recorded(state: VmState, message: DiskRecorded) -> Decision:
    """The disk that a command wants can be read by now: the command is answered, the making goes on."""
    operation = state.operation
    if operation is None or operation.kind != "add_disk":
        return Decision()
    accepted = Accepted(kind="disk_attachment", id=message.disk_id, job_id=operation.id, command_id=operation.id)
    return Decision(reply=accepted, reply_token=token(message.disk_id))


# --- answers ------------------------------------------------------------------------------------------------------


def answered(state: VmState, disk_id: str, answer: Tagged, facts: Facts) -> Decision:
    """A disk's actor has done, or refused, what the running operation asked."""
    operation = state.operation
    expected = current_message(state)
    if operation is None or expected is None or expected.token != token(disk_id):
        return Decision()
    refusal = answer if isinstance(answer, Refusal) else None
    if operation.rolling_back:
        return _rolled_back_one(state, operation, refusal, facts)
    match operation.data:
        case VmAddData() as data:
            return _provided(state, operation, data, refusal, facts)
        case VmDiskData(disk_id=which):
            return _attached(state, operation, which, refusal, facts)
        case VmRemoveData() as data:
            return _discarded(state, operation, data, refusal, facts)
    return Decision()


def _provided(state: VmState, operation: Operation, data: VmAddData, refusal: Refusal | None, facts: Facts) -> Decision:
    if refusal is not None:
        back = attrs.evolve(operation, rolling_back=str(refusal))
        back = with_step(back, state.address, "Remove what was made", facts.now)
        back = attrs.evolve(back, data=VmRemoveData(discard=tuple(d.disk.id or "" for d in data.disks), detach=()))
        event = events.VmOperationProgressed(at=facts.now, operation=back)
        tell = _next_rollback(state, back)
        assert tell is not None
        return Decision(events=(event,), effects=(tell,))
    made = len(operation.steps)
    if made < len(data.disks):
        after = data.disks[made]
        further = with_step(operation, state.address, f"Create disk {after.disk.name}", facts.now)
        tell = Tell(address=f"disk/{after.disk.id}", message=after, token=token(after.disk.id or ""))
        return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=further),), effects=(tell,))
    return Decision(events=(events.VmCreated(at=facts.now, ended=Outcome(outcome="done")),))


def _rollback_start(operation: Operation) -> int:
    return next(i for i, step in enumerate(operation.steps) if step.description == "Remove what was made")


def _next_rollback(state: VmState, operation: Operation) -> Tell | None:
    assert isinstance(operation.data, VmRemoveData)
    return _next_removal(state, operation.data, len(operation.steps) - 1 - _rollback_start(operation), operation)


def _rolled_back_one(state: VmState, operation: Operation, refusal: Refusal | None, facts: Facts) -> Decision:
    assert isinstance(operation.data, VmRemoveData)
    further = with_step(operation, state.address, "Remove the next disk", facts.now)
    tell = _next_rollback(state, further)
    if tell is not None:
        return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=further),), effects=(tell,))
    reason = operation.rolling_back
    if refusal is not None and refusal.code != "not_found":
        reason += f" What was made could not be removed: {refusal}"
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="rolled_back", reason=reason))
    audit = line("vm_add_failed", f"Failed to create VM {state.name}: {reason}", severity="error", vm=state.id)
    return Decision(events=(gone,), audit=(audit,))


def _attached(state: VmState, operation: Operation, disk_id: str, refusal: Refusal | None, facts: Facts) -> Decision:
    without = tuple(a for a in state.vm.disk_attachments or () if a.id != disk_id)
    accepted = Accepted(kind="disk_attachment", id=disk_id, job_id=operation.id, command_id=operation.id)
    if operation.kind == "detach_disk":
        if refusal is not None and refusal.code != "not_found":
            return _failed(state, operation, refusal, facts)
        event: events.VmEvent = events.VmDisksChanged(
            at=facts.now, disk_attachments=without, ended=Outcome(outcome="done")
        )
        return Decision(events=(event,), audit=(_disk_line(state, operation, "removed from"),))
    if refusal is not None:
        ended = Outcome(outcome="rolled_back", reason=str(refusal))
        event = events.VmDisksChanged(at=facts.now, disk_attachments=without, ended=ended)
        audit = line("disk_failed", f"{operation.description} failed: {refusal}", severity="error", vm=state.id)
        return Decision(events=(event,), audit=(audit,), reply=refusal)
    event = events.VmOperationEnded(at=facts.now, ended=Outcome(outcome="done"))
    return Decision(events=(event,), audit=(_disk_line(state, operation, "added to"),), reply=accepted)


def _disk_line(state: VmState, operation: Operation, verb: str) -> Event:
    return line("vm_disk_changed", f"A disk was {verb} VM {state.name}.", vm=state.id, user=operation.user_id)


def _discarded(
    state: VmState, operation: Operation, data: VmRemoveData, refusal: Refusal | None, facts: Facts
) -> Decision:
    if refusal is not None and refusal.code != "not_found":
        return _failed(state, operation, refusal, facts)
    tell = _next_removal(state, data, len(operation.steps))
    if tell is not None:
        further = with_step(operation, state.address, "Remove the next disk", facts.now)
        return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=further),), effects=(tell,))
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="done"))
    return Decision(events=(gone,), audit=(_removed(state, operation),))


def _failed(state: VmState, operation: Operation, refusal: Refusal, facts: Facts) -> Decision:
    ended = Outcome(outcome="failed", reason=str(refusal))
    event: events.VmEvent = (
        events.VmCreated(at=facts.now, ended=ended)
        if state.status == "image_locked"
        else events.VmOperationEnded(at=facts.now, ended=ended)
    )
    audit = line("vm_operation_failed", f"{operation.description} failed: {refusal}", severity="error", vm=state.id)
    return Decision(events=(event,), audit=(audit,))
