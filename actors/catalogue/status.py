"""Statuses in the catalogue that follow from what other entities do: of data centers, from their storage. Pure."""

from __future__ import annotations

import datetime

import attrs

from actors.catalogue.rows import CatalogueChange, updated
from actors.entity.rows import Rows


def data_center_status(rows: Rows, id: str) -> str:
    """*up* with an active storage domain, *uninitialized* without any."""
    storage_domains = [
        rows.document("storage_domain", other) for other in rows.referring("storage_domain", "data_center", id)
    ]
    statuses = {storage_domain.status for storage_domain in storage_domains if storage_domain.status != "locked"}
    if not statuses:
        return "uninitialized"
    return "up" if "active" in statuses else "not_operational"


def due_changes(rows: Rows, at: datetime.datetime) -> tuple[CatalogueChange, ...]:
    """The data centers whose status is not what it should be."""
    changes = []
    for data_center in rows.documents("data_center"):
        status = data_center_status(rows, data_center.id)
        row = rows.row("data_center", data_center.id)
        if status != data_center.status and row is not None:
            changes.append(updated(attrs.evolve(data_center, status=status), row.version, at))
    return tuple(changes)
