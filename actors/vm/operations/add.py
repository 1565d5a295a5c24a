"""Operation *add*: a VM comes to be, with a name and MAC addresses of its own and the disks of its template.

claim -> the disks, one after the other -> down
                                        -> one cannot be made, or it is cancelled -> remove those that were
                                           -> gone, rolled back
"""

from __future__ import annotations

import attrs

from actors.entity.cancel import cancelled_by
from actors.entity.decision import Decision, accept, joined, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, finish_steps, with_step
from actors.entity.operation_record import Ask, with_step_sent
from actors.reservations.messages import Reserved
from actors.storage.messages import ProvideDisk
from actors.vm.configure.claims import claim
from actors.vm.configure.new_vm import complete, template_of
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts, accepted_as
from actors.vm.operations.disk_steps import VmAddData, VmRemoveData, ask_disk, sends_removal
from actors.vm.operations.record import DONE, VmOperation, progressed
from actors.vm.operations.template_disks import disks_of
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Operation, Outcome
from protocol.document import id_of
from protocol.errors import NotFound, Refusal
from protocol.live.engine import Accepted
from protocol.message import Message
from protocol.network.model import Mac
from protocol.template.model import Template
from protocol.vm import events
from protocol.vm.model import Vm

KIND = "add"


def request(vm_id: str, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Always legal: checks the document and asks for its name and MAC addresses; the answer decides."""
    vm = complete(vm_id, request, facts)
    if isinstance(vm, Refusal):
        return refuse(vm)
    macs = tuple((nic.mac.address if nic.mac else "") or "" for nic in vm.nics or ())
    return claim(request, vm_id, name=vm.name or "", macs=macs)


def again(state: VmState | None, request: CommandRequest) -> Decision:
    """The VM is there already: the command that added it came again."""
    assert state is not None
    return Decision(reply=accepted_as(state, request))


def claimed(vm_id: str, request: CommandRequest, answer: Reserved | Refusal, facts: VmDecisionFacts) -> Decision:
    """Name and MAC addresses are held: the VM becomes durable, and its template's disks are made."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    vm = complete(vm_id, request, facts)
    if isinstance(vm, Refusal):
        return refuse(vm)
    template = template_of(vm, facts)
    assert isinstance(template, Template)
    attachments, provided = disks_of(vm, request, template, facts)
    nics = (attrs.evolve(nic, mac=Mac(address=mac)) for nic, mac in zip(vm.nics or (), answer.macs, strict=True))
    vm = attrs.evolve(vm, nics=tuple(nics), disk_attachments=attachments)
    audit = _said(vm, request, template if provided else None)
    operation = _begin(vm, request, template, provided, facts) if provided else None
    event = events.VmAdded(at=facts.now, vm=vm, operation=operation)
    accepted = Accepted(kind="vm", id=vm_id, command_id=request.command_id, job_id=operation.id if operation else "")
    decision = joined(with_step_sent(ADD, evolve, None, event), Decision(audit=(audit,)))
    return accept(accepted, decision)


def _begin(
    vm: Vm, request: CommandRequest, template: Template, provided: tuple[ProvideDisk, ...], facts: VmDecisionFacts
) -> Operation:
    operation = begin_for(request, KIND, f"Creating VM {vm.name} from template {template.name}", facts.now)
    operation = attrs.evolve(operation, data=VmAddData(disks=provided))
    return with_step(operation, f"vm/{vm.id}", f"Creating disk {provided[0].disk.name}", facts.now)


def _said(vm: Vm, request: CommandRequest, template: Template | None) -> Event:
    """That it was created; with disks to be made from `template`, that this was begun."""
    by, of, name = request.principal, {"vm": id_of(vm), "cluster": id_of(vm.cluster)}, vm.name or ""
    if template is None:
        return line_by(by, "vm_added", **of, name=name)
    return line_by(by, "vm_add_started", **of, name=name, template_name=template.name or "")


def sends(state: VmState) -> Ask | None:
    operation = state.operation
    assert operation is not None
    if operation.rolling_back:
        return sends_removal(state)
    assert isinstance(operation.data, VmAddData)
    message = operation.data.disks[len(operation.steps) - 1]
    return ask_disk(id_of(message.disk), message)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    """A disk is there: the next one, or the VM is created."""
    operation = state.operation
    assert operation is not None
    if operation.rolling_back:
        return _removed_one(state, operation, None, facts)
    assert isinstance(operation.data, VmAddData)
    made = len(operation.steps)
    if made == len(operation.data.disks):
        said = line("vm_add_finished", vm=state.id, user=operation.user_id, name=state.name)
        return Decision(events=(events.VmCreated(at=facts.now, ended=DONE),), audit=(said,))
    text = f"Creating disk {operation.data.disks[made].disk.name}"
    return progressed(ADD, state, with_step(operation, state.address, text, facts.now), facts)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """A disk cannot be made: all that were are taken back."""
    operation = state.operation
    assert operation is not None
    if operation.rolling_back:
        return _removed_one(state, operation, refusal, facts)
    return _turned_round(state, attrs.evolve(operation, rolling_back=str(refusal)), facts)


def cancel(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    assert state.operation is not None
    turned = finish_steps(cancelled_by(state.operation, request), "aborted", facts.now)
    return _turned_round(state, turned, facts)


def _turned_round(state: VmState, operation: Operation, facts: VmDecisionFacts) -> Decision:
    """The disks that were begun go, the last first: it may still be on its way."""
    assert isinstance(operation.data, VmAddData)
    begun = operation.data.disks[: len(operation.steps)]
    going = VmRemoveData(discard=tuple(id_of(each.disk) for each in reversed(begun)), first_step=len(operation.steps))
    back = with_step(attrs.evolve(operation, data=going), state.address, "Removing what was created", facts.now)
    return progressed(ADD, state, back, facts)


def _removed_one(state: VmState, operation: Operation, refusal: Refusal | None, facts: VmDecisionFacts) -> Decision:
    """One disk of a failed *add* is gone: the next one, or the VM is."""
    further = with_step(operation, state.address, "Removing the next disk", facts.now)
    decision = progressed(ADD, state, further, facts)
    if decision.effects:
        return decision
    reason = operation.rolling_back
    if refusal is not None and refusal.code != NotFound.code:
        reason += f" What was created could not be removed: {refusal}"
    gone = events.VmRemoved(at=facts.now, ended=Outcome(outcome="rolled_back", reason=reason))
    if operation.is_unwanted:
        audit = line("vm_add_cancelled", vm=state.id, name=state.name, reason=reason)
    else:
        audit = line("vm_add_failed", vm=state.id, name=state.name, reason=reason)
    return Decision(events=(gone,), audit=(audit,))


ADD = VmOperation(
    kind=KIND,
    sends=sends,
    done=done,
    failed=failed,
    cancel=cancel,
)
