"""Operations *freeze* and *thaw*: the guest's file systems stand still for a backup, and are written to again.

The guest's agent does it, and thaws by itself after a minute, when its host falls silent and before the guest goes down
or starts over: so a frozen VM is stopped, shut down and rebooted like any other, and no state here says that it is
frozen: nobody could keep it true.
"""

from __future__ import annotations

from actors.entity.decision import Decision, RequestReport, refuse
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, busy, not_legal
from actors.vm.facts import what as title
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
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import FreezeDomain, ThawDomain
from protocol.vm import events
from protocol.vm.commands import FreezeVmFileSystems, ThawVmFileSystems


def request_freeze(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    if refusal := _hindrance(state, "freeze"):
        return refuse(refusal)
    text = f"Freezing the file systems of VM {state.name}"
    operation = one_step(state, request, "freeze", text, text, facts)
    return requested(FREEZE, state, request, events.VmOperationProgressed(at=facts.now, operation=operation))


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
        return Refusal(
            code="conflict",
            reason=f"Cannot {doing} {title(state)}: no guest agent reports from it.",
            remedy="Install and start the guest agent in the VM, then ask again.",
            entity=state.address,
        )
    return None


def sends_freeze(state: VmState) -> FreezeDomain:
    return FreezeDomain(vm_id=state.id)


def sends_thaw(state: VmState) -> ThawDomain:
    return ThawDomain(vm_id=state.id)


def frozen(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, _ended(facts), "vm_frozen", RequestReport(host_id=state.host_id))


def thawed(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, _ended(facts), "vm_thawed", RequestReport(host_id=state.host_id))


def _ended(facts: VmDecisionFacts) -> events.VmEvent:
    return events.VmOperationEnded(at=facts.now, ended=DONE)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """The host is asked, as after success: what it said of the VM meanwhile was not listened to."""
    assert state.operation is not None
    what = "vm_freeze_failed" if state.operation.kind == "freeze" else "vm_thaw_failed"
    event = events.VmOperationEnded(at=facts.now, ended=failure(refusal))
    return came_to_nothing(state, event, what, refusal, RequestReport(host_id=state.host_id))


FREEZE = VmOperation(
    kind="freeze", begun_by=FreezeVmFileSystems, request=request_freeze, sends=sends_freeze, done=frozen, failed=failed
)
THAW = VmOperation(
    kind="thaw", begun_by=ThawVmFileSystems, request=request_thaw, sends=sends_thaw, done=thawed, failed=failed
)
