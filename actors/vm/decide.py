"""Hands each message to the file that decides it: command, answer, outcome, signal, timer."""

from __future__ import annotations

from typing import Final

from actors.entity import host_signals as signals
from actors.entity.commanded import commanded
from actors.entity.decision import NOTHING, Decision, joined, refuse
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation_record import (
    RETRY,
    CommandRecord,
    record_of,
    sent_again,
    step_answered,
    step_declined,
    step_ended,
)
from actors.entity.refusals import not_legal
from actors.kernel.envelope import Answer
from actors.reservations.messages import Reserved
from actors.storage.messages import DiskRecorded
from actors.vm import copies, observe, side_steps
from actors.vm.configure import attachments, nics, ticket, update
from actors.vm.facts import GUEST_UP, VmDecisionFacts, guest_up_timer
from actors.vm.operations import OPERATIONS, add, attach_disk
from actors.vm.state import VmState
from protocol.errors import Refusal
from protocol.message import Message
from protocol.refusals import not_found
from protocol.vm import commands

VmCommand = CommandRecord[VmState, VmDecisionFacts]

CHANGES: Final = (
    VmCommand(begun_by=commands.UpdateVm, request=update.update, answered=update.reserved),
    VmCommand(begun_by=commands.SetVmTicket, request=ticket.ticket),
    VmCommand(begun_by=commands.AddNic, request=nics.change, answered=nics.reserved),
    VmCommand(begun_by=commands.UpdateNic, request=nics.change, answered=nics.reserved),
    VmCommand(begun_by=commands.RemoveNic, request=nics.change),
    VmCommand(begun_by=commands.ActivateNic, request=nics.plug),
    VmCommand(begun_by=commands.DeactivateNic, request=nics.plug),
    VmCommand(begun_by=commands.KeepVmRun, request=copies.keep),
    VmCommand(begun_by=commands.DisregardVmRun, request=copies.disregard),
    VmCommand(begun_by=commands.UpdateDiskAttachment, request=attachments.update),
)
"""What is decided at once, without an operation."""


def decide(vm_id: str, state: VmState | None, message: Message, facts: VmDecisionFacts) -> Decision:
    """`state` is None while there is no such VM; then late news of it is nothing. Raises `NotImplementedError` for a
    message that is not a VM's: a bug, and shown as one."""
    match message:
        case CommandRequest():
            return command(vm_id, state, message, facts)
        case Answer(token=token, body=body):
            return answer(vm_id, state, token, body, facts)
    if state is None:
        return NOTHING
    match message:
        case signals.StepOutcome():
            return outcome(state, message, facts)
        case signals.StepDeclined(step=step, host_id=host_id):
            return step_declined(state, step, host_id)
        case signals.DomainSeen():
            return observe.domain_seen(state, message, facts)
        case signals.HostReturned():
            return observe.host_returned(state, message, facts)
        case signals.HostLost():
            return observe.host_lost(state, message, facts)
        case signals.HostConfirmedDown():
            return observe.host_confirmed_down(state, message, facts)
        case signals.GuestHeard():
            return observe.guest_report(state, message, facts)
        case signals.GuestLost():
            return observe.guest_silent(state, message, facts)
        case DiskRecorded():
            return attach_disk.recorded(state, message)
        case TimerFired(name=name):
            return timer(state, name, facts)
        case signals.StepAdvanced():
            return NOTHING
    raise NotImplementedError(f"vm/{vm_id} got {type(message).__name__}")


def command(vm_id: str, state: VmState | None, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """A user's command."""
    if isinstance(request.command, commands.AddVm):
        return add.request(vm_id, request, facts) if state is None else add.again(state, request)
    return commanded(f"vm/{vm_id}", OPERATIONS, CHANGES, state, request, facts)


def answer(vm_id: str, state: VmState | None, token: str, body: Message, facts: VmDecisionFacts) -> Decision:
    """Another actor answered: what a command waits for, or the step under way."""
    request = facts.pending
    if request is None:
        return step_answered(OPERATIONS, state, token, body, facts)
    if isinstance(request.command, commands.AddVm):
        assert isinstance(body, Reserved | Refusal)
        return add.claimed(vm_id, request, body, facts) if state is None else add.again(state, request)
    if state is None:
        return refuse(not_found("vm", vm_id))
    if record := record_of(OPERATIONS.values(), request.command):
        return record.answered(state, request, body, facts)
    if state.operation is not None:
        return refuse(not_legal(state, "change", "without a running operation", "Wait until it has ended."))
    change = record_of(CHANGES, request.command)
    assert change is not None
    return change.answered(state, request, body, facts)


def outcome(state: VmState, message: signals.StepOutcome, facts: VmDecisionFacts) -> Decision:
    """A node's outcome of a step of the operation, or beside it."""
    step, result, host_id = message.step, message.result, message.host_id
    beside = side_steps.ended(state, step, result, facts) if host_id == step.host else None
    if beside is not None and side_steps.has_ended(state, step, side_steps.STRAY, result):
        beside = joined(beside, copies.ended_by(state, step, facts))
    return beside or step_ended(OPERATIONS, state, step, result, facts, host_id=host_id)


def timer(state: VmState, name: str, facts: VmDecisionFacts) -> Decision:
    """Time is up: for a guest that boots, or for the operation under way."""
    if name == GUEST_UP:
        return observe.guest_up(state, facts)
    if name == side_steps.TIMER:
        return side_steps.timed_out(state, facts)
    if state.operation is None:
        return NOTHING
    record = OPERATIONS[state.operation.kind]
    if name == state.operation.kind:
        return record.timed_out(state, facts)
    if name == RETRY:
        return Decision(effects=sent_again(OPERATIONS, state))
    if name == "resend":
        return Decision(effects=(*sent_again(OPERATIONS, state), *record.timers(state, facts)))
    return NOTHING


def recovered(state: VmState, facts: VmDecisionFacts) -> Decision:
    """A new incarnation goes on: the step under way and those beside it are sent again, and the timers of transient
    statuses set anew."""
    timers = OPERATIONS[state.operation.kind].timers(state, facts) if state.operation is not None else ()
    if state.status == "powering_up":
        timers = (guest_up_timer(facts), *timers)
    return Decision(effects=(*sent_again(OPERATIONS, state), *side_steps.recovered(state), *timers))
