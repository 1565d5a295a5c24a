"""Makes options from the attributes of a noun, and a document from the options that were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from cli import index
from cli.groups import normalize
from cli.index import Entry, Noun
from cli.values import Many, Reference, Size, Truth

Path = tuple[str, ...]

_SIMPLE: dict[str, click.ParamType[Any]] = {
    "text": click.STRING, "int": click.INT, "float": click.FLOAT, "bool": Truth(), "time": click.STRING,
    "ref": Reference(),
}  # fmt: skip
PREFIX = "set__"  # click wants names that Python could have; no attribute has two underscores in a row
_QUERY = "query__"
_PARENT = "parent__"
_EFFECTS = ("effect_when_running", "effect")
FORMATS = ("table", "wide", "json", "jsonl", "yaml", "name")


def writable(entries: Iterable[Entry], above: Path = ()) -> Iterator[tuple[Path, Entry]]:
    """Every attribute that may be set, nested ones by their path; the object's own id and read-only ones left out."""
    for entry in entries:
        path = (*above, entry["name"])
        if entry.get("read_only") or entry.get("link") or (entry["name"] == "id" and not above):
            continue
        inner = index.nested(entry)
        if not inner or entry["type"] == "ref":
            yield path, entry
        elif not entry.get("many"):
            if entry.get("refers"):
                yield (*path, "id"), {"name": "id", "type": "text", "doc": f"The id of an existing {_title(entry)}."}
            marks, of_all = entry.get("nested_effects", {}), {key: entry[key] for key in _EFFECTS if key in entry}
            inside = [one for one in inner if one["name"] != "id"]
            yield from writable([_marked(one, of_all or marks.get(one["name"], {})) for one in inside], path)


def _marked(entry: Entry, effects: Mapping[str, str]) -> Entry:
    """The entry with what holds here of when it takes effect, where that differs."""
    return {**{key: value for key, value in entry.items() if key not in _EFFECTS}, **effects} if effects else entry


def readable(entries: Iterable[Entry], above: Path = ()) -> Iterator[tuple[Path, Entry]]:
    """Every attribute that may be shown, nested ones by their path; what hangs below a link is shown there."""
    for entry in entries:
        path = (*above, entry["name"])
        inner = [] if entry.get("link") or entry.get("refers") or entry["type"] == "ref" else index.nested(entry)
        yield path, entry
        yield from readable(inner, path)


def held(noun: Noun) -> list[Entry]:
    """What can be assigned to an object, such as the tags of a VM, as attributes that may be shown."""
    kinds = [one for kind in noun["holds"] if (one := index.by_kind(kind)) is not None]
    return [
        {"name": one["rel"], "type": "object", "of": one["name"], "many": True, "link": True, "item": one["tag"]}
        for one in kinds
    ]


def document_options(
    entries: Iterable[Entry], *, adding: bool, above: Path = (), when_running: str | None = None
) -> list[click.Parameter]:
    """One option per writable attribute; two per reference (`--cluster-id`, `--cluster-name`).

    `when_running`: what help says here in place of what a running object does with it.
    """
    made: list[click.Parameter] = []
    for path, known in writable(entries):
        entry = _said_here(known, when_running)
        full = (*above, *path)
        if entry["type"] == "ref" and not entry.get("many"):
            made += _reference_options(full, entry, required=adding and not above)
        else:
            made.append(_option(full, entry, required=adding and not above))
    return made


def _said_here(entry: Entry, when_running: str | None) -> Entry:
    if when_running is None or "effect_when_running" not in entry:
        return entry
    return {**entry, "effect_when_running": when_running}


def query_options(parameters: Iterable[Entry]) -> list[click.Parameter]:
    """Options for what an add, update or remove takes beside the document: it travels in the query."""
    return [_option((parameter["name"],), parameter, required=False, prefix=_QUERY) for parameter in parameters]


def action_options(parameters: Iterable[Entry]) -> list[click.Parameter]:
    """Options for the parameters of an action; a nested document's attributes get its name before theirs."""
    made: list[click.Parameter] = []
    for parameter in parameters:
        if parameter["type"] == "object":
            said, above = parameter.get("when_running"), (parameter["name"],)
            made += document_options(index.nested(parameter), adding=False, above=above, when_running=said)
        else:
            made.append(_option((parameter["name"],), parameter, required=False))
    return made


def collect(given: Mapping[str, Any], entries: Iterable[Entry]) -> dict[str, Any]:
    """The document, or the parameters of an action, as JSON of the options that were given."""
    made: dict[str, Any] = {}
    for key, value in given.items():
        if not key.startswith(PREFIX) or value is None:
            continue
        _put(made, tuple(key.removeprefix(PREFIX).split("__")), value)
    return {name: _wrapped(value, _entry(entries, name)) for name, value in made.items()}


def parent_key(noun_name: str) -> str:
    """The parameter that carries a parent's name or id."""
    return _PARENT + noun_name


def parents_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The parents that were given: their names or ids by noun."""
    return {key.removeprefix(_PARENT): value for key, value in given.items() if key.startswith(_PARENT) and value}


def reference_to(noun: Noun, name: str, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The option of an add that refers to the object `name` `id`, unless another one was chosen."""
    for entry in noun["attributes"]:
        above = index.by_kind(entry.get("refers", ""))
        if above and above["name"] == name and not entry.get("many") and not entry.get("read_only"):
            key = f"{PREFIX}{entry['name']}"
            chosen = any(given.get(one) is not None for one in (key, f"{key}__id", f"{key}__name", "json_file"))
            return {} if chosen else {f"{key}__id": id}
    return {}


def query_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The query of an add, update or remove."""
    found = {key.removeprefix(_QUERY): value for key, value in given.items() if key.startswith(_QUERY)}
    return {key: str(value).lower() for key, value in found.items() if value is not None}


def _put(made: dict[str, Any], path: Path, value: Any) -> None:
    for step in path[:-1]:
        made = made.setdefault(step, {})
    if isinstance(value, dict) and isinstance(made.get(path[-1]), dict):
        made[path[-1]].update(value)
    else:
        made[path[-1]] = value


def _entry(entries: Iterable[Entry], name: str) -> Entry | None:
    return next((entry for entry in entries if entry["name"] == name), None)


def _wrapped(value: Any, entry: Entry | None) -> Any:
    """Lists of the JSON form sit in an element: `{"devices": {"device": ["hd"]}}`."""
    if isinstance(value, list):
        return {(entry or {}).get("item", "item"): value}
    if isinstance(value, dict) and entry is not None and entry["type"] == "object":
        inner = index.nested(entry)
        return {name: _wrapped(one, _entry(inner, name)) for name, one in value.items()}
    return value


def _option(path: Path, entry: Entry, *, required: bool, prefix: str = PREFIX) -> click.Option:
    kind = _type(entry)
    more: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if kind is _SIMPLE["bool"] else {}
    return click.Option(
        ["--" + normalize("-".join(path)), prefix + "__".join(path)], type=kind, help=_help(entry, required), **more
    )


def _reference_options(path: Path, entry: Entry, *, required: bool) -> list[click.Parameter]:
    flag = "--" + normalize("-".join(path))
    key = PREFIX + "__".join(path)
    help_text = _help({**entry, "doc": entry.get("doc") or f"The {_title(entry)}, by id."}, required)
    return [
        click.Option([f"{flag}-id", f"{key}__id"], help=help_text),
        click.Option([f"{flag}-name", f"{key}__name"], help=f"The {_title(entry)}, by name; {flag} takes either."),
        click.Option([flag, key], type=Reference(), hidden=True),
    ]


def _title(entry: Entry) -> str:
    """The type that a reference points to, in a sentence."""
    noun = index.by_kind(entry["refers"])
    return str(noun["title"] if noun else entry["refers"])


def _type(entry: Entry) -> click.ParamType[Any]:
    kind = _SIMPLE.get(entry["type"], click.STRING)
    if entry.get("choices"):
        kind = click.Choice(entry["choices"], case_sensitive=False)
    elif entry["type"] == "int" and entry.get("unit") == "bytes":
        kind = Size()
    elif entry["type"] == "int" and ("minimum" in entry or "maximum" in entry):
        kind = click.IntRange(entry.get("minimum"), entry.get("maximum"))
    return Many(kind) if entry.get("many") else kind


def _help(entry: Entry, required: bool) -> str:
    parts = [entry.get("doc", "")]
    if entry.get("unit") and entry["unit"] != "bytes":
        parts.append(f"In {entry['unit']}.")
    parts.append("Required." if required and entry.get("required") else "")
    parts += [entry.get(key, "") for key in _EFFECTS]
    parts.append("Extension." if entry.get("extension") else "")
    return " ".join(part for part in parts if part)
