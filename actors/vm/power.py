"""Shutdown, stop, reboot, reset, pause, resume, suspend: what each is allowed from and what it asks of the node.

Decides; it must not reach the node. What follows from the answer is in `power_done`.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.entity.decision import CancelTimer, Decision, Effect, SetTimer, ToNode, refuse
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, with_step
from actors.vm.facts import VmDecisionFacts, busy, not_legal, what
from actors.vm.state import RUNNING_STATUSES, VmState
from protocol.audit import line
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation
from protocol.model.activity import Event
from protocol.node_messages import (
    Body,
    DestroyDomain,
    NodeCommand,
    PauseDomain,
    RebootDomain,
    RemoveSavedState,
    ResetDomain,
    ResumeDomain,
    SaveDomain,
    ShutdownDomain,
)


def body_of(state: VmState) -> Body | None:
    """What the node is asked in the current step of a power operation: also what is sent again after a crash."""
    assert state.operation is not None
    vm_id = state.id
    match state.operation.kind:
        case "shutdown":
            return ShutdownDomain(vm_id=vm_id, reason=state.stop_reason) if len(state.operation.steps) == 1 else None
        case "stop":
            if state.saved_on and not state.host_id:
                return RemoveSavedState(vm_id=vm_id, storage_domain_id=state.saved_on)
            return DestroyDomain(vm_id=vm_id)
        case "reboot":
            return RebootDomain(vm_id=vm_id) if len(state.operation.steps) == 1 else None
        case "reset":
            return ResetDomain(vm_id=vm_id)
        case "pause":
            return PauseDomain(vm_id=vm_id)
        case "resume":
            return ResumeDomain(vm_id=vm_id)
        case "suspend":
            return SaveDomain(vm_id=vm_id, storage_domain_id=state.saved_on)
    return None


def _begin(
    state: VmState,
    request: CommandRequest,
    kind: str,
    description: str,
    step: str,
    facts: VmDecisionFacts,
    host: str = "",
) -> Operation:
    operation = begin_for(request, kind, description, facts.now, host or state.host_id)
    return with_step(operation, state.address, step, facts.now, host or state.host_id)


def _accept(
    state: VmState,
    request: CommandRequest,
    event: events.VmEvent,
    body: Body,
    audit: tuple[Event, ...] = (),
    *effects: Effect,
) -> Decision:
    assert event.operation is not None
    step = event.operation.steps[-1]
    send = NodeCommand(epoch=0, step_id=step.id, body=body, correlation_id=request.correlation_id)
    return Decision(
        events=(event,),
        audit=audit,
        effects=(ToNode(host_id=step.host_id, message=send), *effects),
        reply=Accepted(kind="vm", id=state.id, job_id=event.operation.id, command_id=request.command_id),
        store_outcome=True,
    )


def shutdown(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    command = request.command
    assert isinstance(command, commands.ShutdownVm)
    if state.operation is not None and state.operation.kind == "shutdown":
        return Decision(
            reply=Accepted(kind="vm", id=state.id, job_id=state.operation.id, command_id=request.command_id)
        )
    if not command.force and (refusal := busy(state, facts, "shut down", over="reboot")):
        return refuse(refusal)
    if state.status not in ("up", "powering_up", "paused", "reboot_in_progress"):
        return refuse(not_legal(state, "shut down", "up", "A VM that does not answer can be stopped."))
    operation = _begin(
        state, request, "shutdown", f"Shutting down VM {state.name}", "Ask the guest to power off", facts
    )
    event = events.VmShutdownRequested(at=facts.now, operation=operation, reason=command.reason)
    given_reason = f" Reason: {command.reason}." if command.reason else ""
    audit = line("vm_shutdown", f"VM {state.name} was asked to shut down.{given_reason}", vm=state.id,
                 host=state.host_id, user=request.principal.user_id)  # fmt: skip
    timers = (CancelTimer(name="reboot"), SetTimer(name="shutdown", seconds=facts.shutdown_timeout_seconds))
    return _accept(state, request, event, ShutdownDomain(vm_id=state.id, reason=command.reason), (audit,), *timers)


def stop(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal also while another operation runs: that one ends as failed, superseded."""
    command = request.command
    assert isinstance(command, commands.StopVm)
    if state.operation is not None and state.operation.kind == "stop":
        return Decision(
            reply=Accepted(kind="vm", id=state.id, job_id=state.operation.id, command_id=request.command_id)
        )
    if facts.pending is not None or (state.operation is not None and state.status not in RUNNING_STATUSES):
        refusal = busy(state, facts, "stop")
        assert refusal is not None
        return refuse(refusal)
    description = f"Stopping VM {state.name}"
    if state.status == "suspended":
        storage_domain = facts.rows.document("storage_domain", state.saved_on)
        host = storage_domain.host.id if storage_domain is not None and storage_domain.host is not None else ""
        operation = _begin(state, request, "stop", description, "Discard the saved memory", facts, host)
        event = events.VmStopRequested(at=facts.now, operation=operation, reason=command.reason)
        body = RemoveSavedState(vm_id=state.id, storage_domain_id=state.saved_on)
        return _accept(state, request, event, body, (), resend_timer())
    if state.status not in RUNNING_STATUSES:
        return refuse(not_legal(state, "stop", "running or suspended"))
    operation = _begin(state, request, "stop", description, "End QEMU", facts)
    event = events.VmStopRequested(at=facts.now, operation=operation, reason=command.reason)
    given_reason = f" Reason: {command.reason}." if command.reason else ""
    text = f"VM {state.name} is powered off by {request.principal.name}.{given_reason}"
    audit = line("vm_stopped", text, vm=state.id, host=state.host_id, user=request.principal.user_id)
    over = (CancelTimer(name="shutdown"), CancelTimer(name="reboot"))
    return _accept(state, request, event, DestroyDomain(vm_id=state.id), (audit,), *over)


RESEND_SECONDS = 10.0


def resend_timer() -> SetTimer:
    """For a step on a host where the VM is not: that host's return is told to its own VMs only."""
    return SetTimer(name="resend", seconds=RESEND_SECONDS)


def works_elsewhere(state: VmState) -> bool:
    """The memory of a suspended VM is being discarded on the host that keeps it."""
    return state.operation is not None and state.operation.kind == "stop" and not state.host_id


Maker = Callable[..., events.VmEvent]


def _simple(
    state: VmState,
    request: CommandRequest,
    facts: VmDecisionFacts,
    kind: str,
    legal: tuple[str, ...],
    made: Maker,
    body: Body,
    text: str,
    over: str = "",
) -> Decision:
    refusal = busy(state, facts, kind, over=over)
    if refusal:
        return refuse(refusal)
    if state.status not in legal:
        return refuse(not_legal(state, kind, " or ".join(legal)))
    operation = _begin(state, request, kind, text, text, facts)
    # The time that a reboot had, whose place this takes, would end the next one.
    timers = (CancelTimer(name=over),) if over else ()
    return _accept(state, request, made(at=facts.now, operation=operation), body, (), *timers)


def reboot(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    legal = ("up", "powering_up", "reboot_in_progress")
    body = RebootDomain(vm_id=state.id)
    return _simple(state, request, facts, "reboot", legal, events.VmRebootRequested, body, f"Rebooting VM {state.name}")


def reset(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    legal = ("up", "powering_up", "paused", "reboot_in_progress")
    body = ResetDomain(vm_id=state.id)
    text = f"Resetting VM {state.name}"
    return _simple(state, request, facts, "reset", legal, events.VmResetRequested, body, text, over="reboot")


def pause(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    body = PauseDomain(vm_id=state.id)
    legal = ("up", "powering_up")
    return _simple(state, request, facts, "pause", legal, events.VmPauseRequested, body, f"Pausing VM {state.name}")


def resume(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    body = ResumeDomain(vm_id=state.id)
    return _simple(
        state, request, facts, "resume", ("paused",), events.VmResumeRequested, body, f"Resuming VM {state.name}"
    )


def suspend(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    refusal = busy(state, facts, "suspend")
    if refusal:
        return refuse(refusal)
    if state.status != "up":
        return refuse(not_legal(state, "suspend", "up"))
    target = _where_to_save(state, facts)
    if not target:
        return refuse(
            Refusal(
                code="conflict",
                reason=f"Cannot suspend {what(state)}: its host has no active storage domain to keep the memory on.",
                remedy="Add a storage domain on that host, or shut the VM down.",
                entity=state.address,
            )
        )
    operation = _begin(state, request, "suspend", f"Suspending VM {state.name}", "Save memory to the storage", facts)
    event = events.VmSuspendRequested(at=facts.now, operation=operation, storage_domain_id=target)
    return _accept(state, request, event, SaveDomain(vm_id=state.id, storage_domain_id=target))


def _where_to_save(state: VmState, facts: VmDecisionFacts) -> str:
    for id in facts.rows.referring("storage_domain", "host", state.host_id):
        storage_domain = facts.rows.document("storage_domain", id)
        if storage_domain is not None and storage_domain.status == "active":
            return id
    return ""
