"""The shorthands of a transcript's `then`.

Each says one event, effect, reply or audit line. None names an epoch or the id of a step: they stand for *the step that
runs now* and *the step that was answered*. It must not decide anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
from actors.operations.operation import current_step, owner_of

from actors.entity.decision import CancelTimer, Effect, SetTimer, Tell, ToNode
from actors.entity.messages import CommandRequest
from actors.host.signals import DomainSeen
from actors.placement.messages import ReleasePlacement
from actors.reservations.messages import ReleaseReservation
from protocol.audit_texts import EXTERNAL, TEXTS
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.message import Message
from protocol.model.types import Ref
from protocol.node_messages import DomainChanged, ForgetSteps, NodeCommand, ReportNow, StepDone
from protocol.receipts import stopped_receipt
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
    goes on with, why it `undoes` what was done, how it `ends` and `why`."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found) is not cls:
            return "another event"
        wrong = [name for name, value in fields.items() if getattr(found, name) != value]
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
    return Expected("event", f"event({cls.__name__}{_named(words)})", differs)


def _named(fields: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in fields.items())


# --- effects ----------------------------------------------------------------------------------------------------


def _effect(receiver: str, text: str, wanted: Callable[[Play], Effect]) -> Expected:
    def differs(play: Play, found: Any) -> str | None:
        return None if found == wanted(play) else f"wanted {wanted(play)}"

    return Expected("effect", text, differs)


def to_node(body: OR_FROM_PLAY) -> Expected:
    """The step under way goes to its host."""

    def wanted(play: Play) -> Effect:
        operation = play.operation
        step = current_step(operation) if operation is not None else None
        assert operation is not None, "no operation is under way"
        assert step is not None, "no step is under way"
        message = NodeCommand(epoch=0, step_id=step.id, body=_from(play, body), correlation_id=operation.correlation_id)
        return ToNode(host_id=step.host_id, message=message)

    return _effect("node", f"to_node({_text(body)})", wanted)


def beside(body: OR_FROM_PLAY, *, host: str) -> Expected:
    """A step of its own, beside any operation: nobody waits for its outcome but to acknowledge it."""

    def differs(play: Play, found: Any) -> str | None:
        if not isinstance(found, ToNode) or not isinstance(found.message, NodeCommand) or found.host_id != host:
            return f"no command to {host}"
        if found.message.body != _from(play, body):
            return f"wanted {_from(play, body)}"
        step = found.message.step_id
        steps = play.operation.steps if play.operation is not None else ()
        address = f"{play.room.kind}/{play.id}"
        return None if owner_of(step) == address and step not in [s.id for s in steps] else f"in step {step}"

    return Expected("effect", f"beside({_text(body)}, host={host!r})", differs)


def ack() -> Expected:
    """The host that answered may forget the step that it answered."""

    def wanted(play: Play) -> Effect:
        assert isinstance(play.message, StepDone), "no node answered"
        step = play.message.step_id
        return ToNode(host_id=play.sent[step].host_id, message=ForgetSteps(epoch=0, step_ids=(step,)))

    return _effect("node", "ack()", wanted)


def ack_stopped() -> Expected:
    """The host that said that the domain ended may forget it."""

    def wanted(play: Play) -> Effect:
        seen = play.message
        assert isinstance(seen, DomainSeen), "no host said that a domain ended"
        receipt = stopped_receipt(DomainChanged(domain=seen.domain, stopped=seen.stopped))
        return ToNode(host_id=seen.host_id, message=ForgetSteps(epoch=0, step_ids=(receipt,)))

    return _effect("node", "ack_stopped()", wanted)


def look(host: str) -> Expected:
    """The host says now what it has."""
    return _effect("node", f"look({host!r})", lambda _: ToNode(host_id=host, message=ReportNow(epoch=0)))


def timer(name: str, seconds: float) -> Expected:
    return _effect("timer", f"timer({name!r}, {seconds:g})", lambda _: SetTimer(name=name, seconds=seconds))


def cancel(name: str) -> Expected:
    return _effect("timer", f"cancel({name!r})", lambda _: CancelTimer(name=name))


def tell(address: str, message: OR_FROM_PLAY) -> Expected:
    """Another actor hears this, and nobody waits for an answer."""
    return _effect(
        address,
        f"tell({address!r}, {_text(message)})",
        lambda play: Tell(address=address, message=_from(play, message)),
    )


def ask(address: str, message: OR_FROM_PLAY) -> Expected:
    """Another actor is asked; `answered(...)` brings its answer."""

    def differs(play: Play, found: Any) -> str | None:
        if not isinstance(found, Tell) or not found.token:
            return "no question"
        wanted = Tell(address=address, message=_from(play, message), token=found.token)
        return None if found == wanted else f"wanted {wanted}"

    return Expected("effect", f"ask({address!r}, {_text(message)})", differs)


def release() -> Expected:
    """The scheduler lets go of the capacity that it held for the command."""
    return _effect(
        "scheduler/main",
        "release()",
        lambda play: Tell(address="scheduler/main", message=ReleasePlacement(operation_id=_command(play).command_id)),
    )


def release_claim() -> Expected:
    """The names and addresses that were reserved for the command are let go."""
    return _effect(
        "reservations/main",
        "release_claim()",
        lambda play: Tell(address="reservations/main", message=ReleaseReservation(holder=_command(play).command_id)),
    )


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
        *(["kind"] if found.kind != (kind or getattr(play.room, "kind", "")) else []),
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


def unheard(answer: Expected) -> Expected:
    """A reply that nobody waits for any more: it was answered before."""

    def differs(play: Play, found: Any) -> str | None:
        if play.asked is not None:
            return "somebody waits for it"
        return None if (why := answer.differs(play, found)) in (None, NOBODY) else why

    return Expected("reply", f"unheard({answer.text})", differs)


NOBODY: Final = "nobody waits for a reply"


def _hearer(play: Play) -> str | None:
    return None if play.asked is not None else NOBODY


stored: Final = Expected("store", "stored", lambda play, found: None)
"""The reply is kept with the command's id, for whoever sends it again."""


def kept(answer: Expected) -> Expected:
    """This is kept for whoever sends the command again, while the reply itself comes later."""
    return Expected("kept", f"kept({answer.text})", answer.differs)


to_who_waits: Final = Expected("token", "to_who_waits", lambda play, found: None if play.asked else NOBODY)
"""The reply goes to whoever waits for another actor's answer."""


def hold(key: str) -> Expected:
    """Whoever asked waits for `answers(key, ...)`."""
    return Expected("hold", f"hold({key!r})", lambda play, found: None if found == key else "another key")


def answers(key: str, message: OR_FROM_PLAY | Expected) -> Expected:
    """Everybody who waits under the key gets this."""

    def differs(play: Play, found: Any) -> str | None:
        if found[0] != key:
            return "another key"
        if isinstance(message, Expected):
            why = message.differs(play, found[1])
            return None if why == NOBODY else why
        return None if found[1] == _from(play, message) else f"wanted {_from(play, message)}"

    text = message.text if isinstance(message, Expected) else _text(message)
    return Expected("answer", f"answers({key!r}, {text})", differs)


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
