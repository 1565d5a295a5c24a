"""The rows of assignments: how one is written, and how those of an object go with it. Pure.

An assignment is the inventory's, but its sides are anybody's: who removes a side removes its assignments in the same
transaction. One that comes at the same moment makes the store refuse the removal (docs/decisions/0050).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Final

from actors.entity.ids import derived_id
from actors.journal.port import EntityRemoval, EntityRow, EntityWrite, JournalEntry, Key
from protocol.codec import encode
from protocol.document import Ref
from protocol.inventory.assignment import Assignment
from protocol.inventory.events import EntityRemoved
from protocol.message import message_type_of

REMOVED: Final = message_type_of(EntityRemoved).tag


def address_of(side: Key) -> str:
    return "/".join(side)


def assignment_id(left: Key, right: Key) -> str:
    """The same for the same two objects, so that they are joined once."""
    return derived_id(address_of(left), f"assignment {address_of(right)}")


def assignment_between(left: Key, right: Key) -> Assignment:
    return Assignment(
        id=assignment_id(left, right),
        relation=right[0],
        holder=left[0],
        left=Ref(id=left[1]),
        right=Ref(id=right[1]),
    )


def removals(
    rows: Iterable[EntityRow], at: datetime.datetime, correlation: str
) -> Iterator[tuple[EntityWrite, JournalEntry]]:
    """What takes these assignments along in the transaction that removes one of their sides."""
    for row in rows:
        removal = EntityRemoval(row.kind, row.id, row.version + 1)
        event = encode(EntityRemoved(at=at))
        entry = JournalEntry(row.kind, row.id, removal.version, REMOVED, event, None, correlation, at)
        yield EntityWrite(removal, row.version), entry
