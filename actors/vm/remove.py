"""Removing a VM and, one after the other, its disks. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.checks import invalid
from actors.entity.decision import Decision, Tell, refuse
from actors.entity.messages import CommandRequest
from actors.operations.operation import with_step
from actors.storage.messages import DetachDisk, DiscardDisk
from actors.vm.disk_step import VmRemoveData, ask, begin_on_disks, failed
from actors.vm.facts import VmDecisionFacts, busy, not_legal
from actors.vm.ids_and_slots import child_id
from actors.vm.state import VmState
from protocol.audit import line
from protocol.commands.vm import RemoveVm
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.model.activity import Event


def remove(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down and not delete protected."""
    assert isinstance(request.command, RemoveVm)
    if refusal := _refusal(state, facts):
        return refuse(refusal)
    data = _what_goes(state, request.command, facts)
    operation = attrs.evolve(begin_on_disks(state, request, "remove", f"Removing VM {state.name}", facts), data=data)
    accepted = Accepted(kind="vm", id=state.id, job_id=operation.id, command_id=request.command_id)
    requested = events.VmRemoveRequested(at=facts.now, operation=operation)
    tell = next_removal(state, operation, data, 0)
    if tell is not None:
        return Decision(events=(requested,), effects=(tell,), reply=accepted, store_outcome=True)
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="done"))
    return Decision(events=(requested, gone), audit=(_removed(state, operation),), reply=accepted, store_outcome=True)


def _refusal(state: VmState, facts: VmDecisionFacts) -> Refusal | None:
    if refusal := busy(state, facts, "remove"):
        return refusal
    if state.status != "down":
        return not_legal(state, "remove", "down", "Stop it first.")
    if state.vm.delete_protected:
        reason, remedy = f"VM {state.name} is delete protected.", "Update it with delete_protected false first."
        return invalid("delete_protected", reason, remedy, status=409, code="conflict")
    return None


def _what_goes(state: VmState, command: RemoveVm, facts: VmDecisionFacts) -> VmRemoveData:
    discard: list[str] = []
    detach: list[str] = []
    for attachment in state.vm.disk_attachments or ():
        disk = facts.rows.document("disk", attachment.id or "")
        keep = command.detach_only or (disk is not None and disk.shareable)
        (detach if keep else discard).append(attachment.id or "")
    return VmRemoveData(discard=tuple(discard), detach=tuple(detach))


def next_removal(state: VmState, operation: Operation, data: VmRemoveData, number: int) -> Tell | None:
    """What the disk of that number is asked; None beyond the last one."""
    if number < len(data.discard):
        message = DiscardDisk(
            operation_id=child_id(operation.id, f"discard{number}"),
            vm_id=state.id,
            correlation_id=operation.correlation_id,
        )
        return ask(data.discard[number], message)
    number -= len(data.discard)
    return ask(data.detach[number], DetachDisk(vm_id=state.id)) if number < len(data.detach) else None


def removed_one(
    state: VmState, operation: Operation, data: VmRemoveData, refusal: Refusal | None, facts: VmDecisionFacts
) -> Decision:
    """A disk is gone or detached: the next one, or the VM is gone."""
    if refusal is not None and refusal.code != "not_found":
        return failed(state, operation, refusal, facts)
    tell = next_removal(state, operation, data, len(operation.steps))
    if tell is not None:
        further = with_step(operation, state.address, "Remove the next disk", facts.now)
        return Decision(events=(events.VmOperationProgressed(at=facts.now, operation=further),), effects=(tell,))
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="done"))
    return Decision(events=(gone,), audit=(_removed(state, operation),))


def _removed(state: VmState, operation: Operation) -> Event:
    return line("vm_removed", f"VM {state.name} was removed.", vm=state.id, user=operation.user_id)
