"""Finds the path of a collection, or of an object from the name or id that a person gave.

It must not guess: a name that several objects have is a problem that lists them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from cli import index
from cli.client.rest import Client, Document, object_path
from cli.index import Noun
from cli.options import parents_of
from cli.problems import Absent, LoggedOut, Problem, Remote, SyntaxProblem
from cli.values import looks_like_id


def collection(client: Client, noun: Noun, given: Mapping[str, Any], *, writing: bool = False) -> str:
    """The path of the collection: the root one, or the one below the parents that were given."""
    parents = parents_of(given)
    if not parents and noun["rel"]:
        return f"/{noun['rel']}"
    chains = [one["chain"] for one in noun["parents"] if one["methods"] or not writing]
    chain = next((one for one in chains if {step["noun"] for step in one} == set(parents)), None)
    if chain is None:
        ways = [" ".join(f"--{step['noun']} NAME" for step in one) for one in chains]
        raise SyntaxProblem(f"which {noun['title']}s? Add {' or '.join(ways)}.")
    first = index.nouns()[chain[0]["noun"]]
    path = f"/{first['rel']}"
    passed: dict[str, str] = {}
    for step in chain:
        above = index.nouns()[step["noun"]]
        wanted = parents[step["noun"]]
        path = f"{find(client, above, path, wanted, passed)}/{step['rel']}"
        passed[step["noun"]] = wanted
    return path


def find(client: Client, noun: Noun, within: str, wanted: str, parents: Mapping[str, str] | None = None) -> str:
    """The path of the object that `wanted` names in a collection."""
    return found_path(within, find_document(client, noun, within, wanted, parents))


def find_document(
    client: Client, noun: Noun, within: str, wanted: str, parents: Mapping[str, str] | None = None
) -> Document:
    """The object that `wanted` names in the collection below `parents` (names or ids by noun).

    Raises `Absent`, or `Problem` when several have the name.
    """
    if looks_like_id(wanted) or not _has_names(noun):
        document = _by_id(client, within, wanted)
        if document is not None:
            return document
        if not _has_names(noun):
            raise _absent(noun, wanted, parents or {})
    matches = [
        item for item in _candidates(client, noun, within, wanted) if wanted in (item.get("name"), item.get("alias"))
    ]
    if len(matches) > 1:
        ids = ", ".join(str(item.get("id")) for item in matches)
        raise Problem(f"{len(matches)} {noun['title']}s are called {wanted}. Use one of their ids: {ids}")
    if matches:
        return matches[0]
    document = None if looks_like_id(wanted) else _by_id(client, within, wanted)
    if document is None:
        raise _absent(noun, wanted, parents or {})
    return document


def found_path(within: str, document: Document) -> str:
    """The path of a member of a collection."""
    return object_path(within.lstrip("/"), str(document.get("id", "")))


def _candidates(client: Client, noun: Noun, within: str, wanted: str) -> list[Document]:
    """The objects that may have the name: found by search in a root collection, else all of it."""
    searched = noun["searchable"] and within == f"/{noun['rel']}" and '"' not in wanted and "*" not in wanted
    if not searched:
        return client.items(within)
    keys = [entry["search"] for entry in noun["attributes"] if entry["name"] in ("name", "alias") and "search" in entry]
    return client.items(within, {"search": " or ".join(f'{key} = "{wanted}"' for key in keys)})


def _has_names(noun: Noun) -> bool:
    return any(entry["name"] == "name" for entry in noun["attributes"])


def _by_id(client: Client, within: str, wanted: str) -> Document | None:
    try:
        return client.get(object_path(within.lstrip("/"), wanted))
    except LoggedOut:
        raise
    except Remote as error:
        if error.status in (400, 404):
            return None
        raise


def _absent(noun: Noun, wanted: str, parents: Mapping[str, str]) -> Absent:
    where = "".join(f" --{name} {shlex.quote(one)}" for name, one in parents.items())
    listing = f"corral list {noun['plural']}" if noun["rel"] and not parents else f"corral {noun['name']} list{where}"
    return Absent(f"no {noun['title']} is called {wanted}, or you may not see it. List them with: {listing}")
