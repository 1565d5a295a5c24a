"""Hands each message to the file that decides it: command, answer, outcome, signal, timer. It must not hold a rule."""

from __future__ import annotations

import attrs

from actors.entity.checks import invalid, not_found
from actors.entity.decision import Decision, ToNode, refuse
from actors.entity.messages import CommandRequest, TimerFired, Wake
from actors.host import signals
from actors.kernel.envelope import Answer
from actors.operations.operation import current_step
from actors.placement.messages import Placed
from actors.reservations.messages import Reserved
from actors.storage.messages import DiskRecorded
from actors.vm import add, attach, disk_answers, nics, observe, power, power_done, start, update
from actors.vm.claims import released
from actors.vm.facts import VmDecisionFacts, not_legal
from actors.vm.remove import remove
from actors.vm.resend import resend
from actors.vm.state import VmState
from actors.vm.ticket import ticket, ticket_done
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node_messages import ForgetSteps, GuestReport, GuestSilent, StepDone

COMMANDS = {
    commands.UpdateVm: update.update,
    commands.RemoveVm: remove,
    commands.ShutdownVm: power.shutdown,
    commands.StopVm: power.stop,
    commands.RebootVm: power.reboot,
    commands.ResetVm: power.reset,
    commands.SuspendVm: power.suspend,
    commands.PauseVm: power.pause,
    commands.ResumeVm: power.resume,
    commands.SetVmTicket: ticket,
    commands.AddNic: nics.change,
    commands.UpdateNic: nics.change,
    commands.RemoveNic: nics.change,
    commands.AddDiskAttachment: attach.attach,
    commands.UpdateDiskAttachment: attach.update,
    commands.RemoveDiskAttachment: attach.detach,
}


def decide(vm_id: str, state: VmState | None, message: Message, facts: VmDecisionFacts) -> Decision:
    """What follows from `message` in `state`."""
    match message:
        case CommandRequest():
            return dry(command(vm_id, state, message, facts), message)
        case Answer(token=token, body=body):
            return answer(vm_id, state, token, body, facts)
    if state is None:
        return Decision()
    match message:
        case StepDone():
            return step_done(state, message, facts)
        case signals.DomainSeen():
            return observe.domain_seen(state, message, facts)
        case signals.HostReturned():
            return observe.host_returned(state, message, facts)
        case signals.HostLost():
            return observe.host_lost(state, message, facts)
        case signals.HostConfirmedDown():
            return observe.host_confirmed_down(state, message, facts)
        case GuestReport():
            return observe.guest_report(state, message, facts)
        case GuestSilent():
            return observe.guest_silent(state, message, facts)
        case DiskRecorded():
            return disk_answers.recorded(state, message)
        case TimerFired(name="guest_up"):
            return start.guest_up(state, facts)
        case TimerFired(name=("shutdown" | "reboot") as kind):
            return power_done.timed_out(state, kind, facts)
        case TimerFired(name="resend") if power.works_elsewhere(state):
            return Decision(effects=(*resend(state).effects, power.resend_timer()))
        case Wake():
            return resend(state)
    return Decision()


def command(vm_id: str, state: VmState | None, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """A user's command."""
    wanted = request.command
    if isinstance(wanted, commands.AddVm):
        if state is not None:
            return Decision(reply=Accepted(kind="vm", id=vm_id, command_id=request.command_id))
        return add.add(vm_id, request, facts)
    if state is None:
        return refuse(not_found("vm", vm_id))
    if isinstance(wanted, commands.StartVm):
        if state.status == "paused":
            return power.resume(state, request, facts)
        return start.command(state, request, facts)
    decider = COMMANDS.get(type(wanted))
    if decider is None:
        return refuse(invalid("command", f"A VM does not understand {type(wanted).__name__}."))
    return decider(state, request, facts)


def dry(decision: Decision, request: CommandRequest) -> Decision:
    """With `dry_run` nothing happens; the refusal, or that it would be accepted, is the answer."""
    if not request.dry_run or isinstance(decision.reply, Refusal):
        return decision
    if isinstance(decision.reply, Accepted):
        return Decision(reply=attrs.evolve(decision.reply, job_id=""))
    return Decision(reply=Accepted(kind="vm", id=request.command.id))  # type: ignore[attr-defined]


def answer(vm_id: str, state: VmState | None, token: str, body: Message, facts: VmDecisionFacts) -> Decision:
    """Another actor answered what this one asked."""
    what, _, about = token.partition(":")
    if what == "disk" and state is not None:
        return disk_answers.answered(state, about, body, facts)
    request = facts.pending
    if request is None or request.command_id != about:
        return Decision()
    if not isinstance(body, Placed | Reserved | Refusal):
        return Decision()
    if isinstance(request.command, commands.AddVm):
        assert isinstance(body, Reserved | Refusal)
        return add.reserved(vm_id, request, body, facts)
    if state is None:
        return refuse(not_found("vm", vm_id))
    if what == "place":
        assert isinstance(body, Placed | Refusal)
        return start.placed(state, request, body, facts)
    if state.operation is not None:
        late = refuse(not_legal(state, "change", "without a running operation"))
        return released(late, request) if isinstance(body, Reserved) else late
    if isinstance(request.command, commands.UpdateVm):
        return update.reserved(state, request, body, facts)
    return nics.reserved(state, request, body, facts)


def step_done(state: VmState, outcome: StepDone, facts: VmDecisionFacts) -> Decision:
    """A node's outcome; one that nobody waits for any more is only acknowledged."""
    if ":ticket:" in outcome.step_id:
        return ticket_done(state, outcome)
    operation = state.operation
    step = current_step(operation) if operation is not None else None
    if operation is None or step is None or step.id != outcome.step_id:
        host_id = _host_of(outcome.step_id, facts)
        forget = ForgetSteps(epoch=0, step_ids=(outcome.step_id,))
        return Decision(effects=(ToNode(host_id=host_id, message=forget),)) if host_id else Decision()
    if operation.kind in ("start", "restore"):
        return start.done(state, outcome, facts)
    return power_done.done(state, outcome, facts)


def _host_of(step_id: str, facts: VmDecisionFacts) -> str:
    """Where a step ran whose operation is over, by its job; steps without an operation bear it in their name."""
    _, operation, *rest = step_id.split(":")
    if operation in ("stray", "saved"):
        return rest[0]
    job = facts.rows.document("job", operation)
    step = next((step for step in (job.steps or ()) if str(step.number) == rest[0]), None) if job and rest else None
    return (step.execution_host.id if step is not None and step.execution_host else None) or ""
