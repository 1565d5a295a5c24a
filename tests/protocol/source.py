"""Every module of the rooms as its text and its syntax tree, for tests that hold the source to a rule."""

from __future__ import annotations

import ast
import functools
import pathlib
from collections.abc import Iterator
from typing import Final

import attrs

root: Final = pathlib.Path(__file__).parents[2]
rooms: Final = ("protocol", "actors", "supervisors", "node", "guest", "gateway", "cli")


@attrs.frozen
class Module:
    """One file: its path from the root, its text, its tree."""

    path: str
    text: str
    tree: ast.Module

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Every call of a function or class of this name, plainly or as an attribute."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and name == getattr(node.func, "id", getattr(node.func, "attr", None)):
                yield node

    def at(self, node: ast.expr | ast.stmt | ast.excepthandler) -> str:
        """Where a node stands: `path:line`."""
        return f"{self.path}:{node.lineno}"


@functools.cache
def modules(folders: tuple[str, ...] = rooms) -> tuple[Module, ...]:
    """Every module of the rooms, or of other folders, by path. Raises `SyntaxError`."""
    found = []
    for room in folders:
        for path in sorted((root / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found.append(Module(str(path.relative_to(root)), text, ast.parse(text, str(path))))
    return tuple(found)


def texts(node: ast.expr) -> list[str] | None:
    """The texts that an expression may be: one for a constant, both sides of a condition; None when it is made."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        body, otherwise = texts(node.body), texts(node.orelse)
        return None if body is None or otherwise is None else body + otherwise
    return None
