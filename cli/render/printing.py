"""Prints documents as a table, JSON, JSON lines, YAML or names. The names of references are handed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from cli.index import Noun
from cli.options import held, readable
from cli.problems import SyntaxProblem
from cli.render import cells

Document = dict[str, Any]
Column = tuple[str, tuple[str, ...], dict[str, Any]]  # heading, path, what the registry says of the attribute
Names = Callable[[str, str], str]  # (type, id) -> name

_COLOURS = {
    "up": "green", "active": "green", "ok": "green", "operational": "green", "finished": "green",
    "down": "bright_black", "maintenance": "bright_black", "inactive": "bright_black",
    "error": "red", "failed": "red", "non_responsive": "red", "non_operational": "red", "illegal": "red",
    "alert": "red", "not_responding": "red", "unknown": "red", "aborted": "red",
    "paused": "yellow", "warning": "yellow", "started": "yellow", "locked": "yellow", "image_locked": "yellow",
}  # fmt: skip


def columns(noun: Noun, *, wide: bool = False, chosen: Sequence[str] = ()) -> list[Column]:
    """The columns of a table: those the registry numbers, all plain ones when wide, or the chosen paths."""
    known = {".".join(path): entry for path, entry in readable(noun["attributes"])}
    if chosen:
        unknown = [path for path in chosen if path.replace("-", ".") not in known and path not in known]
        if unknown:
            raise SyntaxProblem(f"{noun['name']} has no attribute {unknown[0]}. See: corral {noun['name']} list --help")
        paths = [path if path in known else path.replace("-", ".") for path in chosen]
        return [(path, tuple(path.split(".")), known[path]) for path in paths]
    numbered = sorted((e for e in noun["attributes"] if e.get("column")), key=lambda entry: int(entry["column"]))
    if wide:
        shown = [entry for entry in noun["attributes"] if not entry.get("link") and not entry.get("column")]
        numbered = [*numbered, *sorted(shown, key=lambda entry: entry["name"] != "id")]
    elif not numbered or not noun["named"] or numbered[0]["name"] != "name":
        numbered = [*(entry for entry in noun["attributes"] if entry["name"] == "id"), *numbered]
    return [(entry["name"], (entry["name"],), entry) for entry in numbered]


def documents(
    found: Sequence[Document], noun: Noun, form: str, *, names: Names, chosen: Sequence[str] = (), colour: bool = False
) -> str:
    """Every document in the wanted form, ready to print, without the last line end."""
    if form == "json":
        return json.dumps(list(found), indent=2, ensure_ascii=False)
    if form == "jsonl":
        return "\n".join(json.dumps(document, ensure_ascii=False) for document in found)
    if form == "yaml":
        return _yaml(list(found))
    if form == "name":
        return "\n".join(str(document.get("name") or document.get("id", "")) for document in found)
    shown = columns(noun, wide=form == "wide", chosen=chosen)
    rows = [[_cell(document, path, entry, noun, names) for _, path, entry in shown] for document in found]
    if form == "wide":  # a column that nobody has a value for says nothing
        kept = [i for i in range(len(shown)) if i < 2 or any(row[i] for row in rows)]
        shown, rows = [shown[i] for i in kept], [[row[i] for i in kept] for row in rows]
    numbers = [entry["type"] in ("int", "float") for _, _, entry in shown]
    return table([heading for heading, _, _ in shown], rows, numbers, colour=colour)


def one(
    document: Document, noun: Noun, form: str, *, names: Names, chosen: Sequence[str] = (), colour: bool = False
) -> str:
    """One document: `attribute: value` lines, or in the wanted form."""
    if form in ("json", "jsonl"):
        return json.dumps(document, indent=2 if form == "json" else None, ensure_ascii=False)
    if form == "yaml":
        return _yaml(document)
    if form == "name":
        return str(document.get("name") or document.get("id", ""))
    wanted = {path.replace("-", ".") for path in chosen}
    lines = []
    for path, entry in readable([*noun["attributes"], *held(noun)]):
        value = cells.at(document, path)
        dotted = ".".join(path)
        group = entry["type"] == "object" and "refers" not in entry and not entry.get("many")
        if value is None or value == {} or group or (wanted and dotted not in wanted):
            continue
        text = cells.cell(value, entry, names)
        lines += [(dotted, text)] if text else []
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {_coloured(text, colour)}" for name, text in lines)


def _cell(document: Document, path: Sequence[str], entry: dict[str, Any], noun: Noun, names: Names) -> str:
    moving = (*noun["running"], *noun["transient"], *noun["bad"])
    if entry.get("while_running") and document.get("status") not in moving:
        return ""  # when a VM that is down was started is no news in a table
    return cells.cell(cells.at(document, path), entry, names)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[bool], *, colour: bool) -> str:
    """Aligned columns with two spaces between them; figures to the right."""
    rows = [list(row) for row in rows]
    widths = [max([len(heading), *(len(row[i]) for row in rows)]) for i, heading in enumerate(headings)]

    def line(values: Sequence[str], paint: bool) -> str:
        padded = []
        for value, width, number in zip(values, widths, numbers, strict=True):
            space = " " * (width - len(value))
            text = _coloured(value, paint)
            padded.append(space + text if number else text + space)
        return "  ".join(padded).rstrip()

    first = line([heading.upper() for heading in headings], False)
    return "\n".join([click.style(first, bold=True) if colour else first, *(line(row, colour) for row in rows)])


def _coloured(text: str, paint: bool) -> str:
    return click.style(text, fg=_COLOURS[text]) if paint and text in _COLOURS else text


def _yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).rstrip("\n")
