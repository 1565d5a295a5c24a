"""Operation *reset*: the reset button, which the guest cannot ignore. It takes the place of a reboot."""

from __future__ import annotations

from actors.entity.decision import Decision, RequestReport
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, guest_up_timer
from actors.vm.operations.record import (
    DONE,
    VmOperation,
    begun,
    came_to_nothing,
    failure,
    succeeded,
)
from actors.vm.state import VmState
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import ResetDomain
from protocol.vm import events
from protocol.vm.commands import ResetVm

KIND = "reset"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    return begun(RESET, state, request, events.VmResetRequested, f"Resetting VM {state.name}", facts, over="reboot")


def sends(state: VmState) -> ResetDomain:
    return ResetDomain(vm_id=state.id)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    event = events.VmRebooted(at=facts.now, ended=DONE)
    return succeeded(state, event, "vm_reset", guest_up_timer(facts))


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """The guest goes on as it was."""
    event = events.VmRebootIgnored(at=facts.now, ended=failure(refusal))
    return came_to_nothing(state, event, "vm_reset_failed", refusal, RequestReport(host_id=state.host_id))


RESET = VmOperation(kind=KIND, begun_by=ResetVm, request=request, sends=sends, done=done, failed=failed)
