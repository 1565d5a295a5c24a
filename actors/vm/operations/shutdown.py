"""Operation *shutdown*: the guest is asked to power off, and waited for.

ask the guest -> wait for QEMU to end -> down
              -> the guest ignored it, or nobody wants it any more -> up
"""

from __future__ import annotations

from actors.entity.cancel import cancelled_by, rolled_back
from actors.entity.decision import NOTHING, Decision, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy, not_legal
from actors.vm.desired import desired_after_end
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations import guest_wait
from actors.vm.operations.record import (
    VmOperation,
    called_off,
    came_to_nothing,
    failure,
    one_step,
    requested,
    under_way,
)
from actors.vm.run_end import down_as_wanted
from actors.vm.state import VmState
from actors.vm.transitions import CAN_REBOOT
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import ShutdownDomain
from protocol.vm import events
from protocol.vm.commands import ShutdownVm

KIND = "shutdown"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM runs; with `force` also while another operation does, whose place it takes."""
    command = request.command
    assert isinstance(command, ShutdownVm)
    if same := under_way(state, request, KIND):
        return same
    if not command.force and (refusal := busy(state, "shut down", over="reboot")):
        return refuse(refusal)
    if state.status not in CAN_REBOOT | {"paused"}:
        return refuse(not_legal(state, "shut down", "up", "A VM that does not answer can be stopped."))
    operation = one_step(state, request, KIND, f"Shutting down VM {state.name}", "Asking the guest to shut down", facts)
    event = events.VmShutdownRequested(at=facts.now, operation=operation, reason=command.reason, desired="down")
    by, host, why = request.principal, state.host_id, command.reason
    audit = line_by(by, "vm_shutdown", vm=state.id, host=host, name=state.name, reason=why)
    return requested(SHUTDOWN, state, request, event, guest_wait.deadline(KIND, facts), audit=(audit,))


def sends(state: VmState) -> ShutdownDomain | None:
    return ShutdownDomain(vm_id=state.id, reason=state.stop_reason) if guest_wait.is_asking(state) else None


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return guest_wait.asked(SHUTDOWN, state, "Waiting for the guest to shut down", facts)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    wanted = desired_after_end(state, "shutdown_ignored")
    event = events.VmShutdownIgnored(at=facts.now, ended=failure(refusal), desired=wanted)
    return came_to_nothing(state, event, "vm_shutdown_failed", refusal, *called_off(state))


def timed_out(state: VmState, facts: VmDecisionFacts) -> Decision:
    if state.status != "powering_down":
        return NOTHING
    return guest_wait.ignored(
        state,
        events.VmShutdownIgnored,
        "vm_shutdown_ignored",
        "did not shut down",
        facts,
        desired=desired_after_end(state, "shutdown_ignored"),
    )


def cancel(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """The VM is wanted up again. The guest may have been asked already: one that powers off all the same is down by
    itself, for whatever the VM is by then, its host says."""
    assert state.operation is not None
    operation = cancelled_by(state.operation, request)
    kind = events.VmShutdownIgnored if state.status == "powering_down" else events.VmOperationEnded
    wanted = desired_after_end(state, "shutdown_ignored")
    event = kind(at=facts.now, operation=operation, ended=rolled_back(operation), desired=wanted)
    return Decision(events=(event,), effects=called_off(state))


SHUTDOWN = VmOperation(
    kind=KIND,
    begun_by=ShutdownVm,
    request=request,
    sends=sends,
    done=done,
    failed=failed,
    cancel=cancel,
    seen_as="powering_down",
    run_ended=down_as_wanted,
    timed_out=timed_out,
    timers=guest_wait.timers,
)
