"""Runs a verb or an action on a noun: sends the request, waits for the operation, prints the result."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from cli import attach, index
from cli.client.rest import Document
from cli.index import Noun
from cli.options import collect, held, parents_of, query_of, readable
from cli.problems import Absent, LoggedOut, Problem, Remote, SyntaxProblem
from cli.render import cells
from cli.render import printing as render
from cli.render.matching import matcher
from cli.render.names import Naming
from cli.session import locate, session
from cli.session.placed import placed
from cli.session.session import CliSession

Given = Mapping[str, Any]


def run(ctx: click.Context, noun: Noun, verb: str, given: Given) -> int:
    """Does it and returns the exit code."""
    shared = session.of(ctx)
    client = shared.client()
    client.filtered = shared.filtered or bool(given.get("filtered"))
    name = given.get("name") or (ctx.parent.params.get("name", "") if ctx.parent else "")
    called = shared.place.called(name)
    given = placed(shared, noun, verb, {**given, "name": name, "called": called})
    runners: dict[str, Callable[[CliSession, Noun, Given], int]] = {
        "list": _list,
        "show": _show,
        "add": _add,
        "update": _update,
        "remove": _remove,
    }
    try:
        return runners[verb](shared, noun, given) if verb in runners else _act(shared, noun, verb, given)
    except LoggedOut:
        raise
    except Remote as error:
        if not error.status or verb == "list":
            raise
        what = " ".join(part for part in (noun["title"], called or given.get("set__name") or "") if part)
        problem = Absent if error.status == 404 else Remote
        raise problem(f"{what}: {verb}: {error}") from error
    finally:
        client.filtered = shared.filtered  # --filter is about this command alone


def _list(shared: CliSession, noun: Noun, given: Given) -> int:
    client = shared.client()
    within = locate.collection(client, noun, given)
    query = {"search": given["query"], "max": given["max_items"], "follow": given["follow"]}
    query["case_sensitive"] = given["case_sensitive"]
    asked = {key: str(value) for key, value in query.items() if value is not None}
    keep = matcher(noun, given["kwargs"])
    form = "wide" if given["show_all"] and given["form"] == "table" else given["form"]
    chosen = given["columns"] or _usual_columns(shared, noun)

    def fetch() -> list[Document]:
        return [document for document in client.items(within, asked) if keep(document)]

    if given["watch"]:
        from cli.live.watch import watch_list

        simple = not asked and not given["kwargs"] and within == f"/{noun['rel']}" and noun["kind"] != "event"
        return watch_list(client, noun, within, None if simple else fetch, form, chosen)
    found = fetch()
    if not found and form not in ("json", "yaml"):
        session.note(f"No {noun['title']}s{' match' if asked.get('search') or given['kwargs'] else ''}.")
        return 0
    text = render.documents(
        found,
        noun,
        form,
        names=Naming(client, found, noun),
        chosen=chosen,
        colour=session.on_terminal(),
    )
    shared.show(text)
    return 0


def _usual_columns(shared: CliSession, noun: Noun) -> Sequence[str]:
    """Those of the setting that this noun has."""
    known = {".".join(path) for path, _ in readable(noun["attributes"])} if shared.settings.columns else set()
    return [name for name in shared.settings.columns if name in known]


def _show(shared: CliSession, noun: Noun, given: Given) -> int:
    client = shared.client()
    within = locate.collection(client, noun, given)
    document = locate.find_document(client, noun, within, given["name"], parents_of(given))
    path = locate.found_path(within, document)
    if given["watch"]:
        from cli.live.watch import watch_one

        return watch_one(client, noun, path, given["form"], given["columns"] or ())
    follow = _follow(noun, given)
    if follow:
        document = client.get(path, follow)
    _print_one(shared, noun, document, given["form"], given["columns"] or ())
    return 0


def _add(shared: CliSession, noun: Noun, given: Given) -> int:
    client = shared.client()
    noun, given = attach.resolved(noun, given)
    holder = _holder(shared, noun, given)
    within = locate.collection(client, noun, given, writing=True)
    made = client.call("POST", within, query=query_of(given), body=_document(noun, given))
    unnamed = "" if given["query__dry_run"] else made.get("id", "")  # a dry run's id will be nobody's
    name = made.get("name") or given.get("set__name") or unnamed
    done = _Done(f"{noun['title']} {name}".rstrip(), "add", f"assigned to {holder}" if holder else "added")
    return _finish(shared, noun, made, f"{within}/{made.get('id', '')}", given, done)


def _update(shared: CliSession, noun: Noun, given: Given) -> int:
    client = shared.client()
    within = locate.collection(client, noun, given, writing=True)
    path = locate.find(client, noun, within, given["name"], parents_of(given))
    body = _document(noun, given)
    if not body:
        raise SyntaxProblem(f"nothing to change. See: corral {noun['name']} update --help")
    changed = client.call("PUT", path, query=query_of(given), body=body)
    return _finish(shared, noun, changed, path, given, _Done(f"{noun['title']} {given['called']}", "update", "updated"))


def _remove(shared: CliSession, noun: Noun, given: Given) -> int:
    client = shared.client()
    within = locate.collection(client, noun, given, writing=True)
    path = locate.find(client, noun, within, given["name"], parents_of(given))
    called, holder = f"{noun['title']} {given['called']}", _holder(shared, noun, given)
    asks = shared.settings.confirm and shared.asks and not given["query__dry_run"]
    if asks and not click.confirm(f"Unassign {called} from {holder}?" if holder else f"Remove {called}?", err=True):
        raise Problem(f"{called} was not removed: you answered no.")
    answer = client.call("DELETE", path, query=query_of(given))
    done = _Done(
        called, "remove", f"unassigned from {holder}; the {noun['title']} itself stays" if holder else "removed"
    )
    code = _finish(shared, noun, answer, path, given, done, gone=True)
    if not given["query__dry_run"]:
        shared.place = shared.place.without(path.rpartition("/")[2])
    return code


def _act(shared: CliSession, noun: Noun, action: str, given: Given) -> int:
    client = shared.client()
    path = locate.find(client, noun, locate.collection(client, noun, given), given["name"], parents_of(given))
    entry = noun["actions"][action]
    body = collect(given, entry["parameters"])
    answer = client.call("POST", f"{path}/{action}", query=query_of(given), body=body)
    result = answer.get(entry["result"]) if entry["result"] else None
    called = f"{noun['title']} {given['called']}"
    code = _finish(shared, noun, answer, path, given, _Done(called, action, ""))
    if isinstance(result, dict):
        for key, value in result.items():
            click.echo(f"{key}  {cells.printable(str(value))}")
    return code


def _holder(shared: CliSession, noun: Noun, given: Given) -> str:
    """`VM web1`: what a request assigns the object to, or takes it from; empty where it is about the object itself."""
    parents = parents_of(given)
    if not any(one["assigned"] and [step["noun"] for step in one["chain"]] == list(parents) for one in noun["parents"]):
        return ""
    return " ".join(f"{index.nouns()[name]['title']} {shared.place.called(one)}" for name, one in parents.items())


@dataclasses.dataclass(frozen=True)
class _Done:
    """What is told of a request: of what (`VM web1`), the word for it (`add`), and what is so once it has been done."""

    called: str
    verb: str
    ended: str

    @property
    def text(self) -> str:
        return f"{self.called} {self.ended}" if self.ended else f"{self.called}: {self.verb} done"


def _finish(
    shared: CliSession, noun: Noun, answer: Document, path: str, given: Given, done: _Done, *, gone: bool = False
) -> int:
    """Waits for what goes on, then tells how it ended; the object's own form goes to standard output when asked for."""
    if given["query__dry_run"]:
        session.note(f"{done.called}: {done.verb} would be accepted (dry run, nothing was done).")
        return 0
    from cli.live import wait

    if given["wait"]:
        ended = wait.wait_for(shared.client(), noun, answer, path, given["timeout"], gone=gone)
        report = f"{done.text}{ended}."
    elif job := wait.job_of(shared.client(), answer):
        report = f"{done.called}: {done.verb} was accepted. Follow it with: corral job show {job}"
    else:
        report = f"{done.text}."
    if given.get("form", "table") == "table":
        session.note(report)
        if not gone and "form" in given and sys.stdout.isatty() is False:
            click.echo(str(answer.get("id", "")))
    else:
        _print_one(shared, noun, shared.client().get(path), given["form"], ())
    return 0


def _document(noun: Noun, given: Given) -> Document:
    """The document of an add or update: what the JSON file says, with the options over it."""
    base: Document = {}
    if given.get("json_file"):
        base = _read_json(given["json_file"])
    return _merged(base, collect(given, noun["attributes"]))


def _read_json(path: str) -> Document:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            read = json.load(file)
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(read, dict):
        raise Problem(f"{path} does not contain a JSON object.")
    return read


def _merged(base: Document, over: Document) -> Document:
    made = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = _merged(made[key], value) if both else value
    return made


def _print_one(shared: CliSession, noun: Noun, document: Document, form: str, chosen: Sequence[str]) -> None:
    names = Naming(shared.client(), [document], noun)
    shared.show(render.one(document, noun, form, names=names, chosen=chosen, colour=session.on_terminal()))


def _follow(noun: Noun, given: Given) -> dict[str, str]:
    """What to include: what was asked for; for a person all that hangs below, so that addresses and disks are seen."""
    links = [entry["name"] for entry in (*noun["attributes"], *held(noun)) if entry.get("link") and noun["rel"]]
    for_a_person = given["form"] in ("table", "wide") and not given["columns"]
    wanted = given["follow"] or (",".join(links) if for_a_person else "")
    return {"follow": wanted} if wanted else {}
