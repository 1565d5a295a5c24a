"""How entities without behaviour are written: their rows, journal entries and names.

Their state is the document itself, so a row says everything and any number of them goes into one transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import attrs

from actors.entity.assignments import address_of
from actors.inventory.kinds import kind_of as record_of
from actors.journal.port import CommandOutcome, EntityRemoval, EntityRow, EntityWrite, JournalEntry, Transaction
from protocol.activity.model import Event
from protocol.codec import encode
from protocol.document import Document, id_of
from protocol.inventory.assignment import ASSIGNMENT, Assignment
from protocol.inventory.events import EntityAdded, EntityRemoved, EntityUpdated, InventoryEvent
from protocol.message import message_type
from protocol.registry import BY_CLASS, BY_KIND


@attrs.frozen(kw_only=True)
class InventoryChange:
    """One event of one entity, and the version that it changes (0: it does not exist yet)."""

    kind: str
    id: str
    event: InventoryEvent
    version: int = 0

    def __attrs_post_init__(self) -> None:
        assert self.id, self.kind


def added(document: Document, at: datetime.datetime) -> InventoryChange:
    """The entity is new; its document has its id."""
    return InventoryChange(kind=kind_of(document), id=id_of(document), event=EntityAdded(at=at, document=document))


def updated(document: Document, version: int, at: datetime.datetime) -> InventoryChange:
    """The entity at `version` becomes `document`."""
    event = EntityUpdated(at=at, document=document)
    return InventoryChange(kind=kind_of(document), id=id_of(document), event=event, version=version)


def removed(kind: str, id: str, version: int, at: datetime.datetime) -> InventoryChange:
    """The entity at `version` goes."""
    return InventoryChange(kind=kind, id=id, event=EntityRemoved(at=at), version=version)


def evolve(document: Document | None, event: InventoryEvent) -> Document | None:
    """The document after an event; None when the entity is gone."""
    match event:
        case EntityAdded(document=after) | EntityUpdated(document=after):
            assert isinstance(after, Document)
            return after
        case EntityRemoved():
            return None
    raise AssertionError(f"not an event of the inventory: {event!r:.80}")


def transaction_of(
    changes: Iterable[InventoryChange],
    at: datetime.datetime,
    *,
    correlation_id: str = "",
    audit: Iterable[Event] = (),
    outcome: CommandOutcome | None = None,
) -> Transaction:
    """All changes and lines of the audit trail, durable together. At most one change for each entity."""
    writes: list[EntityWrite] = []
    entries: list[JournalEntry] = []
    for change in changes:
        document = evolve(None, change.event)
        version = change.version + 1
        encoded = encode(document) if document is not None else None
        row: EntityRow | EntityRemoval = EntityRemoval(change.kind, change.id, version)
        if document is not None and encoded is not None:
            name, parent = name_of(document), parent_of(document)
            row = EntityRow(change.kind, change.id, version, name, parent, encoded, encoded)
        writes.append(EntityWrite(row, change.version))
        tag, event = message_type(change.event).tag, encode(change.event)
        entries.append(JournalEntry(change.kind, change.id, version, tag, event, encoded, correlation_id, at))
    for line in audit:
        line = attrs.evolve(line, time=line.time or at, correlation_id=line.correlation_id or correlation_id or None)
        entries.append(JournalEntry("event", "", 1, "event", b"", encode(line), line.correlation_id or "", at))
    return Transaction(tuple(writes), tuple(entries), outcome)


def kind_of(document: Document) -> str:
    """The kind of a document, by the registry."""
    if isinstance(document, Assignment):
        return ASSIGNMENT
    return BY_CLASS[type(document)].kind


def name_of(document: Document) -> str | None:
    """What the database keeps unique within `parent_of`; users are known by their user name."""
    if isinstance(document, Assignment):
        return address_of(document.sides[1])
    name: str | None = getattr(document, record_of(document).name)
    return name


def parent_of(document: Document) -> str:
    """Within which names are unique, "" for everywhere."""
    if isinstance(document, Assignment):
        return address_of(document.sides[0])
    attribute = BY_KIND[kind_of(document)].unique_within
    reference = getattr(document, attribute, None) if attribute else None
    return id_of(reference)
