"""S18: nothing refers to what is gone: no assignment is without one of its sides. Ground truth is the tables.

Sides are read from the stored document, not from the columns that the store itself checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from actors.journal.port import EntityRow, JournalRow
from protocol.codec import decode


def check_sides(rows: Iterable[JournalRow], tables: Mapping[tuple[str, str], EntityRow]) -> Iterator[str]:
    """After a group that wrote an assignment or removed anything."""
    if not any(row.removed or row.kind == "assignment" for row in rows):
        return
    for (kind, id), row in tables.items():
        if kind == "assignment" and row.document is not None:
            document: Any = decode(row.document)
            for side in ((document.holder, document.left.id), (document.relation, document.right.id)):
                if side not in tables:
                    yield f"assignment {id} has the side {'/'.join(side)}, which is gone"
