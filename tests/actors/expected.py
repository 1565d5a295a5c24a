"""The shorthands of a transcript's `then`.

Each says one event, effect, reply or audit line. None names an epoch or the id of a step: they stand for *the step that
runs now* and *the step that was answered*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from actors.entity.decision import (
    AcknowledgeStep,
    AcknowledgeStopped,
    CancelTimer,
    Effect,
    RequestReport,
    RunStep,
    SetTimer,
    StopStep,
    Tell,
)
from actors.entity.host_signals import DomainSeen, StepOutcome
from actors.entity.messages import CommandRequest
from actors.entity.operation import current_step
from actors.placement.messages import ReleasePlacement
from actors.reservations.messages import ReleaseReservation
from protocol.activity.audit_texts import EXTERNAL, TEXTS
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.live.engine import Accepted
from protocol.message import Message
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import DomainChanged
from tests.actors.comparison import Expected, reported

if TYPE_CHECKING:
    from tests.actors.playbook import Play

OR_FROM_PLAY = Message | Callable[["Play"], Message]


# --- events -----------------------------------------------------------------------------------------------------


def event(
    cls: type[Message],
    *,
    begins: str = "",
    step: str = "",
    undoes: str = "",
    ends: str = "",
    why: str = "",
    **fields: Any,
) -> Expected:
    """An event with these fields. What it does to an operation is named: the kind that it `begins`, the `step` that it
    goes on with, why it `undoes` what was done, how it `ends` and `why`. What is `desired` from now on is named too."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found) is not cls:
            return "another event"
        wanted = {"desired": ""} | fields if hasattr(found, "desired") else fields
        wrong = [name for name, value in wanted.items() if getattr(found, name) != value]
        before, operation = getattr(play.before, "operation", None), found.operation
        begun = operation if operation is not None and (before is None or before.id != operation.id) else None
        at = current_step(operation) if operation is not None else None
        facts = {
            "begins": (begins, begun.kind if begun is not None else ""),
            "step": (step, at.description if at is not None else ""),
            "undoes": (undoes, operation.rolling_back if operation is not None else ""),
            "ends": (ends, found.ended.outcome if found.ended else ""),
            "why": (why, found.ended.reason if found.ended else ""),
        }
        wrong += [f"{name} {is_!r}" for name, (reported, is_) in facts.items() if reported != is_]
        return f"differs in {', '.join(wrong)}" if wrong else None

    reported = {"begins": begins, "step": step, "undoes": undoes, "ends": ends, "why": why}
    words = {name: value for name, value in reported.items() if value} | fields
    return Expected("events", f"event({cls.__name__}{_named(words)})", differs)


def _named(fields: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in fields.items())


# --- effects ----------------------------------------------------------------------------------------------------


def _effect(text: str, wanted: Callable[[Play], Effect]) -> Expected:
    def differs(play: Play, found: Any) -> str | None:
        return None if found == wanted(play) else f"wanted {wanted(play)}"

    return Expected("effects", text, differs)


def to_node(body: OR_FROM_PLAY) -> Expected:
    """The step under way goes to its host."""

    def wanted(play: Play) -> Effect:
        operation = play.operation
        step = current_step(operation) if operation is not None else None
        assert operation is not None, "no operation is under way"
        assert step is not None, "no step is under way"
        return RunStep(step=step.id, body=_from(play, body), correlation_id=operation.correlation_id)

    return _effect(f"to_node({_text(body)})", wanted)


def beside(body: OR_FROM_PLAY, *, host: str) -> Expected:
    """A step of its own, beside any operation."""

    def differs(play: Play, found: Any) -> str | None:
        if not isinstance(found, RunStep) or found.step.host != host:
            return f"no step on {host}"
        if found.body != _from(play, body):
            return f"wanted {_from(play, body)}"
        steps = play.operation.steps if play.operation is not None else ()
        is_own = found.step.owner == f"{play.kind}/{play.id}" and found.step not in [each.id for each in steps]
        return None if is_own and not found.correlation_id else f"in step {found.step}"

    return Expected("effects", f"beside({_text(body)}, host={host!r})", differs)


def ack() -> Expected:
    """The host that answered may forget the step that it answered."""

    def wanted(play: Play) -> Effect:
        assert isinstance(play.message, StepOutcome), "no node answered"
        return AcknowledgeStep(step=play.message.step)

    return _effect("ack()", wanted)


def end_step() -> Expected:
    """The host of the step under way ends it, if it still runs it."""

    def wanted(play: Play) -> Effect:
        step = current_step(play.operation) if play.operation is not None else None
        assert step is not None, "no step is under way"
        return StopStep(step=step.id)

    return _effect("end_step()", wanted)


def ack_stopped() -> Expected:
    """The host that said that the domain ended may forget it."""

    def wanted(play: Play) -> Effect:
        seen = play.message
        assert isinstance(seen, DomainSeen), "no host said that a domain ended"
        receipt = stopped_receipt(DomainChanged(domain=seen.domain, stopped=seen.stopped))
        return AcknowledgeStopped(host_id=seen.host_id, receipt=receipt)

    return _effect("ack_stopped()", wanted)


def look(host: str) -> Expected:
    """The host says now what it has."""
    return _effect(f"look({host!r})", lambda _: RequestReport(host_id=host))


def timer(name: str, seconds: float) -> Expected:
    return _effect(f"timer({name!r}, {seconds:g})", lambda _: SetTimer(name=name, seconds=seconds))


def cancel(name: str) -> Expected:
    return _effect(f"cancel({name!r})", lambda _: CancelTimer(name=name))


def tell(address: str, message: OR_FROM_PLAY) -> Expected:
    """Another actor hears this, and nobody waits for an answer."""
    return _effect(
        f"tell({address!r}, {_text(message)})",
        lambda play: Tell(address=address, message=_from(play, message)),
    )


def ask(address: str, message: OR_FROM_PLAY) -> Expected:
    """The step under way goes to another actor; `answered(...)` brings its answer."""

    def wanted(play: Play) -> Effect:
        step = current_step(play.operation) if play.operation is not None else None
        assert step is not None, "no step is under way"
        return Tell(address=address, message=_from(play, message), token=str(step.id))

    return _effect(f"ask({address!r}, {_text(message)})", wanted)


def effect(wanted: Effect) -> Expected:
    """An effect of the room's own."""
    return _effect(f"effect({reported(wanted)})", lambda _: wanted)


# --- the question before a command is decided --------------------------------------------------------------------


def question(address: str, message: OR_FROM_PLAY) -> Expected:
    """The command waits for this answer; `answered(...)` brings it."""

    def differs(play: Play, found: Any) -> str | None:
        wanted = Tell(address=address, message=_from(play, message), token=found.token)
        return None if found == wanted and found.token else f"wanted {wanted}"

    return Expected("ask", f"question({address!r}, {_text(message)})", differs)


def _released(text: str, address: str, message: Callable[[str], Message]) -> Expected:
    def differs(play: Play, found: Any) -> str | None:
        wanted = Tell(address=address, message=message(_command(play).command_id))
        return None if found == wanted else f"wanted {wanted}"

    return Expected("release", text, differs)


def release() -> Expected:
    """Once the command is decided, the scheduler lets go of the capacity that it held for it."""
    return _released("release()", "scheduler/main", lambda command_id: ReleasePlacement(operation_id=command_id))


def release_claim() -> Expected:
    """Once the command is decided, the names and addresses that were reserved for it are let go."""
    return _released("release_claim()", "reservations/main", lambda command_id: ReleaseReservation(holder=command_id))


def _command(play: Play) -> CommandRequest:
    """The command that the decision is about: the one in hand, or the one that waited for the answer in hand."""
    assert isinstance(play.asked, CommandRequest), "no command is decided"
    return play.asked


def _from(play: Play, given: OR_FROM_PLAY) -> Message:
    return given if isinstance(given, Message) else given(play)


def _text(given: OR_FROM_PLAY) -> str:
    return reported(given) if isinstance(given, Message) else given.__name__


# --- reply ------------------------------------------------------------------------------------------------------


def accepted(kind: str = "", id: str = "", *, job: bool = False, **fields: Any) -> Expected:
    """Yes, to whoever asked; with `job` the operation that runs (or ran) for it is named. `kind` and `id` are the
    entity's own. `fields` are of the reply; a document is compared by the attributes in `shows`."""

    def differs(play: Play, found: Any) -> str | None:
        if not isinstance(found, Accepted):
            return "no acceptance"
        return _unlike(play, found, kind, id, job, fields) or _hearer(play)

    more = ", ".join(each for each in (repr(kind) if kind else "", repr(id) if id else "") if each)
    words = ({"job": True} if job else {}) | fields
    return Expected("reply", f"accepted({(more + _named(words)).removeprefix(', ')})", differs)


def _unlike(play: Play, found: Accepted, kind: str, id: str, job: bool, fields: dict[str, Any]) -> str | None:
    shows = fields.get("shows", {})
    operations = {each.id for state in (play.before, play.state) if (each := getattr(state, "operation", None))}
    operations |= {each.operation.id for each in play.decision.events if getattr(each, "operation", None)}
    wrong = [
        *(["kind"] if found.kind != (kind or play.kind) else []),
        *(["id"] if found.id != (id or play.id) else []),
        *(["job"] if (found.job_id in operations) != job or bool(found.job_id) != job else []),
        *(["command"] if isinstance(play.asked, CommandRequest) and found.command_id != play.asked.command_id else []),
        *(name for name, value in fields.items() if name != "shows" and getattr(found, name) != value),
        *(f"document.{name}" for name, value in shows.items() if getattr(found.document, name) != value),
        *(["result"] if "result" not in fields and found.result is not None else []),
    ]
    return f"differs in {', '.join(wrong)}" if wrong else None


def refused(code: str, field: str = "", *, reason: str = "", **fields: Any) -> Expected:
    """No, to whoever asked; `reason` is part of what is said."""

    def differs(play: Play, found: Any) -> str | None:
        if not isinstance(found, Refusal):
            return "no refusal"
        wrong = [
            name for name, value in {"code": code, "field": field, **fields}.items() if getattr(found, name) != value
        ]
        wrong += ["reason"] if reason not in str(found) else []
        return f"differs in {', '.join(wrong)}" if wrong else _hearer(play)

    words = ({"field": field} if field else {}) | ({"reason": reason} if reason else {}) | fields
    return Expected("reply", f"refused({code!r}{_named(words)})", differs)


def reply(message: OR_FROM_PLAY) -> Expected:
    """This answer, to whoever asked."""

    def differs(play: Play, found: Any) -> str | None:
        return _hearer(play) if found == _from(play, message) else f"wanted {_from(play, message)}"

    return Expected("reply", f"reply({_text(message)})", differs)


NOBODY: Final = "nobody waits for a reply"


def _hearer(play: Play) -> str | None:
    return None if play.asked is not None else NOBODY


stored: Final = Expected(
    "outcome", "stored", lambda play, found: None if found == play.decision.reply else "not what is replied"
)
"""The reply is stored with the command's id, for whoever sends it again."""


def stored_as(answer: Expected) -> Expected:
    """This is stored for whoever sends the command again, while the reply itself comes later."""
    return Expected("outcome", f"stored_as({answer.text})", answer.differs)


def keep(key: str) -> Expected:
    """Whoever asked waits for `answers(key, ...)`."""

    def differs(play: Play, found: Any) -> str | None:
        return "another key" if found != key else _hearer(play)

    return Expected("keep", f"keep({key!r})", differs)


def answers(key: str, message: OR_FROM_PLAY | Expected) -> Expected:
    """Everybody who is kept under the key gets this."""

    def differs(play: Play, found: Any) -> str | None:
        if found[0] != key:
            return "another key"
        if isinstance(found[1], Accepted) and found[1].command_id != play.before.operation.command_id:
            return "another command"
        if isinstance(message, Expected):
            why = message.differs(play, found[1])
            return None if why == NOBODY else why
        return None if found[1] == _from(play, message) else f"wanted {_from(play, message)}"

    text = message.text if isinstance(message, Expected) else _text(message)
    return Expected("answers", f"answers({key!r}, {text})", differs)


# --- audit ------------------------------------------------------------------------------------------------------


def audit(code: str, *, severity: str = "normal", text: str = "", **refers: str) -> Expected:
    """A line of the audit trail that refers to these and to nothing else; `text` is part of it."""

    number = EXTERNAL[severity] if code == "external" else TEXTS[code].number

    def differs(play: Play, found: Any) -> str | None:
        referred = {field.name: value.id for field in attrs.fields(type(found))
                    if isinstance(value := getattr(found, field.name), Ref)}  # fmt: skip
        wrong = [
            *(["code"] if found.code != number else []),
            *(["severity"] if found.severity != severity else []),
            *(["text"] if text not in (found.description or "") else []),
            *([f"refers {referred}"] if referred != refers else []),
        ]
        return f"differs in {', '.join(wrong)}" if wrong else None

    words = ({"severity": severity} if severity != "normal" else {}) | ({"text": text} if text else {}) | refers
    return Expected("audit", f"audit({code!r}{_named(words)})", differs)


# --- the state after it -----------------------------------------------------------------------------------------


def status(value: str) -> Expected:
    """What the entity is afterwards: `gone` when it is no more."""
    return Expected("status", f"status({value!r})", lambda play, found: None if found == value else "another status")
