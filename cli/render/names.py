"""Finds the names of referenced objects with as few requests as possible.

It must not fail a listing: an object whose name cannot be read is shown by its id.
"""

from __future__ import annotations

from collections.abc import Sequence

from cli import index
from cli.client.rest import Client, Document, object_path
from cli.index import Noun
from cli.options import readable
from cli.problems import LoggedOut, Remote
from cli.render import cells

_single_requests_max = 3  # for more ids than this of one type, the whole collection is asked once


class Naming:
    """(type, id) -> name, asked lazily for all ids of one type that the documents refer to."""

    def __init__(self, client: Client, documents: Sequence[Document], noun: Noun) -> None:
        self._client = client
        self._documents = documents
        self._entries = [(path, entry) for path, entry in readable(noun["attributes"]) if entry.get("refers")]
        self._known: dict[str, dict[str, str]] = {}

    def __call__(self, refers: str, id: str) -> str:
        if refers not in self._known:
            self._known[refers] = self._ask(refers)
        return self._known[refers].get(id) or id

    def _ask(self, refers: str) -> dict[str, str]:
        noun = index.by_kind(refers)
        if noun is None or not noun["rel"]:
            return {}
        wanted = self._wanted(refers)
        try:
            if len(wanted) <= _single_requests_max:
                found = [self._client.get(object_path(noun["rel"], id)) for id in sorted(wanted)]
            else:
                found = self._client.items(f"/{noun['rel']}")
        except LoggedOut:
            raise
        except Remote:
            return {}
        named = {"user_name"} & {entry["name"] for entry in noun["attributes"]} or {"name"}
        key = named.pop()
        return {str(item.get("id")): str(item.get(key) or item.get("name") or "") for item in found}

    def _wanted(self, refers: str) -> set[str]:
        found = set()
        for path, entry in self._entries:
            if entry["refers"] != refers:
                continue
            for document in self._documents:
                value = cells.at(document, path)
                for one in cells.items(value, entry) if entry.get("many") and value else [value]:
                    if isinstance(one, dict) and one.get("id") and not one.get("name"):
                        found.add(str(one["id"]))
        return found
