"""The audit trail: every line that the source writes has a code, and a code says one thing."""

from __future__ import annotations

import ast
import collections

from cli.daemons.engine.observer import REPORTED
from protocol.audit import CODES, line
from protocol.codec import decode, encode
from protocol.model.activity import Event
from protocol.model.types import about
from tests.protocol import source

ours = 9_000  # oVirt's codes of engine events end below; ours begin here

# What nothing writes yet: the feature behind it is not there. A line that gets its writer leaves this list.
not_written_yet = frozenset({"host_enrolled", "storage_domain_added", "vm_suspend_failed"})


def written() -> tuple[dict[str, str], list[str]]:
    """What is written, with one place each; and places where the name is made and cannot be told from the source."""
    found: dict[str, str] = {}
    made: list[str] = []
    for module in source.modules():
        if module.path == "protocol/audit.py" or "protocol.audit" not in module.text:
            continue
        functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for call in module.calls("line"):
            if not call.args:
                continue
            names = source.texts(call.args[0])
            if names is None:
                around = [function for function in functions if call in ast.walk(function)]
                names = _names_of(call.args[0], around[-1], module) if around else []
            if not names:
                made.append(f"{module.path}: {ast.unparse(call.args[0])}")
            found |= dict.fromkeys(names, module.at(call))
    return found, made


def _names_of(made: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef, module: source.Module) -> list[str]:
    """What a name may hold: what is assigned to it in the function, or what callers in this module pass for it."""
    names: list[str] = []
    wanted = ast.unparse(made)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [wanted]:
            names += source.texts(node.value) or []
    parameters = [argument.arg for argument in function.args.args]
    if wanted in parameters:
        for call in module.calls(function.name):
            if len(call.args) > parameters.index(wanted):
                names += source.texts(call.args[parameters.index(wanted)]) or []
    return names


def test_every_line_that_is_written_has_a_code() -> None:
    found, made = written()
    assert {name: at for name, at in found.items() if name not in CODES} == {}
    assert len(found) > 40
    assert made == ["cli/daemons/engine/observer.py: code"]  # from a table, see the next test


def test_what_actors_do_has_codes() -> None:
    assert {code for code, _, _ in REPORTED.values()} <= set(CODES)


def test_codes_are_unique() -> None:
    twice = [code for code, count in collections.Counter(CODES.values()).items() if count > 1]
    assert twice == []


def test_codes_are_positive_and_names_are_messages() -> None:
    for name, code in CODES.items():
        assert 0 < code < 10_000, name
        assert name.replace("_", "").isalpha(), name
        assert name.islower(), name


def test_a_line_refers_by_attributes_of_the_event() -> None:
    references = {field.name for field in Event.__attrs_attrs__ if about(field).refers}
    wrong = []
    for module in source.modules():
        if "protocol.audit" not in module.text or module.path == "protocol/audit.py":
            continue
        for call in module.calls("line"):
            given = {keyword.arg for keyword in call.keywords if keyword.arg} - {"severity", "description"}
            if isinstance(call.func, ast.Name) and not given <= references:
                wrong.append(f"{module.at(call)}: {sorted(given - references)}")
    assert wrong == []


def test_severities_are_ovirts() -> None:
    choices = about(next(field for field in Event.__attrs_attrs__ if field.name == "severity")).choices
    for module in source.modules():
        if "protocol.audit" in module.text:
            for call in module.calls("line"):
                severity = source.keyword(call, "severity", "normal")
                assert severity is ... or severity in choices, module.at(call)


def test_a_line_is_an_event() -> None:
    event = line("vm_started", "VM one started on Host two.", vm="v", host="h", user="")
    assert event == decode(encode(event))
    assert (event.code, event.severity, event.origin) == (32, "normal", "corral")
    assert event.vm is not None
    assert event.vm.id == "v"
    assert event.user is None
    assert event.time is None


def test_every_code_is_written_somewhere() -> None:
    text = "\n".join(module.text for module in source.modules() if module.path != "protocol/audit.py")
    unwritten = {name for name in CODES if f'"{name}"' not in text}
    assert unwritten == not_written_yet
