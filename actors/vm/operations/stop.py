"""Operation *stop*: QEMU is ended, whatever the guest does; of a suspended VM the saved memory is discarded.

It takes the place of any operation on a running VM, which ends as superseded.
"""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision, SetTimer, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy, not_legal
from actors.vm.desired import desired_after_end
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import (
    DONE,
    VmOperation,
    came_to_nothing,
    failure,
    one_step,
    report_wanted,
    requested,
    under_way,
)
from actors.vm.run_end import down, down_as_wanted
from actors.vm.state import VmState
from actors.vm.transitions import LIVE
from protocol.document import id_of
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import DestroyDomain, RemoveSavedState
from protocol.storage.model import StorageDomain
from protocol.vm import events
from protocol.vm.commands import StopVm

KIND = "stop"
RESEND_SECONDS: Final = 10.0


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal also while another operation runs on a VM that runs: that one ends as failed, superseded."""
    command = request.command
    assert isinstance(command, StopVm)
    if same := under_way(state, request, KIND):
        return same
    if state.status not in LIVE and (refusal := busy(state, "stop")):
        return refuse(refusal)
    if state.status == "suspended":
        return _discard(state, request, command, facts)
    if state.status not in LIVE:
        return refuse(not_legal(state, "stop", "running or suspended"))
    operation = one_step(state, request, KIND, f"Stopping VM {state.name}", "Powering off", facts)
    event = events.VmStopRequested(at=facts.now, operation=operation, reason=command.reason, desired="down")
    by, host, why = request.principal, state.host_id, command.reason
    audit = line_by(by, "vm_stopped", vm=state.id, host=host, name=state.name, reason=why)
    return requested(STOP, state, request, event, audit=(audit,))


def _discard(state: VmState, request: CommandRequest, command: StopVm, facts: VmDecisionFacts) -> Decision:
    storage_domain = facts.rows.get(StorageDomain, state.saved_on)
    host = id_of(storage_domain.host) if storage_domain is not None else ""
    operation = one_step(state, request, KIND, f"Stopping VM {state.name}", "Discarding the saved memory", facts, host)
    event = events.VmStopRequested(at=facts.now, operation=operation, reason=command.reason, desired="down")
    by, why = request.principal, command.reason
    audit = line_by(by, "vm_suspended_stopped", vm=state.id, host=host, name=state.name, reason=why)
    return requested(STOP, state, request, event, _resend_timer(), audit=(audit,))


def _works_elsewhere(state: VmState) -> bool:
    """The memory of a suspended VM is being discarded on the host that keeps it."""
    return not state.host_id


def _resend_timer() -> SetTimer:
    """For a step on a host where the VM is not: the return of that host is reported to its own VMs alone."""
    return SetTimer(name="resend", seconds=RESEND_SECONDS)


def sends(state: VmState) -> DestroyDomain | RemoveSavedState:
    if _works_elsewhere(state):
        return RemoveSavedState(vm_id=state.id, storage_domain_id=state.saved_on)
    return DestroyDomain(vm_id=state.id)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return down(state, "destroyed", state.stop_reason, facts, DONE)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    if _works_elsewhere(state):  # its memory is still there
        suspended = events.VmSuspended(
            at=facts.now, ended=failure(refusal), desired=desired_after_end(state, "suspended")
        )
        return came_to_nothing(state, suspended, "vm_suspended_stop_failed", refusal)
    kind = events.VmShutdownIgnored if state.status == "powering_down" else events.VmOperationEnded
    event = kind(at=facts.now, ended=failure(refusal), desired=desired_after_end(state, "shutdown_ignored"))
    return came_to_nothing(state, event, "vm_stop_failed", refusal, *report_wanted(state))


def timers(state: VmState, facts: VmDecisionFacts) -> tuple[SetTimer, ...]:
    return (_resend_timer(),) if _works_elsewhere(state) else ()


STOP = VmOperation(
    kind=KIND,
    begun_by=StopVm,
    request=request,
    sends=sends,
    done=done,
    failed=failed,
    seen_as="powering_down",
    run_ended=down_as_wanted,
    timers=timers,
)
