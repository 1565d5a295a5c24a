"""The disks of a VM made from a template: what they are, and one after the other made, or all taken back.

Decides; it must not perform.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, Tell
from actors.entity.messages import CommandRequest
from actors.operations.operation import with_step
from actors.storage.messages import ProvideDisk
from actors.vm.disk_step import VmAddData, VmRemoveData, ask
from actors.vm.facts import VmDecisionFacts
from actors.vm.ids_and_slots import child_id
from actors.vm.remove import next_removal
from actors.vm.state import VmState
from protocol.audit import line
from protocol.commands.vm import AddVm
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.model.storage import Disk, DiskAttachment
from protocol.model.types import Ref
from protocol.model.vm import Template, Vm

ROLLBACK: Final = "Remove what was made"


def disks_of(
    vm: Vm, request: CommandRequest, template: Template, facts: VmDecisionFacts
) -> tuple[tuple[DiskAttachment, ...], tuple[ProvideDisk, ...]]:
    """The attachments of a VM made from a template, and what makes their disks."""
    assert isinstance(request.command, AddVm)
    attachments: list[DiskAttachment] = []
    provided: list[ProvideDisk] = []
    for index, source in enumerate(template.disk_attachments or ()):
        origin = facts.rows.document("disk", source.id or "")
        if origin is None:
            continue
        disk = _disk_from(origin, child_id(request.command_id, f"disk{index}"), f"{vm.name}_Disk{index + 1}")
        attachments.append(
            DiskAttachment(
                id=disk.id,
                disk=Disk(id=disk.id),
                active=True,
                bootable=bool(source.bootable),
                interface=source.interface or "virtio",
                read_only=False,
                vm=Ref(id=vm.id),
                slot=index,
            )
        )
        provided.append(
            ProvideDisk(
                disk=disk, operation_id=request.command_id, correlation_id=request.correlation_id,
                user_id=request.principal.user_id, vm_id=vm.id or "", backing_disk_id=origin.id,
                clone=request.command.clone,
            )
        )  # fmt: skip
    return tuple(attachments), tuple(provided)


def _disk_from(origin: Disk, disk_id: str, label: str) -> Disk:
    return Disk(
        id=disk_id,
        name=label,
        alias=label,
        format="cow",
        sparse=True,
        provisioned_size=origin.provisioned_size,
        storage_domain=origin.storage_domain,
        storage_domains=origin.storage_domains,
    )


def provide(message: ProvideDisk) -> Tell:
    """The question to the disk that is to be made."""
    return ask(message.disk.id or "", message)


def current(operation: Operation, data: VmAddData) -> Tell:
    """What the disk under way was asked."""
    return provide(data.disks[len(operation.steps) - 1])


def provided_one(
    state: VmState, operation: Operation, data: VmAddData, refusal: Refusal | None, facts: VmDecisionFacts
) -> Decision:
    """A disk is there: the next one, or the VM is created. A disk that failed takes all of it back."""
    if refusal is not None:
        return _roll_back(state, operation, data, refusal, facts)
    made = len(operation.steps)
    if made == len(data.disks):
        return Decision(events=(events.VmCreated(at=facts.now, ended=Outcome(outcome="done")),))
    after = data.disks[made]
    further = with_step(operation, state.address, f"Create disk {after.disk.name}", facts.now)
    event = events.VmOperationProgressed(at=facts.now, operation=further)
    return Decision(events=(event,), effects=(provide(after),))


def _roll_back(
    state: VmState, operation: Operation, data: VmAddData, refusal: Refusal, facts: VmDecisionFacts
) -> Decision:
    back = with_step(attrs.evolve(operation, rolling_back=str(refusal)), state.address, ROLLBACK, facts.now)
    back = attrs.evolve(back, data=VmRemoveData(discard=tuple(d.disk.id or "" for d in data.disks), detach=()))
    tell = next_rollback(state, back)
    assert tell is not None
    return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=back),), effects=(tell,))


def next_rollback(state: VmState, operation: Operation) -> Tell | None:
    """Which disk is removed in the step under way; None when none is left."""
    assert isinstance(operation.data, VmRemoveData)
    begun = next(i for i, step in enumerate(operation.steps) if step.description == ROLLBACK)
    return next_removal(state, operation, operation.data, len(operation.steps) - 1 - begun)


def rolled_back_one(state: VmState, operation: Operation, refusal: Refusal | None, facts: VmDecisionFacts) -> Decision:
    """One disk of a failed *add* is gone: the next one, or the VM is."""
    further = with_step(operation, state.address, "Remove the next disk", facts.now)
    tell = next_rollback(state, further)
    if tell is not None:
        return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=further),), effects=(tell,))
    reason = operation.rolling_back
    if refusal is not None and refusal.code != "not_found":
        reason += f" What was made could not be removed: {refusal}"
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="rolled_back", reason=reason))
    audit = line("vm_add_failed", f"Failed to create VM {state.name}: {reason}", severity="error", vm=state.id)
    return Decision(events=(gone,), audit=(audit,))
