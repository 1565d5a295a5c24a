"""Keeps showing a list or an object as it changes, live.

It must not poll the gateway: the live socket announces changes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import click
import trio

from cli import index
from cli.client import live_socket as client_live
from cli.client.rest import Client, Document
from cli.index import Noun
from cli.live.following import follow
from cli.live.state import LiveState
from cli.problems import NOT_FOUND, Absent, Problem
from cli.render import printing as render
from cli.render.names import Naming
from cli.session import session

_redraw_seconds = 0.1  # a burst of changes is drawn once
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def watch_list(
    client: Client, noun: Noun, within: str, fetch: Callable[[], list[Document]] | None, form: str,
    chosen: Sequence[str],
) -> int:  # fmt: skip
    """Until interrupted. `fetch` asks for what frames cannot tell: a search, a sub-collection, events."""
    view = _View(client, noun, form, chosen)
    kinds, ids = _interest(within)
    if fetch is None:
        kinds += [kind for kind in view.named_kinds() if kind not in kinds]

        def documents() -> str:
            found = [document for (kind, _), document in view.state.documents.items() if kind == noun["kind"]]
            found.sort(key=lambda document: str(document.get("name") or document.get("id")))
            return view.many(found, view.name)
    else:
        asked = fetch
        # what a search may look at besides: names that are shown, tags, and what bears which
        kinds = list(dict.fromkeys((*kinds, *view.named_kinds(), "tag", "assignment")))

        def documents() -> str:
            found = asked()
            return view.many(found, Naming(client, found, noun))

    return client_live.run(lambda: view.run(kinds, ids, documents))


def watch_one(client: Client, noun: Noun, path: str, form: str, chosen: Sequence[str]) -> int:
    """Until interrupted, or until the object is gone."""
    view = _View(client, noun, form, chosen)
    kinds, ids = _interest(path)

    def document() -> str:
        found = client.get(path)
        names = Naming(client, [found], noun)
        return render.one(found, noun, form, names=names, chosen=chosen, colour=session.on_terminal())

    return client_live.run(lambda: view.run(kinds, ids, document))


class _View:
    """What is on the screen and what it is made from."""

    def __init__(self, client: Client, noun: Noun, form: str, chosen: Sequence[str]) -> None:
        self.client = client
        self.noun = noun
        self.form = form
        self.chosen = chosen
        self.state = LiveState()
        self._shown = ""
        self._new = trio.Event()
        self._redraw = session.on_terminal() and form in ("table", "wide")

    def named_kinds(self) -> list[str]:
        """The kinds whose names the columns show."""
        shown = render.columns(self.noun, wide=self.form == "wide", chosen=self.chosen)
        nouns = [index.by_kind(entry["refers"]) for _, _, entry in shown if entry.get("refers")]
        return [noun["kind"] for noun in nouns if noun and noun["kind"]]

    def name(self, refers: str, id: str) -> str:
        noun = index.by_kind(refers)
        document: Any = self.state.named(noun["kind"], id) if noun else None
        return str((document or {}).get("name") or id)

    def many(self, found: list[Document], names: render.Names) -> str:
        return render.documents(
            found, self.noun, self.form, names=names, chosen=self.chosen, colour=session.on_terminal()
        )

    async def run(self, kinds: list[str], ids: list[str], make: Callable[[], str]) -> int:
        """Draws when something has changed. Returns the exit code."""

        def handle(frame: dict[str, Any]) -> None:
            if frame["op"] == "change" or (frame["op"] == "snapshot" and frame["last"]):
                self._new.set()

        async with trio.open_nursery() as nursery:
            code = await nursery.start(self._draw, make, nursery.cancel_scope)
            await follow(self.client.context, self.state, handle, kinds=kinds, ids=ids, news=session.note)
        return int(code[0]) if code else 0

    async def _draw(
        self, make: Callable[[], str], scope: trio.CancelScope, task_status: trio.TaskStatus[list[int]]
    ) -> None:
        code: list[int] = []
        task_status.started(code)
        while True:
            await self._new.wait()
            self._new = trio.Event()
            try:
                self._show(await trio.to_thread.run_sync(make))
            except (Absent, Problem) as error:
                if getattr(error, "status", 0) != 404 and not isinstance(error, Absent):
                    raise
                session.note(f"the {self.noun['title']} was removed.")
                code.append(NOT_FOUND)
                scope.cancel()
            await trio.sleep(_redraw_seconds)

    def _show(self, text: str) -> None:
        if text == self._shown:
            return
        if self._redraw:
            lines = text.splitlines()[: max(2, shutil.get_terminal_size().lines - 1)]
            click.echo(_CLEAR + "\n".join(lines))
        elif self.form == "jsonl":
            before = set(self._shown.splitlines())
            fresh = [line for line in text.splitlines() if line not in before]
            gone = _ids(self._shown) - _ids(text)
            click.echo("\n".join([*fresh, *(json.dumps({"id": id, "removed": True}) for id in sorted(gone))]))
        else:
            click.echo(("\n" if self._shown else "") + text)
        self._shown = text


def _ids(lines: str) -> set[str]:
    return {str(json.loads(line).get("id")) for line in lines.splitlines()}


def _interest(path: str) -> tuple[list[str], list[str]]:
    """The kind, and the id when there is one, of the root object that a path goes through."""
    rel, *rest = path.strip("/").split("/")
    root = next(one for one in index.nouns().values() if one["rel"] == rel)
    return [root["kind"]], rest[:1]
