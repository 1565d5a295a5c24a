"""Operations that the guest itself ends: it is asked, then waited for, and may ignore it."""

from __future__ import annotations

from actors.entity.decision import Decision, Effect, RequestReport, SetTimer
from actors.entity.operation import current_step, with_step
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import VmOperation, progressed
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.operation import Outcome
from protocol.vm import events


def is_asking(state: VmState) -> bool:
    """Whether the node is still to ask the guest; after that there is nothing to send but time to wait."""
    step = current_step(state.operation) if state.operation is not None else None
    return step is not None and step.id.number == 0


def deadline(kind: str, facts: VmDecisionFacts) -> SetTimer:
    """How long the guest has, in a timer named as the operation."""
    return SetTimer(name=kind, seconds=facts.shutdown_timeout_seconds)


def timers(state: VmState, facts: VmDecisionFacts) -> tuple[SetTimer, ...]:
    """For a new incarnation of the actor."""
    assert state.operation is not None
    return (deadline(state.operation.kind, facts),)


def asked(record: VmOperation, state: VmState, step: str, facts: VmDecisionFacts) -> Decision:
    """The node has asked the guest. A VM that became unknown meanwhile is seen again by a report alone."""
    assert state.operation is not None
    waiting = with_step(state.operation, state.address, step, facts.now, state.host_id)
    is_lost = state.status == "unknown"
    further: tuple[Effect, ...] = (RequestReport(host_id=state.host_id),) if is_lost else timers(state, facts)
    return progressed(record, state, waiting, facts, *further)


def ignored(
    state: VmState,
    event: type[events.VmEvent],
    what: str,
    missed: str,
    facts: VmDecisionFacts,
    desired: str = "",
) -> Decision:
    """The guest did not do in time what it was asked: as far as we are concerned the VM is up again."""
    seconds = facts.shutdown_timeout_seconds
    reason = f"The guest {missed} within {seconds:g} s."
    return Decision(
        events=(event(at=facts.now, ended=Outcome(outcome="failed", reason=reason), desired=desired),),
        audit=(line(what, vm=state.id, host=state.host_id, name=state.name, seconds=seconds),),
        effects=(RequestReport(host_id=state.host_id),),
    )
