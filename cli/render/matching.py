"""Filters a list in the client with `--kwargs 'name=web*;status=up'`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cli.client.rest import Document
from cli.index import Noun
from cli.problems import SyntaxProblem
from cli.render import cells
from cli.render import printing as render


def matcher(noun: Noun, kwargs: str | None) -> Callable[[Document], bool]:
    """What `--kwargs 'name=web*;status=up'` keeps. A `*` stands for any text, as in the search language."""
    if not kwargs:
        return lambda document: True
    pairs = [part.partition("=") for part in kwargs.split(";") if part.strip()]
    if any(not sign for _, sign, _ in pairs):
        raise SyntaxProblem(f"--kwargs {kwargs!r}: write attribute=value, separated by ;.")
    render.columns(noun, chosen=[key.strip() for key, _, _ in pairs])

    def keep(document: Document) -> bool:
        found = [(cells.at(document, key.strip().split(".")), value.strip()) for key, _, value in pairs]
        return all(_fits(_plain(have), wanted) for have, wanted in found)

    return keep


def _fits(have: str, wanted: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("*")), have, re.DOTALL) is not None


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name") or value.get("id", ""))
    return str(value).lower() if isinstance(value, bool) else str(value)
