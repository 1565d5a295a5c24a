"""The shell's current place: `/vms/web1/nics` as collections and objects, and what it means for a command.

Only `walked` queries the gateway, for the objects in the path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from cli import index
from cli.client.rest import Client, object_path
from cli.index import Noun
from cli.problems import Absent
from cli.session import locate


@dataclasses.dataclass(frozen=True)
class PlaceStep:
    """A collection, and the object chosen in it when `id` is there."""

    rel: str
    noun: str
    id: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class ShellPlace:
    steps: tuple[PlaceStep, ...] = ()

    def __str__(self) -> str:
        return "/" + "/".join(part for step in self.steps for part in (step.rel, step.name) if part)

    @property
    def noun(self) -> Noun | None:
        """What the collection holds, or the object is; None at the top."""
        return index.nouns()[self.steps[-1].noun] if self.steps else None

    @property
    def object_id(self) -> str:
        """The id of the object it stands in; empty in a collection and at the top."""
        return self.steps[-1].id if self.steps else ""

    @property
    def objects(self) -> tuple[PlaceStep, ...]:
        """The objects above, from the last that has a collection at the top: what parents of a request are."""
        chosen = [step for step in self.steps if step.id]
        rooted = [i for i, step in enumerate(chosen) if index.nouns()[step.noun]["rel"]]
        return tuple(chosen[rooted[-1] :]) if rooted else ()

    @property
    def path(self) -> str:
        """The collection as the gateway serves it."""
        above = self.objects[:-1] if self.object_id else self.objects
        parts = [part for step in above for part in (_rel(step, above), step.id)]
        return object_path("/".join([*parts, self.steps[-1].rel]))

    def up(self) -> ShellPlace:
        """From an object to its collection, from a collection to what is above."""
        if not self.object_id:
            return ShellPlace(self.steps[:-1])
        return ShellPlace((*self.steps[:-1], PlaceStep(self.steps[-1].rel, self.steps[-1].noun)))

    def collections(self) -> dict[str, Noun]:
        """What `cd` can go down to from the top or from an object, by the word that stands in the path."""
        if not self.steps:
            return {noun["rel"]: noun for noun in index.nouns().values() if noun["rel"]}
        here = [step.noun for step in self.objects] if self.object_id else []
        return {
            one["chain"][-1]["rel"]: noun
            for noun in index.nouns().values()
            for one in noun["parents"]
            if here and [step["noun"] for step in one["chain"]] == here
        }

    def called(self, id: str) -> str:
        """The name of an object on the way here; anything else as it is."""
        return next((step.name for step in self.steps if id and step.id == id), id)

    def without(self, id: str) -> ShellPlace:
        """Where one stands when that object is gone."""
        for i, step in enumerate(self.steps):
            if step.id == id:
                return ShellPlace(self.steps[: i + 1]).up()
        return self


def walked(place: ShellPlace, path: str, client: Callable[[], Client]) -> ShellPlace:
    """Where a path leads from a place. Raises `Absent` for what is not there."""
    if path.startswith("/"):
        place = ShellPlace()
    for word in path.split("/"):
        if word == "..":
            place = place.up()
        elif word not in ("", "."):
            place = _object(place, word, client()) if _holds_objects(place) else _collection(place, word)
    return place


def _holds_objects(place: ShellPlace) -> bool:
    return bool(place.steps) and not place.object_id


def _collection(place: ShellPlace, word: str) -> ShellPlace:
    known = place.collections()
    wanted = index.squeeze(word)
    for rel, noun in known.items():
        if wanted in (rel, noun["name"], index.squeeze(noun["plural"])):
            return ShellPlace((*place.steps, PlaceStep(rel, noun["name"])))
    there = f"It has: {', '.join(known)}." if known else "It has none."
    raise Absent(f"{place} has no collection {word}. {there}")


def _object(place: ShellPlace, word: str, client: Client) -> ShellPlace:
    step, noun = place.steps[-1], place.noun
    assert noun is not None
    parents = {above.noun: above.name for above in place.objects}
    document = locate.find_document(client, noun, place.path, word, parents)
    id = str(document.get("id", ""))
    name = str(document.get("name") or document.get("alias") or id)
    return ShellPlace((*place.steps[:-1], PlaceStep(step.rel, step.noun, id, name)))


def _rel(step: PlaceStep, above: tuple[PlaceStep, ...]) -> str:
    """The first object is asked for at the top, whatever way led to it."""
    return str(index.nouns()[step.noun]["rel"]) if step is above[0] else step.rel
