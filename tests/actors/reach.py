"""Which lines of the deciding modules the transcripts run, by Python's own tracing. It must not judge them."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, Final

from tests.protocol.source import root

SHELLS: Final = frozenset({"__init__", "actor"})
HOST: Final = ("commands", "decide", "liveness", "maintenance")
"""Of the hosts' room only these decide; the others are links, certificates and samples."""


def modules() -> list[str]:
    """Paths of the modules that decide, from the root."""
    actors = root / "actors"
    paths = [path for path in (actors / "vm").glob("*.py") if path.stem not in SHELLS | {"project"}]
    paths += [actors / "host" / f"{name}.py" for name in HOST]
    for kind in ("disk", "domain", "template"):
        paths += [path for path in (actors / "storage" / kind).glob("*.py") if path.stem not in SHELLS]
    return sorted(str(path.relative_to(root)) for path in paths)


def lines_of(module: str) -> set[int]:
    """Lines within functions that have code, without those that only say what cannot be."""
    path = root / module
    text = path.read_text(encoding="utf-8")
    exempt: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert | ast.Raise):
            exempt |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return _lines_within(compile(text, str(path), "exec")) - exempt


def _lines_within(code: CodeType) -> set[int]:
    found: set[int] = set()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 0x1:  # its locals are fast: a function's body, not a class's
                found |= {line for _, _, line in constant.co_lines() if line}
            found |= _lines_within(constant)
    return found


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
