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

from actors.entity.decision import Decision, SetTimer, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy, not_legal
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import (
    DONE,
    FailedAs,
    VmOperation,
    called_off,
    one_step,
    report_wanted,
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
    return _begun(FREEZE, state, request, "Freezing", facts, *deadline(state, facts))


def request_thaw(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    return _begun(THAW, state, request, "Thawing", facts)


def _begun(
    record: VmOperation, state: VmState, request: CommandRequest, doing: str, facts: VmDecisionFacts, *timers: SetTimer
) -> Decision:
    if refusal := _hindrance(state, record.kind):
        return refuse(refusal)
    text = f"{doing} the file systems of VM {state.name}"
    operation = one_step(state, request, record.kind, text, text, facts)
    event = events.VmOperationProgressed(at=facts.now, operation=operation)
    return requested(record, state, request, event, *timers)


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
    return succeeded(state, _ended(facts), "vm_frozen", *called_off(state))


def timed_out(state: VmState, facts: VmDecisionFacts) -> Decision:
    reason = f"The guest did not confirm it within {ANSWER_SECONDS_MAX:g} s; if it is frozen, it thaws by itself."
    refusal = HostFailed(reason, remedy="Check the VM and its host, then try again.", entity=state.address).refusal
    return FREEZE.failed(state, refusal, facts)


def thawed(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    return succeeded(state, _ended(facts), "vm_thawed", *report_wanted(state))


def _ended(facts: VmDecisionFacts) -> events.VmEvent:
    return events.VmOperationEnded(at=facts.now, ended=DONE)


FREEZE = VmOperation(
    kind="freeze",
    begun_by=FreezeVmFileSystems,
    request=request_freeze,
    sends=sends_freeze,
    done=frozen,
    failed=FailedAs("vm_freeze_failed"),
    timed_out=timed_out,
    timers=deadline,
)
THAW = VmOperation(
    kind="thaw",
    begun_by=ThawVmFileSystems,
    request=request_thaw,
    sends=sends_thaw,
    done=thawed,
    failed=FailedAs("vm_thaw_failed"),
)
