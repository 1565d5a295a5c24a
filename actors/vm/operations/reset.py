"""Operation *reset*: the reset button, which the guest cannot ignore. It takes the place of a reboot."""

from __future__ import annotations

from actors.entity.decision import CancelTimer, Decision, refuse
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, guest_up_timer
from actors.vm.operations.reboot import failed
from actors.vm.operations.record import DONE, VmOperation, legality, one_step, requested, succeeded
from actors.vm.state import VmState
from protocol.events import vm as events
from protocol.message import Message
from protocol.node_messages import ResetDomain

KIND = "reset"


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := legality(state, KIND, events.VmResetRequested, over="reboot"):
        return refuse(refusal)
    text = f"Resetting VM {state.name}"
    event = events.VmResetRequested(at=facts.now, operation=one_step(state, request, KIND, text, text, facts))
    # Cancel the superseded reboot's timeout; it would fire into the next reboot.
    return requested(RESET, state, request, event, CancelTimer(name="reboot"))


def sends(state: VmState) -> ResetDomain:
    return ResetDomain(vm_id=state.id)


def done(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    event = events.VmRebooted(at=facts.now, ended=DONE)
    return succeeded(state, event, "vm_reset", f"VM {state.name} was reset.", guest_up_timer(facts))


RESET = VmOperation(kind=KIND, request=request, sends=sends, done=done, failed=failed)
