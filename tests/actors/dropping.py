"""Every transcript of the rooms, replayed with one element of one decision taken out: each replay must fail.

A transcript is a plain test function in `tests/actors/<room>/test_*.py` that plays (see `playbook.py`): a new one takes
part by itself. It must not change what is tested: a decision is altered between the deciding and the comparison.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from actors.entity.decision import Decision
from tests.actors.desk import desk

ROOMS: Final = ("access", "entity", "host", "inventory", "placement", "storage", "vm")
Run = Callable[[], object]


@attrs.frozen
class Transcript:
    name: str
    run: Run


@attrs.frozen
class Drop:
    """One element that is taken out of the decision of that number."""

    decision: int
    what: str
    without: Callable[[Decision], Decision]


def transcripts() -> list[Transcript]:
    """All of them, one for each set of parameters."""
    here = pathlib.Path(__file__).parent
    paths = [path for room in ROOMS for path in sorted((here / room).glob("test_*.py"))]
    names = [".".join(("tests", "actors", path.parent.name, path.stem)) for path in paths]
    modules = [importlib.import_module(name) for name in (*names, "tests.actors.test_first_transaction")]
    return [found for module in modules for found in _of(module)]


def _of(module: Any) -> Iterator[Transcript]:
    for name, test in vars(module).items():
        if not name.startswith("test_") or inspect.iscoroutinefunction(test) or hasattr(test, "hypothesis"):
            continue
        for number, parameters in enumerate(_parameters(test)):
            if set(inspect.signature(test).parameters) == set(parameters):
                label = f"{module.__name__.removeprefix('tests.actors.')}.{name}[{number}]"
                yield Transcript(label, lambda test=test, parameters=parameters: test(**parameters))


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    """The sets of arguments that its `parametrize` marks make."""
    axes = []
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            names, rows = mark.args
            names = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)
            axes.append([dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in rows])
    for chosen in itertools.product(*axes):
        yield {name: value for each in chosen for name, value in each.items()}


def decisions_of(transcript: Transcript) -> tuple[Decision, ...]:
    """What is decided in it, in order. Raises what it raises: it must be green as it is."""
    desk.clear()
    transcript.run()
    made = tuple(desk.made)
    desk.check()
    return made


def drops_of(decisions: tuple[Decision, ...]) -> Iterator[Drop]:
    """Each element of each field: events, effects, audit lines, ...; the reply, the question and its release, ..."""
    for number, decision in enumerate(decisions):
        for field in attrs.fields(type(decision)):
            value = getattr(decision, field.name)
            if isinstance(value, tuple):
                for place, element in enumerate(value):
                    yield Drop(number, f"{field.name}[{place}] {element}"[:160], _without_element(field.name, place))
            elif value != field.default:
                yield Drop(number, f"{field.name} {value}"[:160], _without_field(field.name, field.default))
        if decision.question is not None and decision.question.release is not None:
            yield Drop(number, f"release {decision.question.release}"[:160], _without_release)


def _without_element(name: str, place: int) -> Callable[[Decision], Decision]:
    def without(decision: Decision) -> Decision:
        elements = getattr(decision, name)
        return attrs.evolve(decision, **{name: (*elements[:place], *elements[place + 1 :])})

    return without


def _without_field(name: str, default: Any) -> Callable[[Decision], Decision]:
    return lambda decision: attrs.evolve(decision, **{name: default})


def _without_release(decision: Decision) -> Decision:
    assert decision.question is not None
    return attrs.evolve(decision, question=attrs.evolve(decision.question, release=None))


def survives(transcript: Transcript, drop: Drop) -> bool:
    """Whether the transcript is green without that element."""

    def alter(number: int, decision: Decision) -> Decision:
        return drop.without(decision) if number == drop.decision else decision

    desk.clear()
    desk.alter.append(alter)
    try:
        transcript.run()
        desk.check()
    except AssertionError:  # anything else is a crash, which may hide that nobody looked
        return False
    finally:
        desk.alter.clear()
        desk.clear()
    return True
