"""What the inventory does of itself: it adds what must always be there, and gives data centers the status that follows
from their storage. Pure."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.rows import Rows
from actors.inventory.kinds import KINDS, completed
from actors.inventory.rows import InventoryChange, added, updated
from protocol.document import id_of
from protocol.inventory.model import DataCenter
from protocol.storage.model import StorageDomain


def data_center_status(rows: Rows, id: str) -> str:
    """*up* with an active storage domain, *uninitialized* without any."""
    statuses = {each.status for each in rows.referring_to(StorageDomain, "data_center", id)} - {"locked"}
    if not statuses:
        return "uninitialized"
    return "up" if "active" in statuses else "not_operational"


def due_changes(rows: Rows, at: datetime.datetime) -> tuple[InventoryChange, ...]:
    """Built-in objects that an installation from before their kind lacks, and the data centers whose status is not
    what it should be."""
    changes = [
        added(completed(document), at)
        for kind, record in KINDS.items()
        for document in record.built_in
        if rows.row(kind, id_of(document)) is None
    ]
    for data_center in rows.all(DataCenter):
        status = data_center_status(rows, id_of(data_center))
        row = rows.row("data_center", id_of(data_center))
        if status != data_center.status and row is not None:
            changes.append(updated(attrs.evolve(data_center, status=status), row.version, at))
    return tuple(changes)
