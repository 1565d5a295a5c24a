"""Which lines of the deciding modules the transcripts run, by Python's own tracing."""

from __future__ import annotations

import ast
import configparser
import pathlib
import sys
from collections.abc import Callable, Iterable
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any, Final, TypeGuard

from tests.protocol.source import root

SHELLS: Final = {
    "actor",
    "command_queue",
    "commits",
    "durable",
    "in_flight",
    "kind",
    "project",
    "rows",
    "services",
    "timers",
}
"""Around what decides: their own tests are asynchronous, and `tests/engine` runs them all."""

ELSEWHERE: Final = {
    "actors/entity/host_signals.py": "messages; what they conflate with is the kernel's to try",
    "actors/entity/supported.py": "tests/gateway sends all that is not supported yet",
    "actors/journal/commit_results.py": "tests/actors/journal tries it against every journal",
    "actors/journal/postgres/bulk.py": "tests/actors/journal tries it against PostgreSQL",
}
"""What no transcript plays, and why."""


def modules() -> list[str]:
    """Paths of the modules that decide, from the root: those of the contract `pure` in the actors' room."""
    contracts = configparser.ConfigParser()
    contracts.read(root / ".importlinter")
    paths: set[pathlib.Path] = set()
    for source in contracts["importlinter:contract:pure"]["source_modules"].split():
        path = root / source.removesuffix(".**").replace(".", "/")
        paths.update(path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")])
    found = {str(path.relative_to(root)) for path in paths if path.stem not in SHELLS}
    return sorted(path for path in found - ELSEWHERE.keys() if path.startswith("actors/"))


def lines_of(module: str) -> set[int]:
    """Lines within functions that have code, without those that only say what cannot be."""
    path = root / module
    text = path.read_text(encoding="utf-8")
    exempt: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert | ast.Raise) or _is_protocol(node):
            exempt |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    functions = (each for each in _within(compile(text, str(path), "exec")) if not each.co_name.startswith("<"))
    return {line for each in functions for line in _lines_of(each)} - exempt


def _is_protocol(node: ast.AST) -> TypeGuard[ast.ClassDef]:
    """A class that only says what others have."""
    return isinstance(node, ast.ClassDef) and any(ast.unparse(base).split("[")[0] == "Protocol" for base in node.bases)


def _lines_of(code: CodeType) -> set[int]:
    """Of a function with its lambdas and comprehensions, or of the functions of a class."""
    own = {line for _, _, line in code.co_lines() if line} if code.co_flags & CO_OPTIMIZED else set()
    return own.union(*(_lines_of(each) for each in _within(code)))


def _within(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def reached(runs: Iterable[Callable[[], object]]) -> dict[str, set[int]]:
    """The lines that these run, by module."""
    hit: dict[str, set[int]] = {str(pathlib.Path(root / module)): set() for module in modules()}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        lines = hit.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for run in runs:
            run()
    finally:
        sys.settrace(before)
    return {str(pathlib.Path(path).relative_to(root)): lines for path, lines in hit.items()}
