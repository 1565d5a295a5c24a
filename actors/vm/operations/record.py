"""What a VM's operation says of itself, and how a command begins one."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from actors.entity.decision import Decision, Effect, RequestReport, SetTimer, accept, joined, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, with_step
from actors.entity.operation_record import OperationRecord, nothing, with_step_sent
from actors.entity.refusals import busy, not_legal
from actors.entity.transitions import statuses_before
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts, accepted_as
from actors.vm.run_end import RunEnd, failed_with_it, timer_cancelled
from actors.vm.state import VmState
from actors.vm.transitions import TRANSITIONS
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Operation, Outcome
from protocol.errors import Refusal
from protocol.live.engine import Accepted
from protocol.vm import events

DONE = Outcome(outcome="done")


def _no_timer(_: VmState, __: VmDecisionFacts) -> tuple[SetTimer, ...]:
    return ()


@attrs.frozen(kw_only=True)
class VmOperation(OperationRecord[VmState, VmDecisionFacts]):
    """One verb of a VM, beside what every operation says.

    `seen_as`: the status of the VM when its domain is seen while this runs; "" when sightings say nothing, because the
    outcome will. `run_ended`: QEMU is gone; where an operation `ends_by_outcome`, that says
    nothing before the outcome of its step does. `started_over`: the guest runs its firmware anew. `timed_out`: the guest did
    not do in time what it was asked. `timers`: those that a new incarnation of the actor sets again; one that is named
    as the operation is called off with it.
    """

    seen_as: str = ""
    ends_by_outcome: bool = False
    run_ended: Callable[[VmState, RunEnd, VmDecisionFacts], Decision] = failed_with_it
    started_over: Callable[[VmState, VmDecisionFacts], Decision] = nothing
    timed_out: Callable[[VmState, VmDecisionFacts], Decision] = nothing
    timers: Callable[[VmState, VmDecisionFacts], tuple[SetTimer, ...]] = _no_timer


def legality(
    state: VmState, verb: str, event: type[events.VmEvent], remedy: str = "", over: str = ""
) -> Refusal | None:
    """Why `event` cannot be now: an operation runs (one of the kind `over` is no hindrance), or the status is wrong."""
    if refusal := busy(state, verb, over=over):
        return refusal
    legal = statuses_before(TRANSITIONS, event)
    return None if state.status in legal else not_legal(state, verb, " or ".join(legal), remedy)


def one_step(
    state: VmState,
    request: CommandRequest,
    kind: str,
    description: str,
    step: str,
    facts: VmDecisionFacts,
    host_id: str = "",
) -> Operation:
    """The operation that a command begins, with its first step on the VM's host, or on another one."""
    operation = begin_for(request, kind, description, facts.now, host_id or state.host_id)
    return with_step(operation, state.address, step, facts.now, host_id or state.host_id)


def requested(
    record: VmOperation, state: VmState, request: CommandRequest, event: events.VmEvent, *effects: Effect,
    audit: tuple[Event, ...] = (), reply: Accepted | None = None,
) -> Decision:  # fmt: skip
    """The operation in `event` begins, whatever ran before it, and its first step is sent."""
    assert event.operation is not None
    accepted = reply or accepted_as(state, request, event.operation)
    further = Decision(audit=audit, effects=(*timer_cancelled(state), *effects))
    decision = joined(with_step_sent(record, evolve, state, event), further)
    return accept(accepted, decision)


def begun(
    record: VmOperation, state: VmState, request: CommandRequest, event: type[events.VmEvent], text: str,
    facts: VmDecisionFacts, over: str = "",
) -> Decision:  # fmt: skip
    """The usual beginning: `event` when it is legal, with one step on the VM's host, described as the whole."""
    if refusal := legality(state, record.kind, event, over=over):
        return refuse(refusal)
    operation = one_step(state, request, record.kind, text, text, facts)
    return requested(record, state, request, event(at=facts.now, operation=operation))


def under_way(state: VmState, request: CommandRequest, kind: str) -> Decision | None:
    """Asked for again while it runs, a shutdown or stop is the same one."""
    if state.operation is None or state.operation.kind != kind:
        return None
    return Decision(reply=accepted_as(state, request, state.operation))


def progressed(
    record: VmOperation, state: VmState, operation: Operation, facts: VmDecisionFacts, *effects: Effect
) -> Decision:
    """The operation as it is now: the step that it has begun is sent."""
    event = events.VmOperationProgressed(at=facts.now, operation=operation)
    return joined(with_step_sent(record, evolve, state, event), Decision(effects=effects))


def succeeded(state: VmState, event: events.VmEvent, what: str, *effects: Effect) -> Decision:
    """The operation ends with `event`, and the audit trail says `what`."""
    assert state.operation is not None
    said = line(what, vm=state.id, host=state.host_id, user=state.operation.user_id, name=state.name)
    return Decision(events=(event,), audit=(said,), effects=effects)


def came_to_nothing(state: VmState, event: events.VmEvent, what: str, refusal: Refusal, *effects: Effect) -> Decision:
    """The operation fails with `event`, and the audit trail says `what`."""
    said = line(what, vm=state.id, host=state.host_id, name=state.name, reason=str(refusal))
    return Decision(events=(event,), audit=(said,), effects=effects)


def report_wanted(state: VmState) -> tuple[Effect, ...]:
    """What the VM is now, its host says."""
    return (RequestReport(host_id=state.host_id),)


def called_off(state: VmState) -> tuple[Effect, ...]:
    """Nothing is waited for any more."""
    return (*timer_cancelled(state), *report_wanted(state))


@attrs.frozen
class FailedAs:
    """What follows when the guest goes on as it was, as far as is known: `event`, and the audit trail says `what`."""

    what: str
    event: type[events.VmEvent] = events.VmOperationEnded
    effects: Callable[[VmState], tuple[Effect, ...]] = called_off

    def __call__(self, state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
        ended = self.event(at=facts.now, ended=failure(refusal))
        return came_to_nothing(state, ended, self.what, refusal, *self.effects(state))


def failure(refusal: Refusal) -> Outcome:
    return Outcome(outcome="failed", reason=str(refusal))
