"""What the inventory does of itself: it adds what must always be there, and gives data centers the status that follows
from their storage. Pure."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.rows import Rows
from actors.inventory.kinds import KINDS, completed
from actors.inventory.rows import InventoryChange, added, id_of, updated


def data_center_status(rows: Rows, id: str) -> str:
    """*up* with an active storage domain, *uninitialized* without any."""
    storage_domains = [
        rows.document("storage_domain", other) for other in rows.referring("storage_domain", "data_center", id)
    ]
    statuses = {storage_domain.status for storage_domain in storage_domains if storage_domain.status != "locked"}
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
    for data_center in rows.documents("data_center"):
        status = data_center_status(rows, data_center.id)
        row = rows.row("data_center", data_center.id)
        if status != data_center.status and row is not None:
            changes.append(updated(attrs.evolve(data_center, status=status), row.version, at))
    return tuple(changes)
