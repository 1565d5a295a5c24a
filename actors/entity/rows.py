"""The durable rows of every entity as the journal last confirmed them, in memory, with the look-ups that rooms need.

An actor (re)starts from here without asking the database; other rooms read documents, never states. Nobody but the
journal writer's confirmations may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from actors.journal.port import EntityRow, Key, Transaction
from protocol.codec import decode
from protocol.document import Document, Ref, id_of
from protocol.inventory.assignment import ASSIGNMENT
from protocol.references import references_in
from protocol.registry import BY_CLASS, BY_KIND

D = TypeVar("D", bound=Document)
K = TypeVar("K")
Observer = Callable[[str, str, Document | None], None]


class Rows:
    """Rows by kind and id, documents decoded when first read, names and references indexed."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, EntityRow]] = {}
        self._documents: dict[tuple[str, str], Document] = {}
        self._names: dict[tuple[str, str], dict[str, None]] = {}
        self._references: dict[tuple[str, str, str], dict[str, None]] = {}
        self._assignments: dict[Key, dict[str, None]] = {}
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Calls `observer(kind, id, document or None)` after each confirmed change, and now for all there is."""
        for kind, rows in self._rows.items():
            for id in rows:
                observer(kind, id, self.document(kind, id))
        self._observers.append(observer)

    def load(self, rows: Iterable[EntityRow]) -> None:
        for row in rows:
            self.put(row)

    def row(self, kind: str, id: str) -> EntityRow | None:
        return self._rows.get(kind, {}).get(id)

    def document(self, kind: str, id: str) -> Document | None:
        """The public document, or None when there is no such object."""
        row = self.row(kind, id)
        if row is None or row.document is None:
            return None
        key = (kind, id)
        if key not in self._documents:
            self._documents[key] = decode(row.document)
        return self._documents[key]

    def get(self, cls: type[D], reference: Ref | str | None) -> D | None:
        """The document of this class that is meant, by its id or by what refers to it."""
        id = reference if isinstance(reference, str) else id_of(reference)
        document = self.document(BY_CLASS[cls].kind, id)
        assert document is None or isinstance(document, cls), document
        return document

    def all(self, cls: type[D]) -> Iterator[D]:
        """Every document of this class."""
        for id in list(self._rows.get(BY_CLASS[cls].kind, ())):
            document = self.get(cls, id)
            if document is not None:
                yield document

    def named(self, cls: type[D], name: str | None) -> list[D]:
        """Documents of that name; names are unique within a parent only."""
        found = (self.get(cls, id) for id in self._names.get((BY_CLASS[cls].kind, name or ""), ()))
        return [document for document in found if document is not None]

    def name_of(self, kind: str, id: str) -> str:
        """What people call an object; its id when it has no name, or is gone."""
        return getattr(self.document(kind, id), "name", None) or id

    def referring_to(self, cls: type[D], attribute: str, id: str) -> list[D]:
        """Documents of this class whose reference `attribute` points to `id`."""
        found = (self.get(cls, other) for other in self.referring(BY_CLASS[cls].kind, attribute, id))
        return [document for document in found if document is not None]

    def referring(self, kind: str, attribute: str, id: str) -> list[str]:
        """Ids of objects of a kind whose reference (`cluster`, `placement_policy.hosts`) points to `id`."""
        return list(self._references.get((kind, attribute, id), ()))

    def assignments_of(self, kind: str, id: str) -> list[EntityRow]:
        """The assignments that an object is a side of: they go with it."""
        found = (self.row(ASSIGNMENT, other) for other in self._assignments.get((kind, id), ()))
        return [row for row in found if row is not None]

    def put(self, row: EntityRow) -> None:
        """The journal confirmed this row."""
        self._take_out(row.kind, row.id)
        self._rows.setdefault(row.kind, {})[row.id] = row
        self._index(row, add=True)
        document = self.document(row.kind, row.id)
        for observer in self._observers:
            observer(row.kind, row.id, document)

    def drop(self, kind: str, id: str) -> None:
        """The journal confirmed that the object is gone."""
        self._take_out(kind, id)
        self._rows.get(kind, {}).pop(id, None)
        for observer in self._observers:
            observer(kind, id, None)

    def confirm(self, transaction: Transaction) -> None:
        """The journal confirmed all that this transaction writes."""
        for write in transaction.writes:
            if isinstance(write.row, EntityRow):
                self.put(write.row)
            else:
                self.drop(*write.row.key)

    def _take_out(self, kind: str, id: str) -> None:
        if (row := self.row(kind, id)) is not None:
            self._index(row, add=False)
            self._documents.pop((kind, id), None)

    def _index(self, row: EntityRow, add: bool) -> None:
        """Adds a row to the look-ups, or takes it out of them."""
        change = _remember if add else _forget
        for side in row.sides:
            change(self._assignments, side, row.id)
        document = self.document(row.kind, row.id)
        if name := getattr(document, "name", None):
            change(self._names, (row.kind, name), row.id)
        if document is None or row.kind not in BY_KIND or BY_KIND[row.kind].history:
            return
        for path, reference in references_in(document):
            if reference.id:
                change(self._references, (row.kind, path.path, reference.id), row.id)


def _remember(index: dict[K, dict[str, None]], key: K, id: str) -> None:
    index.setdefault(key, {})[id] = None


def _forget(index: dict[K, dict[str, None]], key: K, id: str) -> None:
    members = index.get(key)
    if members is not None:
        members.pop(id, None)
        if not members:
            del index[key]
