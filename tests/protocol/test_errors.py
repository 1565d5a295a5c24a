"""The tree of errors is the one that is drawn, and each error says what a caller needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from protocol import errors
from protocol.codec import decode, encode
from protocol.errors import CorralError, Refusal, Refused
from tests.protocol import source

_drawn = re.compile(r"^ {4}(?P<bars>[| ]*)(?:\|- )?(?P<name>\w+) *(?P<status>\d{3})? *(?P<code>\w+)?")


def children(cls: type[CorralError] = CorralError) -> Iterator[type[CorralError]]:
    """Every error class of the tree, `Refused` left out: it bears what another one said."""
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__ and child is not Refused:
            yield child
            yield from children(child)


def drawn() -> dict[str, tuple[str, int, str]]:
    """Name -> (parent, status, code), from the drawing at the top of `errors.py`."""
    assert errors.__doc__ is not None
    lines = [line for line in errors.__doc__.splitlines() if line.startswith("    ")]
    parents = [lines[0].strip()]
    found = {}
    for line in lines[1:]:
        matched = _drawn.match(line)
        assert matched is not None, line
        depth = line.index("|-") // 3  # columns 4, 7, 10: one deeper each
        parents[depth:] = [matched["name"]]
        found[matched["name"]] = (parents[depth - 1], int(matched["status"]), matched["code"])
    return found


def test_the_drawing_lists_exactly_the_classes() -> None:
    real = {cls.__name__: (cls.__bases__[0].__name__, cls.status, cls.code) for cls in children()}
    assert drawn() == real


def test_codes_are_unique() -> None:
    codes = [cls.code for cls in children()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


def test_statuses_are_http_errors() -> None:
    assert {cls.status for cls in children()} <= {400, 401, 403, 404, 409, 500, 503}


def test_only_what_time_may_heal_is_retryable() -> None:
    assert {cls.__name__ for cls in children() if cls.retryable} == {
        "Busy",
        "Interrupted",
        "NoHostFits",
        "Overtaken",
        "Unavailable",
    }


@pytest.mark.parametrize("cls", list(children()), ids=lambda cls: cls.__name__)
def test_an_error_travels_as_its_refusal(cls: type[CorralError]) -> None:
    error = cls("It did not.", remedy="Do it.", entity="vm/1", field="name", reasons=("a", "b"))
    refusal = decode(encode(error.refusal))
    assert refusal == Refusal(
        code=cls.code, reason="It did not.", remedy="Do it.", status=cls.status, retryable=cls.retryable,
        entity="vm/1", field="name", reasons=("a", "b"),
    )  # fmt: skip
    assert str(refusal) == "It did not. a b Do it."
    assert str(Refused(refusal)) == str(refusal)
    assert Refused(refusal).refusal is refusal


def test_a_refusal_is_made_by_its_error_alone() -> None:
    """So that its code, its status and whether a retry helps are written once."""
    made = {str(module.path) for module in source.modules() for _ in module.calls("Refusal")}
    assert made == {"protocol/errors.py"}


def test_every_refusal_of_the_engine_and_of_the_gateway_says_what_to_do_next() -> None:
    of_themselves = {cls.__name__ for cls in children() if cls.remedy}
    silent = []
    for module in source.modules():
        if module.path.partition("/")[0] not in ("protocol", "actors", "gateway"):
            continue
        for name in (cls.__name__ for cls in children() if cls.__name__ not in of_themselves):
            silent += [
                module.at(call) for call in module.calls(name) if "remedy" not in {each.arg for each in call.keywords}
            ]
    assert silent == []
