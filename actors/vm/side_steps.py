"""What a host is asked beside the operation: a console ticket, the end of a stray QEMU, the removal of a memory file.

A side step locks nothing. It is durable before it is sent, and sent again until its host has answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from actors.entity.decision import NOTHING, AcknowledgeStep, Decision, Effect, RunStep, SetTimer
from actors.entity.operation_record import again_after
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import SideStep, StepId
from protocol.errors import Refusal
from protocol.host.model import Host
from protocol.message import Message
from protocol.vm import events

TICKET: Final = "ticket"
STRAY: Final = "stray"
SAVED_STATE: Final = "saved_state"

TIMER: Final = "side_steps"
RESEND_SECONDS: Final = 10.0

FAILED: Final = {
    TICKET: "console_ticket_failed",
    STRAY: "stray_domain_not_ended",
    SAVED_STATE: "vm_memory_not_removed",
}
"""What the audit trail says when one fails, by purpose."""


def side_step(state: VmState, purpose: str, operation: str, host_id: str, body: Message | None) -> SideStep:
    """The side step for `purpose`; `operation` tells those of one purpose apart."""
    id = StepId(owner=state.address, operation=f"{purpose}-{operation}", number=0, host=host_id)
    return SideStep(id=id, purpose=purpose, body=body)


def begun(state: VmState, step: SideStep, facts: VmDecisionFacts) -> Decision:
    """Makes a side step durable and sends it; one that is under way already is left to its timer."""
    if any(_stands_for(each, step) for each in state.side_steps):
        return NOTHING
    # One timer for all: set anew for each it would never fire where they come often.
    timer = () if state.side_steps else (_timer(),)
    return Decision(events=(events.VmSideStepBegun(at=facts.now, side_step=step),), effects=(*_sent((step,)), *timer))


def _stands_for(one: SideStep, other: SideStep) -> bool:
    """The same step, whichever attempt it is. Of strays a host has one at a time: what it calls them is its own word."""
    if one.id.host != other.id.host:
        return False
    return one.id.operation == other.id.operation or (one.purpose == STRAY == other.purpose)


def _sent(steps: Iterable[SideStep]) -> tuple[Effect, ...]:
    return tuple(RunStep(step=each.id, body=each.body) for each in steps if each.body is not None)


def _timer() -> SetTimer:
    return SetTimer(name=TIMER, seconds=RESEND_SECONDS)


def recovered(state: VmState) -> tuple[Effect, ...]:
    """A new incarnation of the actor sends them again."""
    return (*_sent(state.side_steps), _timer()) if state.side_steps else ()


def timed_out(state: VmState, facts: VmDecisionFacts) -> Decision:
    """No answer yet: they are sent again, apart from what nobody can answer any more."""
    lost = tuple(each for each in state.side_steps if each.body is None or facts.rows.get(Host, each.id.host) is None)
    kept = tuple(each for each in state.side_steps if each not in lost)
    ended = tuple(events.VmSideStepEnded(at=facts.now, step=each.id) for each in lost)
    return Decision(events=ended, effects=(*_sent(kept), _timer()) if kept else ())


def ended(state: VmState, step: StepId, result: Message, facts: VmDecisionFacts) -> Decision | None:
    """A host's outcome of a side step; None when it is not one of those under way."""
    known = next((each for each in state.side_steps if each.id == step), None)
    if known is None:
        return None
    over = events.VmSideStepEnded(at=facts.now, step=step)
    acknowledged = AcknowledgeStep(step=step)
    if not isinstance(result, Refusal):
        return Decision(events=(over,), effects=(acknowledged,))
    audit: tuple[Event, ...] = ()
    if step.attempt == 1:
        why, host = str(result), facts.rows.name_of("host", step.host)
        said = line(FAILED[known.purpose], vm=state.id, host=step.host, name=state.name, host_name=host, reason=why)
        audit = (said,)
    if known.purpose != STRAY:
        return Decision(events=(over,), audit=audit, effects=(acknowledged,))
    # It may run still: its host is asked for as long as it may. The timer sends the next attempt.
    again = attrs.evolve(known, id=attrs.evolve(step, attempt=step.attempt + 1))
    return Decision(
        events=(over, events.VmSideStepBegun(at=facts.now, side_step=again)),
        audit=audit,
        effects=(acknowledged, SetTimer(name=TIMER, seconds=again_after(again.id.attempt))),
    )


def has_ended(state: VmState, step: StepId, purpose: str, result: Message) -> bool:
    """Whether that is the good end of a side step for that purpose."""
    return not isinstance(result, Refusal) and any(
        each.id == step and each.purpose == purpose for each in state.side_steps
    )


def proven_down(state: VmState, host_id: str, facts: VmDecisionFacts) -> tuple[events.VmEvent, ...]:
    """Nothing runs on that host any more: what it was asked beside the operation is over."""
    return tuple(
        events.VmSideStepEnded(at=facts.now, step=each.id) for each in state.side_steps if each.id.host == host_id
    )
