"""Operation *reset*: the reset button, which the guest cannot ignore. It takes the place of a reboot."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, guest_up_timer
from actors.vm.operations.record import DONE, FailedAs, VmOperation, begun, report_wanted, succeeded
from actors.vm.state import VmState
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


RESET = VmOperation(
    kind=KIND,
    begun_by=ResetVm,
    request=request,
    sends=sends,
    done=done,
    failed=FailedAs("vm_reset_failed", events.VmRebootIgnored, report_wanted),
)
