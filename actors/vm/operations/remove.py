"""Operation *remove*: the VM goes with its disks, one after the other.

the disks, each removed or detached -> gone
a disk that cannot go -> down, with what is left
"""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import with_step
from actors.entity.refusals import busy, not_legal
from actors.vm import copies
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.disk_steps import VmRemoveData, begin_on_disks, failed_where_it_is, sends_removal
from actors.vm.operations.record import DONE, VmOperation, progressed, requested
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Operation
from protocol.document import id_of
from protocol.errors import NotFound, Refusal
from protocol.message import Message
from protocol.refusals import protected
from protocol.storage.model import Disk
from protocol.vm import events
from protocol.vm.commands import RemoveVm

KIND = "remove"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down and not delete protected."""
    assert isinstance(request.command, RemoveVm)
    if refusal := _refusal(state) or copies.hindrance(state, "remove", facts):
        return refuse(refusal)
    operation = begin_on_disks(state, request, KIND, f"Removing VM {state.name}", facts)
    operation = attrs.evolve(operation, data=_what_goes(state, request.command, facts))
    event = events.VmRemoveRequested(at=facts.now, operation=operation)
    decision = requested(REMOVE, state, request, event)
    if decision.effects:
        return decision
    gone = events.VmRemoved(at=facts.now, ended=DONE)
    return attrs.evolve(decision, events=(event, gone), audit=(_removed(state, operation),))


def _refusal(state: VmState) -> Refusal | None:
    if refusal := busy(state, "remove"):
        return refusal
    if state.status != "down":
        return not_legal(state, "remove", "down", "Stop it first.")
    if state.vm.delete_protected:
        return protected("vm", state.id, state.name)
    return None


def _what_goes(state: VmState, command: RemoveVm, facts: VmDecisionFacts) -> VmRemoveData:
    discard: list[str] = []
    detach: list[str] = []
    for attachment in state.vm.disk_attachments or ():
        disk = facts.rows.get(Disk, attachment.id)
        keep = command.detach_only or (disk is not None and disk.shareable)
        (detach if keep else discard).append(id_of(attachment))
    return VmRemoveData(discard=tuple(discard), detach=tuple(detach))


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    """A disk is gone or detached: the next one, or the VM is gone."""
    assert state.operation is not None
    further = with_step(state.operation, state.address, "Removing the next disk", facts.now)
    decision = progressed(REMOVE, state, further, facts)
    if decision.effects:
        return decision
    gone = events.VmRemoved(at=facts.now, ended=DONE)
    return Decision(events=(gone,), audit=(_removed(state, state.operation),))


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """A disk that is gone already is as good as removed."""
    if refusal.code == NotFound.code:
        return done(state, refusal, facts)
    said = line("vm_remove_failed", vm=state.id, name=state.name, reason=str(refusal))
    return failed_where_it_is(state, refusal, said, facts)


def _removed(state: VmState, operation: Operation) -> Event:
    return line("vm_removed", vm=state.id, user=operation.user_id, name=state.name)


REMOVE = VmOperation(kind=KIND, begun_by=RemoveVm, request=request, sends=sends_removal, done=done, failed=failed)
