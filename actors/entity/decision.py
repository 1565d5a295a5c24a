"""What deciding yields: events to make durable, and effects and replies that wait until they are.

Pure data, so that a test reads as a transcript.
"""

from __future__ import annotations

import attrs

from actors.entity.messages import CommandRequest
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.activity.operation import EntityEvent, StepId
from protocol.live.engine import Accepted, Principal
from protocol.message import Message


class Effect:
    """What is done after a decision is durable. A room may have effects of its own; its actor performs them."""

    __slots__ = ()


@attrs.frozen(kw_only=True)
class Tell(Effect):
    """A message to another actor. With `token` its answer comes back as `Answer(token)`."""

    address: str
    message: Message
    token: str = ""


@attrs.frozen(kw_only=True)
class RunStep(Effect):
    """Have the node of the step's host run this step. The engine's epoch is put in when it leaves."""

    step: StepId
    body: Message
    correlation_id: str = ""


@attrs.frozen(kw_only=True)
class StopStep(Effect):
    """Have the node of the step's host end this step, if it still runs it: nobody wants what it makes any more."""

    step: StepId


@attrs.frozen(kw_only=True)
class AcknowledgeStep(Effect):
    """The outcome of this step is durable: its node may drop it."""

    step: StepId


@attrs.frozen(kw_only=True)
class AcknowledgeStopped(Effect):
    """The end of a domain's run is durable: the host's node need not report it again under this receipt."""

    host_id: str
    receipt: str


@attrs.frozen(kw_only=True)
class RequestReport(Effect):
    """Have a host's node report everything that it has, now."""

    host_id: str


@attrs.frozen(kw_only=True)
class SetTimer(Effect):
    """Tells the actor `TimerFired(name)` after `seconds`; a timer of the same name is replaced."""

    name: str
    seconds: float


@attrs.frozen(kw_only=True)
class CancelTimer(Effect):
    name: str


@attrs.frozen(kw_only=True)
class Question:
    """What another actor must answer before a command is decided. The command waits, undecided, and comes back with
    the `Answer`; once it is decided, for better or worse, `release` gives back what the answer holds for it."""

    ask: Tell
    release: Tell | None = None


@attrs.frozen(kw_only=True)
class Decision:
    """What follows from one message. Nothing of it happens before `events` and `audit` are durable.

    `reply` answers the message in hand at once. `question` lets a command wait for another actor first. `keep` keeps
    whoever sent the message under a key, and `answers` answers everybody kept under those keys. `outcome` is what a
    command that comes again under the same id gets, stored in the same transaction.
    """

    events: tuple[EntityEvent, ...] = ()
    effects: tuple[Effect, ...] = ()
    audit: tuple[Event, ...] = ()
    reply: Message | None = None
    question: Question | None = None
    keep: str = ""
    answers: tuple[tuple[str, Message], ...] = ()
    outcome: Accepted | None = None

    def __attrs_post_init__(self) -> None:
        ways = (self.reply is not None) + (self.question is not None) + bool(self.keep)
        assert ways <= 1, f"the message in hand is answered in {ways} ways"


NOTHING = Decision()


def refuse(refusal: Message) -> Decision:
    """Nothing happens but the reply."""
    return Decision(reply=refusal)


def accept(accepted: Accepted, decision: Decision) -> Decision:
    """The command does what is decided. It gets this answer, and the same one when it comes again."""
    return attrs.evolve(decision, reply=accepted, outcome=accepted)


def line_by(principal: Principal, what: str, **more: str) -> Event:
    """A line of the audit trail that says who asked for it; `more` as in `line`."""
    return line(what, user=principal.user_id, user_name=principal.name, **more)


def with_digest(decision: Decision, request: Message | None) -> Decision:
    """The stored outcome says which command it is of, when that came with an idempotency key. One that changes nothing
    has an outcome too then: else its key would be free for another."""
    outcome = decision.outcome or decision.reply
    if not isinstance(request, CommandRequest) or not request.digest or request.dry_run:
        return decision
    if isinstance(outcome, Accepted):
        outcome = attrs.evolve(outcome, command_id=request.command_id, digest=request.digest)
        decision = attrs.evolve(decision, outcome=outcome)
    return decision


def joined(first: Decision, second: Decision) -> Decision:
    """Both as one. Only the first may answer."""
    return attrs.evolve(
        first,
        events=(*first.events, *second.events),
        audit=(*first.audit, *second.audit),
        effects=(*first.effects, *second.effects),
    )


def rehearsed(decision: Decision) -> Decision:
    """A dry run: of all that would follow, only the reply is given, and the question before it asked. Nothing is made
    durable, sent, kept or started, so the reply names no job."""
    if decision.question is not None:
        return Decision(question=decision.question)
    reply = decision.reply or decision.outcome
    if isinstance(reply, Accepted):
        reply = attrs.evolve(reply, job_id="", result=None)
    return Decision(reply=reply)
