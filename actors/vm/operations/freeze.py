"""Operations *freeze* and *thaw*: the guest's file systems stand still for a backup, and are written to again.

freeze  ask the agent -> done: frozen for the rest of a minute
                      -> no answer in time -> failed, whatever is heard later
thaw    ask the agent -> done

The guest's agent does it, and thaws by itself after a minute, when its host falls silent and before the guest goes down
or starts over: so a frozen VM is stopped, shut down and rebooted like any other, and no state here says that it is
frozen: nobody could keep it true.
"""

from __future__ import annotations

from typing import Final

from actors.entity.decision import CancelTimer, Decision, RequestReport, SetTimer, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy, not_legal
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import (
    DONE,
    VmOperation,
    came_to_nothing,
    failure,
    one_step,
    requested,
    succeeded,
)
from actors.vm.state import VmState
from protocol.errors import Conflict, HostFailed, Refusal
from protocol.message import Message
from protocol.node.commands import FreezeDomain, ThawDomain
from protocol.vm import events
from protocol.vm.commands import FreezeVmFileSystems, ThawVmFileSystems

ANSWER_SECONDS_MAX: Final = 30.0
"""An answer that is older says nothing of now: a guest thaws by itself after 60 seconds."""


def request_freeze(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := _hindrance(state, "freeze"):
        return refuse(refusal)
    text = f"Freezing the file systems of VM {state.name}"
    operation = one_step(state, request, "freeze", text, text, facts)
    event = events.VmOperationProgressed(at=facts.now, operation=operation)
    return requested(FREEZE, state, request, event, *deadline(state, facts))


def request_thaw(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := _hindrance(state, "thaw"):
        return refuse(refusal)
    text = f"Thawing the file systems of VM {state.name}"
    operation = one_step(state, request, "thaw", text, text, facts)
    return requested(THAW, state, request, events.VmOperationProgressed(at=facts.now, operation=operation))


def _hindrance(state: VmState, verb: str) -> Refusal | None:
    """What is frozen is not known here: to freeze what is frozen and to thaw what is not does no harm."""
    doing = f"{verb} the file systems of"
    if refusal := busy(state, doing):
        return refusal
    if state.status != "up":
        return not_legal(state, doing, "up")
    if state.guest is None:
        return Conflict(
            f"Cannot {doing} VM {state.name}: no guest agent reports from it.",
            remedy="Install and start the guest agent in the VM, then ask again.",
            entity=state.address,
        ).refusal
    return None


def sends_freeze(state: VmState) -> FreezeDomain:
    return FreezeDomain(vm_id=state.id)


def sends_thaw(state: VmState) -> ThawDomain:
    return ThawDomain(vm_id=state.id)


def deadline(state: VmState, facts: VmDecisionFacts) -> tuple[SetTimer, ...]:
    return (SetTimer(name="freeze", seconds=ANSWER_SECONDS_MAX),)


def frozen(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    """What a host sends after it was away may be of a guest that has thawed long ago."""
    assert state.operation is not None
    if (facts.now - state.operation.started_at).total_seconds() > ANSWER_SECONDS_MAX:
        return timed_out(state, facts)
    return succeeded(
        state, _ended(facts), "vm_frozen", CancelTimer(name="freeze"), RequestReport(host_id=state.host_id)
    )


def timed_out(state: VmState, facts: VmDecisionFacts) -> Decision:
    reason = f"The guest did not confirm it within {ANSWER_SECONDS_MAX:g} s; if it is frozen, it thaws by itself."
    refusal = HostFailed(reason, remedy="Check the VM and its host, then try again.", entity=state.address).refusal
    return failed(state, refusal, facts)


def thawed(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, _ended(facts), "vm_thawed", RequestReport(host_id=state.host_id))


def _ended(facts: VmDecisionFacts) -> events.VmEvent:
    return events.VmOperationEnded(at=facts.now, ended=DONE)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """The host is asked, as after success: what it said of the VM meanwhile was not listened to."""
    assert state.operation is not None
    kind = state.operation.kind
    event = events.VmOperationEnded(at=facts.now, ended=failure(refusal))
    effects = (CancelTimer(name=kind), RequestReport(host_id=state.host_id))
    what = "vm_freeze_failed" if kind == "freeze" else "vm_thaw_failed"
    return came_to_nothing(state, event, what, refusal, *effects)


FREEZE = VmOperation(
    kind="freeze",
    begun_by=FreezeVmFileSystems,
    request=request_freeze,
    sends=sends_freeze,
    done=frozen,
    failed=failed,
    timed_out=timed_out,
    timers=deadline,
)
THAW = VmOperation(
    kind="thaw", begun_by=ThawVmFileSystems, request=request_thaw, sends=sends_thaw, done=thawed, failed=failed
)
