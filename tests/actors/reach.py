"""Which lines of the deciding modules the transcripts run, by Python's own tracing."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Callable, Iterable
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any, Final, TypeGuard

from tests.protocol.source import root

SHELLS: Final = frozenset({"__init__", "actor", "project"})
ENTITY: Final = ("decision", "operation", "operation_record", "refusals")
HOST: Final = ("commands", "decide", "evolve", "liveness", "maintenance")
"""Of the hosts' room only these decide; the others are links, certificates and samples."""
INVENTORY: Final = ("assign", "data_center", "decide", "kinds")


def modules() -> list[str]:
    """Paths of the modules that decide, from the root."""
    actors = root / "actors"
    paths = [actors / "entity" / f"{name}.py" for name in ENTITY]
    paths += [actors / "host" / f"{name}.py" for name in HOST]
    paths += [actors / "inventory" / f"{name}.py" for name in INVENTORY]
    for room in ("vm", "storage/disk", "storage/domain", "storage/template"):
        paths += [path for path in (actors / room).rglob("*.py") if path.stem not in SHELLS]
    return sorted(str(path.relative_to(root)) for path in paths)


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
    return isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
    )


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
