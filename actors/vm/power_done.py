"""How a power operation goes on and ends: by the node's outcome, by what is seen of the domain, or by its timer.

Decides; it must not reach the node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from actors.entity.decision import CancelTimer, Decision, Effect, SetTimer, ToNode
from actors.operations.operation import with_step
from actors.vm.facts import VmDecisionFacts
from actors.vm.power import works_elsewhere
from actors.vm.state import VmState
from protocol.audit import line
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.node_messages import ForgetSteps, NodeCommand, RemoveSavedState, ReportNow, StepDone


@attrs.frozen(kw_only=True)
class Wait:
    """What a guest does by itself after it was asked. `ignored` is what happens when it does not in time."""

    status: str
    step: str
    missed: str
    ignored: Callable[..., events.VmEvent]
    remedy: str


WAITS: Final = {
    "shutdown": Wait(
        status="powering_down", step="Wait for the guest to power off", missed="did not power off",
        ignored=events.VmShutdownIgnored, remedy="It can be stopped.",
    ),
    "reboot": Wait(
        status="reboot_in_progress", step="Wait for the guest to start over", missed="was not seen to start over",
        ignored=events.VmRebootIgnored, remedy="It can be reset.",
    ),
}  # fmt: skip
"""Operations that the guest itself ends."""


def is_waiting_for_guest(state: VmState) -> bool:
    """Whether the guest is asked for something that it has not done yet."""
    return state.operation is not None and state.operation.kind in WAITS


def waiting_status(state: VmState) -> str:
    """The status of a VM whose guest is asked for something."""
    assert state.operation is not None
    return WAITS[state.operation.kind].status


def waiting_timer(state: VmState, facts: VmDecisionFacts) -> SetTimer:
    """How long the guest has."""
    assert state.operation is not None
    return SetTimer(name=state.operation.kind, seconds=facts.shutdown_timeout_seconds)


def guest_up_timer(facts: VmDecisionFacts) -> SetTimer:
    """How long a guest that boots may take to answer before it counts as up."""
    return SetTimer(name="guest_up", seconds=facts.guest_up_timeout_seconds)


def done(state: VmState, outcome: StepDone, facts: VmDecisionFacts) -> Decision:
    """The node's outcome of a power operation's step."""
    operation = state.operation
    assert operation is not None
    step = operation.steps[-1]
    forget = ToNode(host_id=step.host_id, message=ForgetSteps(epoch=0, step_ids=(outcome.step_id,)))
    if outcome.failed is not None:
        return _failed(state, operation, outcome.failed, forget, facts)
    ended = Outcome(outcome="done")

    def happened(what_: str, text: str, *made: events.VmEvent, also: tuple[Effect, ...] = ()) -> Decision:
        audit = (line(what_, text, vm=state.id, host=step.host_id, user=operation.user_id),)
        return Decision(events=made, audit=audit, effects=(forget, *also))

    match operation.kind:
        case "shutdown" | "reboot":
            waiting = with_step(operation, state.address, WAITS[operation.kind].step, facts.now, state.host_id)
            progressed = events.VmOperationProgressed(at=facts.now, operation=waiting)
            next_: Effect = look_again(state) if state.status == "unknown" else waiting_timer(state, facts)
            return Decision(events=(progressed,), effects=(forget, next_))
        case "stop":
            gone = events.VmWentDown(at=facts.now, cause="destroyed", reason=state.stop_reason, ended=ended)
            also = (CancelTimer(name="guest_up"), *discarded_memory(state))
            return happened("vm_down", f"VM {state.name} is down.", gone, also=also)
        case "reset":
            over = events.VmRebooted(at=facts.now, ended=ended)
            return happened("vm_reset", f"VM {state.name} was reset.", over, also=(guest_up_timer(facts),))
        case "pause":
            return happened("vm_paused", f"VM {state.name} is paused.", events.VmPaused(at=facts.now, ended=ended))
        case "resume":
            return happened("vm_resumed", f"VM {state.name} goes on.", events.VmResumed(at=facts.now, ended=ended))
        case "suspend":
            return happened(
                "vm_suspended", f"VM {state.name} is suspended.", events.VmSuspended(at=facts.now, ended=ended)
            )
    raise AssertionError(f"no power operation: {operation.kind}")


def discarded_memory(state: VmState) -> tuple[Effect, ...]:
    """A VM that goes down in the middle of a suspend or a resume leaves a file that nobody will read."""
    if not state.saved_on or not state.host_id or state.operation is None:
        return ()
    step = f"{state.address}:saved:{state.host_id}:{state.operation.id}"
    body = RemoveSavedState(vm_id=state.id, storage_domain_id=state.saved_on)
    return (ToNode(host_id=state.host_id, message=NodeCommand(epoch=0, step_id=step, body=body)),)


def look_again(state: VmState) -> ToNode:
    """Has the host say what runs there: an operation that failed does not tell what it left, and a VM that became
    unknown meanwhile is seen again by a report alone."""
    return ToNode(host_id=state.host_id, message=ReportNow(epoch=0))


def _failed(state: VmState, operation: Operation, refusal: Refusal, forget: Effect, facts: VmDecisionFacts) -> Decision:
    reason = str(refusal)
    ended = Outcome(outcome="failed", reason=reason)
    event: events.VmEvent
    effects: tuple[Effect, ...] = (forget, look_again(state))
    match operation.kind:
        case "shutdown" if state.status in ("powering_down", "unknown"):
            event = events.VmShutdownIgnored(at=facts.now, ended=ended)
        case "suspend":
            event = events.VmSuspendFailed(at=facts.now, reason=reason, ended=ended)
        case "reboot" | "reset" if state.status in ("reboot_in_progress", "unknown"):
            event = events.VmRebootIgnored(at=facts.now, ended=ended)
        case "stop" if works_elsewhere(state):  # its memory is still there
            event, effects = events.VmSuspended(at=facts.now, ended=ended), (forget,)
        case "stop" if state.status == "powering_down":
            event = events.VmShutdownIgnored(at=facts.now, ended=ended)
        case _:
            event = events.VmOperationEnded(at=facts.now, ended=ended)
    audit = line("vm_operation_failed", f"{operation.description} failed: {reason}", severity="error", vm=state.id,
                 host=state.host_id)  # fmt: skip
    return Decision(events=(event,), audit=(audit,), effects=effects)


def started_over(state: VmState, facts: VmDecisionFacts) -> Decision:
    """The guest runs its firmware anew: asked by an operation, or by somebody inside."""
    operation = state.operation
    if operation is None and state.status == "up":
        over = events.VmRebooted(at=facts.now)
        audit = line("vm_rebooted", f"VM {state.name} was rebooted from inside.", vm=state.id, host=state.host_id)
        return Decision(events=(over,), audit=(audit,), effects=(guest_up_timer(facts),))
    if operation is None or operation.kind != "reboot" or state.status not in ("reboot_in_progress", "unknown"):
        return Decision()
    return Decision(
        events=(events.VmRebooted(at=facts.now, ended=Outcome(outcome="done")),),
        audit=(line("vm_rebooted", f"VM {state.name} was rebooted.", vm=state.id, host=state.host_id,
                    user=operation.user_id),),
        effects=(CancelTimer(name="reboot"), guest_up_timer(facts)),
    )  # fmt: skip


def timed_out(state: VmState, kind: str, facts: VmDecisionFacts) -> Decision:
    """The guest did not do in time what it was asked: the VM is up again as far as we are concerned."""
    wait = WAITS[kind]
    if state.operation is None or state.operation.kind != kind or state.status != wait.status:
        return Decision()
    reason = f"The guest {wait.missed} within {facts.shutdown_timeout_seconds:g} s."
    code = "vm_shutdown_ignored" if kind == "shutdown" else "vm_reboot_ignored"
    text = f"VM {state.name} ignored the {kind} request. {reason} {wait.remedy}"
    return Decision(
        events=(wait.ignored(at=facts.now, ended=Outcome(outcome="failed", reason=reason)),),
        audit=(line(code, text, severity="warning", vm=state.id, host=state.host_id),),
        effects=(look_again(state),),
    )
