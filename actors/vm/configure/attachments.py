"""A VM's disk attachments as configuration: a new one in a free slot, and changes of one of a VM that is down."""

from __future__ import annotations

import attrs

from actors.entity.checks import values
from actors.entity.decision import Decision, accept, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy, not_legal
from actors.vm.facts import VmDecisionFacts
from actors.vm.slots import free_slot
from actors.vm.state import VmState
from protocol import limits
from protocol.document import Ref, id_of
from protocol.errors import Conflict, Refusal
from protocol.live.engine import Accepted
from protocol.merge import given, writable
from protocol.refusals import invalid, not_found
from protocol.storage.model import Disk, DiskAttachment
from protocol.vm import events
from protocol.vm.commands import UpdateDiskAttachment

COLD = "Shut it down first; hot plug is not part of this release."


def update(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Interface, bootable, active, read-only: legal while the VM is down and no operation runs."""
    command = request.command
    assert isinstance(command, UpdateDiskAttachment)
    assert isinstance(command.document, DiskAttachment)
    refusal = unchangeable(state, "change a disk of") or values(command.document) or unknown(state, command.id)
    if refusal:
        return refuse(refusal)
    if _changes_disk(command.document, facts):
        remedy = f"Change the disk itself: PUT /disks/{command.id}."
        return refuse(invalid("disk", "An attachment does not change its disk.", remedy))
    attachments = state.vm.disk_attachments or ()
    if command.document.bootable and any(each.bootable for each in attachments if each.id != command.id):
        return refuse(_boots_already(state))
    wanted = {
        name: value
        for name in ("interface", "bootable", "active", "read_only", "pass_discard")
        if (value := getattr(command.document, name)) is not None
    }
    changed = tuple(attrs.evolve(each, **wanted) if each.id == command.id else each for each in attachments)
    accepted = Accepted(kind="disk_attachment", id=command.id, command_id=request.command_id)
    event = events.VmDisksChanged(at=facts.now, disk_attachments=changed)
    disk = facts.rows.name_of("disk", command.id)
    said = line_by(request.principal, "vm_disk_updated", vm=state.id, name=state.name, disk_name=disk)
    return accept(accepted, Decision(events=(event,), audit=(said,)))


def _changes_disk(document: DiskAttachment, facts: VmDecisionFacts) -> bool:
    """Whether the disk within is set otherwise than it is; clients send back what they got."""
    sent = writable(document.disk) if document.disk is not None else Disk()
    disk = facts.rows.get(Disk, sent.id or id_of(document)) or Disk()
    return any(value != getattr(disk, name) for name, _, value in given(sent) if name not in ("id", "bootable"))


def unchangeable(state: VmState, verb: str, remedy: str = "") -> Refusal | None:
    """Why the disks of the VM cannot change now."""
    if refusal := busy(state, verb):
        return refusal
    return None if state.status == "down" else not_legal(state, verb, "down", remedy)


def unknown(state: VmState, disk_id: str) -> Refusal | None:
    if any(attachment.id == disk_id for attachment in state.vm.disk_attachments or ()):
        return None
    return not_found("disk_attachment", disk_id, within=f"VM {state.name}")


def added(state: VmState, document: DiskAttachment, disk_id: str) -> DiskAttachment | Refusal:
    """The attachment of a disk in a free slot; one bootable disk is enough."""
    others = state.vm.disk_attachments or ()
    if document.bootable and any(other.bootable for other in others):
        return _boots_already(state)
    slot = free_slot((other.slot for other in others), limits.vm_disks_max)
    if slot is None:
        reason = f"A VM has at most {limits.vm_disks_max} disks."
        return Conflict(reason, remedy="Detach another one first.", field="disk").refusal
    return DiskAttachment(
        id=disk_id,
        disk=Disk(id=disk_id),
        active=document.active is not False,
        bootable=bool(document.bootable),
        interface=document.interface or "virtio",
        read_only=bool(document.read_only),
        pass_discard=document.pass_discard,
        vm=Ref(id=state.id),
        slot=slot,
    )


def without(state: VmState, disk_id: str) -> tuple[DiskAttachment, ...]:
    return tuple(attachment for attachment in state.vm.disk_attachments or () if attachment.id != disk_id)


def _boots_already(state: VmState) -> Refusal:
    reason = f"VM {state.name} has a bootable disk already."
    remedy = "Leave bootable out, or take it from the other disk first."
    return Conflict(reason, remedy=remedy, entity=state.address, field="bootable").refusal
