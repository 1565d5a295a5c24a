"""The durable rows of every entity as the journal last confirmed them, in memory, with the look-ups that rooms need.

An actor (re)starts from here without asking the database; other rooms read documents, never states. Nobody but the
journal writer's confirmations may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from actors.journal.port import EntityRow, Key, Transaction
from protocol.codec import decode
from protocol.inventory.assignment import ASSIGNMENT
from protocol.references import references_in
from protocol.registry import BY_KIND


class Rows:
    """Rows by kind and id, documents decoded when first read, names and references indexed."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, EntityRow]] = {}
        self._documents: dict[tuple[str, str], Any] = {}
        self._names: dict[tuple[str, str], dict[str, None]] = {}
        self._references: dict[tuple[str, str, str], dict[str, None]] = {}
        self._assignments: dict[Key, dict[str, None]] = {}
        self._observers: list[Callable[[str, str, Any], None]] = []

    def observe(self, observer: Callable[[str, str, Any], None]) -> None:
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

    def document(self, kind: str, id: str) -> Any:
        """The public document, or None when there is no such object."""
        row = self.row(kind, id)
        if row is None or row.document is None:
            return None
        key = (kind, id)
        if key not in self._documents:
            self._documents[key] = decode(row.document)
        return self._documents[key]

    def documents(self, kind: str) -> Iterator[Any]:
        for id in list(self._rows.get(kind, ())):
            document = self.document(kind, id)
            if document is not None:
                yield document

    def named(self, kind: str, name: str) -> list[Any]:
        """Documents of that name; names are unique within a parent only."""
        return [self.document(kind, id) for id in self._names.get((kind, name), ())]

    def referring(self, kind: str, attribute: str, id: str) -> list[str]:
        """Ids of objects of a kind whose reference (`cluster`, `placement_policy.hosts`) points to `id`."""
        return list(self._references.get((kind, attribute, id), ()))

    def assignments_of(self, kind: str, id: str) -> list[EntityRow]:
        """The assignments that an object is a side of: they go with it."""
        found = (self.row(ASSIGNMENT, other) for other in self._assignments.get((kind, id), ()))
        return [row for row in found if row is not None]

    def put(self, row: EntityRow) -> None:
        """The journal confirmed this row."""
        self._unindex(row.kind, row.id)
        for side in row.sides:
            self._assignments.setdefault(side, {})[row.id] = None
        self._rows.setdefault(row.kind, {})[row.id] = row
        self._documents.pop((row.kind, row.id), None)
        document = self.document(row.kind, row.id)
        for key, index in self._index_keys(row.kind, document):
            index.setdefault(key, {})[row.id] = None
        for observer in self._observers:
            observer(row.kind, row.id, document)

    def drop(self, kind: str, id: str) -> None:
        """The journal confirmed that the object is gone."""
        self._unindex(kind, id)
        self._rows.get(kind, {}).pop(id, None)
        self._documents.pop((kind, id), None)
        for observer in self._observers:
            observer(kind, id, None)

    def confirm(self, transaction: Transaction) -> None:
        """The journal confirmed all that this transaction writes."""
        for write in transaction.writes:
            if isinstance(write.row, EntityRow):
                self.put(write.row)
            else:
                self.drop(*write.row.key)

    def _unindex(self, kind: str, id: str) -> None:
        row = self.row(kind, id)
        for side in row.sides if row is not None else ():
            _forget(self._assignments, side, id)
        for key, index in self._index_keys(kind, self.document(kind, id)):
            _forget(index, key, id)

    def _index_keys(self, kind: str, document: Any) -> Iterator[tuple[Any, dict[Any, dict[str, None]]]]:
        if document is None:
            return
        name = getattr(document, "name", None)
        if name:
            yield (kind, name), self._names
        if BY_KIND[kind].history if kind in BY_KIND else True:
            return
        for path, reference in references_in(document):
            if reference.id:
                yield (kind, path.path, reference.id), self._references


def _forget(index: dict[Any, dict[str, None]], key: Any, id: str) -> None:
    members = index.get(key)
    if members is not None:
        members.pop(id, None)
        if not members:
            del index[key]
