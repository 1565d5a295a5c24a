"""How a whole decision is compared with what a transcript expects of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import attrs

from actors.entity.decision import AcknowledgeStep, AcknowledgeStopped, Decision, Effect, RequestReport, RunStep, Tell

if TYPE_CHECKING:
    from tests.actors.playbook import Play


@attrs.frozen
class Expected:
    """One thing that a decision says. `place` is the sequence that it is part of; `differs` says why it is not that."""

    place: str
    text: str
    differs: Callable[[Play, Any], str | None]


def compare(play: Play, expected: Iterable[Expected]) -> None:
    """Raises `AssertionError` with both sides when the last decision is not exactly this."""
    wanted: dict[str, list[Expected]] = {}
    for each in expected:
        wanted.setdefault(each.place, []).append(each)
    found = parts_of(play.decision)
    if "status" in wanted:
        found["status"] = [status_of(play.state)]
    problems: list[str] = []
    for place in dict.fromkeys((*wanted, *found)):
        compared = _effects_differ if place == "effects" else _sequence_differs
        problems += compared(play, wanted.get(place, []), found.get(place, []))
    if problems:
        raise AssertionError("\n".join([f"after {play.message}:", *problems, f"decided: {play.decision}"]))


def parts_of(decision: Decision) -> dict[str, list[Any]]:
    """Everything that a decision says, by its fields, each of its elements once; a question in its two halves."""
    found: dict[str, list[Any]] = {"ask": [], "release": []}
    for field in attrs.fields(type(decision)):
        value = getattr(decision, field.name)
        if field.name == "question":
            found["ask"] = [value.ask] if value is not None else []
            found["release"] = [value.release] if value is not None and value.release is not None else []
        elif isinstance(value, tuple):
            found[field.name] = list(value)
        else:
            found[field.name] = [value] if value != field.default else []
    return found


def status_of(state: Any) -> str:
    if state is None:
        return "gone"
    return str(getattr(state, "status", None) or state.template.status)


def _sequence_differs(play: Play, wanted: list[Expected], found: list[Any]) -> list[str]:
    problems = []
    for expected, actual in zip_longest(wanted, found):
        if actual is None:
            problems.append(f"  missing:      {expected.text}")
        elif expected is None:
            problems.append(f"  not expected: {reported(actual)}")
        elif why := expected.differs(play, actual):
            problems += [
                f"  expected:     {expected.text}",
                f"  but was:      {reported(actual)}",
                f"                {why}",
            ]
    return problems


def _effects_differ(play: Play, wanted: list[Expected], found: list[Effect]) -> list[str]:
    """Effects to one receiver keep their order; whether another one's come before or after does not matter."""
    left = list(found)
    taken: list[tuple[int, Expected]] = []
    problems = []
    for expected in wanted:
        actual = next((each for each in left if expected.differs(play, each) is None), None)
        if actual is None:
            problems.append(f"  missing:      {expected.text}")
            continue
        left.remove(actual)
        place = next(i for i, each in enumerate(found) if each is actual)
        later = [text for i, text in taken if i > place and receiver(found[i]) == receiver(actual)]
        problems += [f"  too early:    {text.text} before {expected.text}" for text in later]
        taken.append((place, expected))
    return problems + [f"  not expected: {reported(each)}" for each in left]


def receiver(effect: Effect) -> str:
    match effect:
        case Tell(address=address):
            return address
        case RunStep(step=step) | AcknowledgeStep(step=step):
            return f"node {step.host}"
        case AcknowledgeStopped(host_id=host_id) | RequestReport(host_id=host_id):
            return f"node {host_id}"
    return "the actor"


def reported(value: Any) -> str:
    """A value with only what is set otherwise than by default."""
    if not attrs.has(type(value)):
        return repr(value)
    fields = [
        f"{field.name}={reported(getattr(value, field.name))}"
        for field in attrs.fields(type(value))
        if getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(fields)})"
