"""The audit trail: every line that the source writes is in the catalogue, with exactly the parameters of its text."""

from __future__ import annotations

import ast
import collections
import inspect
import pathlib
import re
import string
from collections.abc import Iterator, Mapping
from typing import Final, cast

import attrs
import pytest

from actors.inventory.kinds import KINDS as SERVED
from protocol.activity.audit import line
from protocol.activity.audit_texts import EXTERNAL, OWN_FROM, TEXTS
from protocol.activity.model import NAMED_IN_EVENTS, Event
from protocol.codec import decode, encode
from protocol.document import about
from protocol.registry import RESOURCES
from tests.protocol import source

REFERENCES: Final = {field.name for field in Event.__attrs_attrs__ if about(field).refers}
SEVERITIES: Final = about(next(field for field in Event.__attrs_attrs__ if field.name == "severity")).choices

GRAVER: Final = {
    "vm_down_with_host",
    "vm_found_paused",
    "disk_remove_failed",
    "storage_domain_inactive",
    "vm_freeze_failed",
    "vm_thaw_failed",
}
"""What oVirt says with less weight. Each leaves something that does not work until somebody acts."""

INVENTORY: Final = "actors/inventory/decide.py: f'{kind}_{verb}'"
"""A name that is put together: of an entity without behaviour, by its kind."""

ASSIGNMENT: Final = "actors/inventory/assign.py: f'{command.relation}_{verb}_{command.holder}'"
"""Of what is assigned, by the kinds of both sides."""

OVIRT: Final = {
    ours: (int(number), name, severity)
    for ours, number, name, severity in (
        row.split()
        for row in (pathlib.Path(__file__).parents[1] / "data/ovirt_event_codes.txt").read_text().splitlines()
        if not row.startswith("#")
    )
}


# --- what the source writes -------------------------------------------------------------------------------------


@attrs.frozen
class Use:
    """A place that writes the line `name`, with these parameters."""

    at: str
    name: str
    parameters: frozenset[str]


@attrs.frozen
class Wrapper:
    """A function that writes whatever line its caller names, with these parameters and those that come on top; or a
    record that is called as one."""

    position: int
    parameters: frozenset[str]
    passes_on: bool


Scope = ast.FunctionDef | ast.ClassDef

LINE: Final = {"line": Wrapper(0, frozenset(), True)}
"""What makes a line in the end."""


def uses() -> tuple[list[Use], list[str]]:
    """Every place that writes a line, and the names that cannot be told from the source."""
    wrappers = _wrappers()
    found: list[Use] = []
    made: list[str] = []
    for module in source.modules():
        for call, function in _calls(module):
            wrapper = _called(call, module, wrappers)
            if wrapper is None or _name(call, wrapper) in _names(function):
                continue  # what only passes a name on is a wrapper itself: its callers are looked at
            names = _texts(call.args[wrapper.position], function, module)
            if not names:
                made.append(f"{module.path}: {_name(call, wrapper)}")
            found += [Use(module.at(call), each, _parameters(call, wrapper)) for each in names]
    return found, made


def _wrappers(known: Mapping[str, Wrapper] = LINE) -> Mapping[str, Wrapper]:
    """With those that make a line by way of another one."""
    found = dict(known)
    for module in source.modules():
        for call, function in _calls(module):
            wrapper = _called(call, module, known)
            if function is not None and wrapper is not None and _name(call, wrapper) in _names(function):
                position = _names(function).index(_name(call, wrapper))
                passes_on = any(given.arg is None for given in call.keywords)
                found[_scoped(function.name, module)] = Wrapper(position, _parameters(call, wrapper), passes_on)
    return found if found == known else _wrappers(found)


def _called(call: ast.Call, module: source.Module, wrappers: Mapping[str, Wrapper]) -> Wrapper | None:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    return None if name in LINE and not _imports_line(module) else wrappers.get(_scoped(name, module))


def _name(call: ast.Call, wrapper: Wrapper) -> str:
    return ast.unparse(call.args[wrapper.position])


def _parameters(call: ast.Call, wrapper: Wrapper) -> frozenset[str]:
    return wrapper.parameters | (_given(call) if wrapper.passes_on else frozenset())


def _scoped(name: str, module: source.Module) -> str:
    """A function's name; a private one counts in its module alone."""
    return f"{module.path}:{name}" if name.startswith("_") else name


def _calls(module: source.Module) -> Iterator[tuple[ast.Call, Scope | None]]:
    """Every call, with the innermost function around it, or the record that is called as one."""

    def walk(node: ast.AST, scope: Scope | None) -> Iterator[tuple[ast.Call, Scope | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield child, scope
            is_record = isinstance(child, ast.ClassDef) and any(
                isinstance(each, ast.FunctionDef) and each.name == "__call__" for each in child.body
            )
            is_function = isinstance(child, ast.FunctionDef) and not isinstance(scope, ast.ClassDef)
            yield from walk(child, cast(Scope, child) if is_record or is_function else scope)

    yield from walk(module.tree, None)


def _imports_line(module: source.Module) -> bool:
    return "from protocol.activity.audit import line" in module.text


def _names(scope: Scope | None) -> list[str]:
    """What its caller gives, in order, as it is called inside."""
    if isinstance(scope, ast.ClassDef):
        return [f"self.{ast.unparse(each.target)}" for each in scope.body if isinstance(each, ast.AnnAssign)]
    return [argument.arg for argument in scope.args.args] if scope is not None else []


def _given(call: ast.Call) -> frozenset[str]:
    return frozenset(keyword.arg for keyword in call.keywords if keyword.arg) - REFERENCES


def _texts(node: ast.expr, function: Scope | None, module: source.Module) -> list[str]:
    """What a name may be: written there, assigned in the function, or looked up in a table of the module."""
    if (written := source.texts(node)) is not None:
        return written
    if isinstance(node, ast.Subscript):
        return _table(ast.unparse(node.value), module)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return _table(ast.unparse(node.func.value), module)
    found: list[str] = []
    if isinstance(node, ast.Name) and function is not None:
        for assigned in ast.walk(function):
            if isinstance(assigned, ast.Assign):
                for target, value in _pairs(assigned):
                    if ast.unparse(target) == node.id:
                        found += _texts(value, None, module)
    return found


def _pairs(assigned: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in assigned.targets:
        if isinstance(target, ast.Tuple) and isinstance(assigned.value, ast.Tuple):
            yield from zip(target.elts, assigned.value.elts, strict=True)
        else:
            yield target, assigned.value


def _table(name: str, module: source.Module) -> list[str]:
    """The values of a table at the top of a module."""
    for node in module.tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and isinstance(node.value, ast.Dict):
            return [text for value in node.value.values for text in source.texts(value) or []]
    return []


def _fields(text: str) -> frozenset[str]:
    """The parameters of a text."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_every_kind_that_an_event_can_name_is_a_parameter_of_a_line() -> None:
    named = {name for name, each in inspect.signature(line).parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert named == {*NAMED_IN_EVENTS} == REFERENCES
    assert len(NAMED_IN_EVENTS) == len(REFERENCES)


def test_every_line_is_in_the_catalogue_and_gives_the_parameters_of_its_text() -> None:
    found, made = uses()
    assert sorted(set(made)) == [ASSIGNMENT, INVENTORY]
    assert {use.at: use.name for use in found if use.name not in TEXTS} == {}
    wrong = [use for use in found if use.parameters != _fields(TEXTS[use.name].text)]
    assert wrong == []
    assert len(found) > 80, "the walk finds what there is"


def test_the_catalogue_holds_only_what_is_written() -> None:
    written = {use.name for use in uses()[0]} | {f"{kind}_{verb}" for kind in SERVED for verb in VERBS}
    written |= {
        f"{resource.kind}_{verb}_{holder}"
        for resource in RESOURCES
        for holder in resource.assigned_to
        for verb in ("assigned_to", "taken_from")
    }
    assert set(TEXTS) - written == set()


VERBS: Final = ("added", "updated", "removed")


@pytest.mark.parametrize("kind", sorted(SERVED))
def test_entities_without_behaviour_have_their_three_lines(kind: str) -> None:
    """Their call puts the name together; it gives these two parameters."""
    for verb in VERBS:
        assert _fields(TEXTS[f"{kind}_{verb}"].text) == {"name", "user_name"}


def test_the_walk_sees_a_wrong_parameter() -> None:
    """Each of these would fail the first test."""
    text = (
        "from protocol.activity.audit import line\n"
        "def one(state): return line('vm_removed', vm=state.id)\n"
        "def two(what): return line(what, name='n')\n"
        "def three(): return two('vm_paused' if True else 'vm_started')\n"
        "TABLE: Final = {1: 'vm_reset', 2: 'nothing'}\n"
        "def four(key): return line(TABLE[key], name='n', reason='r')\n"
    )
    module = source.Module("x.py", text, ast.parse(text))
    calls = {ast.unparse(call): _texts(call.args[0], function, module) for call, function in _calls(module)}
    assert calls == {
        "line('vm_removed', vm=state.id)": ["vm_removed"],
        "line(what, name='n')": [],
        "two('vm_paused' if True else 'vm_started')": ["vm_paused", "vm_started"],
        "line(TABLE[key], name='n', reason='r')": ["vm_reset", "nothing"],
    }
    given = [_given(call) for call, _ in _calls(module)]
    assert given == [frozenset(), {"name"}, frozenset(), {"name", "reason"}]


# --- numbers and severities -------------------------------------------------------------------------------------


def test_numbers_are_unique() -> None:
    numbers = collections.Counter([*(said.number for said in TEXTS.values()), *EXTERNAL.values()])
    assert [number for number, count in numbers.items() if count > 1] == []


def test_numbers_below_ours_mean_what_ovirt_means_by_them() -> None:
    """`tests/data/ovirt_event_codes.txt` lays our names beside oVirt's, for a reader to judge."""
    borrowed = {name: said.number for name, said in TEXTS.items() if said.number < OWN_FROM}
    borrowed |= {f"external_{severity}": number for severity, number in EXTERNAL.items()}
    assert borrowed == {ours: number for ours, (number, _, _) in OVIRT.items()}
    assert max(borrowed.values()) < 16_000, "oVirt has none above"


def test_severities_are_ovirts_where_the_number_is() -> None:
    assert {said.severity for said in TEXTS.values()} <= set(SEVERITIES)
    assert set(EXTERNAL) == set(SEVERITIES)
    other = {name for name, said in TEXTS.items() if name in OVIRT and said.severity != OVIRT[name][2]}
    assert other == GRAVER


def test_what_failed_is_no_normal_line() -> None:
    for name, said in TEXTS.items():
        if name.endswith("_failed"):
            assert said.severity == "error", name
            assert said.text.startswith("Failed to "), name


# --- texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_text_is_made_of_whole_sentences(name: str) -> None:
    text = TEXTS[name].text
    assert text.endswith((".", ".]"))
    assert "  " not in text
    assert text[0].isupper() or text.startswith(("{", "vNIC"))
    assert len(text) <= 180
    assert re.fullmatch(r"[^\[\]]*(\[[^\[\]]*\{\w+\}[^\[\]]*\][^\[\]]*)*", text), "each optional part has one parameter"
    assert re.sub(r"\{[a-z_]+(:g)?\}", "", text).count("{") == 0


def test_names_are_plain_and_no_two_texts_are_the_same() -> None:
    assert all(re.fullmatch(r"[a-z_]+", name) for name in TEXTS)
    assert len({said.text for said in TEXTS.values()}) == len(TEXTS)


def test_parameters_are_not_taken_for_references() -> None:
    for name, said in TEXTS.items():
        assert not _fields(said.text) & (REFERENCES | {"what"}), name


# --- a line -----------------------------------------------------------------------------------------------------


def test_a_line_is_an_event() -> None:
    event = line("vm_started", vm="v", host="h", user="", name="one", host_name="two")
    assert event == decode(encode(event))
    assert event.description == "VM one started on host two."
    assert (event.code, event.severity, event.origin) == (32, "normal", "corral")
    assert event.vm is not None
    assert event.vm.id == "v"
    assert event.user is None
    assert event.time is None


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", "root initiated the shutdown of VM web."),
        ("night", "root initiated the shutdown of VM web (reason: night)."),
        ("[x] {name}", "root initiated the shutdown of VM web (reason: [x] {name})."),
    ],
)
def test_an_optional_part_is_left_out_when_empty(reason: str, shown: str) -> None:
    assert line("vm_shutdown", name="web", user_name="root", reason=reason).description == shown


@pytest.mark.parametrize("reason", ["The disk is full.", "The disk is full"])
def test_a_line_ends_with_one_full_stop(reason: str) -> None:
    said = line("vm_add_failed", name="web", reason=reason)
    assert said.description == "Failed to create VM web: The disk is full."


def test_numbers_are_shown_as_they_are() -> None:
    said = line("vm_shutdown_ignored", name="web", seconds=300.0)
    assert said.description == "VM web did not shut down within 300 s. It is still running; stop it to power it off."
    said = line("host_maintenance_requested", name="one", user_name="root", reason="", vm_count=0)
    assert said.description == "Host one is being moved to maintenance by root."


def test_what_the_catalogue_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError):
        line("vm_exploded", name="web")
    with pytest.raises(KeyError):
        line("vm_removed", vm="v")
