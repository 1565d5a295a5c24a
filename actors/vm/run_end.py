"""A VM's run is over: QEMU is gone. What is said of it, what is wanted now, and what must be swept."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import NOTHING, CancelTimer, Decision, joined
from actors.vm import side_steps
from actors.vm.desired import desired_after_end
from actors.vm.facts import GUEST_UP, VmDecisionFacts
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import Outcome
from protocol.node.commands import RemoveSavedState
from protocol.node.domain import StopReason
from protocol.vm import events

REASONS: Final = {
    StopReason.SHUTDOWN: "The guest powered off.",
    StopReason.DESTROYED: "QEMU was terminated on the host.",
    StopReason.CRASHED: "QEMU exited unexpectedly.",
    StopReason.FAILED: "QEMU failed.",
    StopReason.SAVED: "Its memory was saved after it was no longer to be suspended.",
    StopReason.UNKNOWN: "It was not running on its host.",
}
CLEAN: Final = frozenset({StopReason.SHUTDOWN, StopReason.DESTROYED})


@attrs.frozen(kw_only=True)
class RunEnd:
    """Why QEMU is gone, with its last words. `host_down`: the whole host was proven to be down."""

    why: StopReason
    detail: str = ""
    host_down: bool = False

    @property
    def cause(self) -> str:
        return "host_down" if self.host_down else self.why.value

    @property
    def reason(self) -> str:
        """For people."""
        if self.host_down:
            return "Its host was confirmed as rebooted."
        return " ".join(part for part in (REASONS.get(self.why, self.why.value), self.detail) if part)


def went_down(state: VmState, end: RunEnd, facts: VmDecisionFacts, ended: Outcome | None) -> Decision:
    """Nobody asked for it here: the VM is down for the reason that its end gives."""
    if end.host_down:
        host = facts.rows.name_of("host", state.host_id)
        said = line("vm_down_with_host", vm=state.id, host=state.host_id, name=state.name, host_name=host)
    else:
        what = "vm_down" if end.why in CLEAN else "vm_down_error"
        said = line(what, vm=state.id, host=state.host_id, name=state.name, reason=end.reason)
    return _down(state, end.cause, end.reason, said, facts, ended)


def failed_with_it(state: VmState, end: RunEnd, facts: VmDecisionFacts) -> Decision:
    """The operation under way fails, because the run that it works on is over."""
    reason = "Its host was rebooted." if end.host_down else f"QEMU exited ({end.why.value})."
    return went_down(state, end, facts, Outcome(outcome="failed", reason=reason))


def down_as_wanted(state: VmState, end: RunEnd, facts: VmDecisionFacts) -> Decision:
    """The operation under way wanted the VM down: it has what it wanted, however it came."""
    if end.host_down:
        return failed_with_it(state, end, facts)
    return down(state, end.cause, state.stop_reason, facts, Outcome(outcome="done"))


def down(state: VmState, cause: str, reason: str, facts: VmDecisionFacts, ended: Outcome | None) -> Decision:
    """The VM is down as it was asked to be."""
    said = line("vm_down", vm=state.id, host=state.host_id, name=state.name, reason=reason)
    return _down(state, cause, reason, said, facts, ended)


def _down(
    state: VmState, cause: str, reason: str, said: Event, facts: VmDecisionFacts, ended: Outcome | None
) -> Decision:
    event = events.VmWentDown(
        at=facts.now, cause=cause, reason=reason, ended=ended, desired=desired_after_end(state, cause)
    )
    effects = (CancelTimer(name=GUEST_UP), *timer_cancelled(state))
    decision = Decision(events=(event,), audit=(said,), effects=effects)
    return joined(decision, _memory_removed(state, facts))


def timer_cancelled(state: VmState) -> tuple[CancelTimer, ...]:
    """The operation under way is cut short: its time would run out in the next one of its kind."""
    return (CancelTimer(name=state.operation.kind),) if state.operation is not None else ()


def _memory_removed(state: VmState, facts: VmDecisionFacts) -> Decision:
    """A VM that goes down in the middle of a suspend or a resume leaves a file that nobody will read."""
    if not state.saved_on or not state.host_id or state.operation is None:
        return NOTHING
    body = RemoveSavedState(vm_id=state.id, storage_domain_id=state.saved_on)
    step = side_steps.side_step(state, side_steps.SAVED_STATE, state.operation.id, state.host_id, body)
    return side_steps.begun(state, step, facts)
