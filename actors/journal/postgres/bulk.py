"""Turns a group of transactions into columns for one statement, and remembers what was rejected. Pure.

It must not change the meaning of the order: a group in which the order of names could matter has no bulk form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from actors.journal.commit_results import removals_at
from actors.journal.port import (
    CommandRepeated,
    EntityRemoval,
    EntityRow,
    EntityWrite,
    Key,
    NameConflict,
    NotStorable,
    Rejection,
    SideMissing,
    Transaction,
    VersionConflict,
)
from protocol import packing
from protocol.inventory.assignment import ASSIGNMENT

Columns = tuple[list[Any], ...]

_rejection_classes: tuple[type[Rejection], ...] = (
    NameConflict,
    VersionConflict,
    CommandRepeated,
    NotStorable,
    SideMissing,
)


@attrs.frozen
class Bulk:
    """The columns of a group, in the order in which the statement wants them."""

    entries: int
    created: Columns
    changed: Columns
    removed: Columns
    appended: Columns
    answered: Columns

    @property
    def changed_count(self) -> int:
        return len(self.changed[0])

    @property
    def removed_count(self) -> int:
        return len(self.removed[0])


def bulk_of(transactions: Sequence[Transaction]) -> Bulk | None:
    """The bulk form of a group, or None when it must go one by one.

    Sides of assignments are checked when all is written: in a group of several transactions one could lean on the next.
    """
    expected: dict[Key, int] = {}
    rows: dict[Key, EntityRow | EntityRemoval] = {}
    for transaction in transactions:
        for write in transaction.writes:
            if write.row.kind == ASSIGNMENT and len(transactions) > 1:
                return None
            key = write.row.key
            before = rows.get(key)
            if before is None:
                expected[key] = write.expected_version
            elif not _continues(before, write):
                return None
            rows[key] = write.row
    created, changed, removed = [], [], []
    for key, row in rows.items():
        version = expected[key]
        if isinstance(row, EntityRemoval):
            removed.append((row.kind, row.id, version))
        elif version == 0:
            created.append((row.kind, row.id, row.version, row.name, row.parent, row.state, row.document))
        else:
            changed.append((row.kind, row.id, row.version, row.name, row.parent, row.state, row.document, version))
    return _bulk(transactions, created, changed, removed)


def bulk_without_writes(transaction: Transaction) -> Bulk:
    """The journal rows and the outcome of a transaction whose entities were written one by one."""
    return _bulk([transaction], [], [], [])


def _continues(before: EntityRow | EntityRemoval, write: EntityWrite) -> bool:
    """True when only the last of the two writes needs to be made. Renames and removals are left to their order."""
    row = write.row
    return (
        isinstance(before, EntityRow)
        and isinstance(row, EntityRow)
        and before.version == write.expected_version
        and before.name == row.name
        and before.parent == row.parent
    )


def _bulk(
    transactions: Sequence[Transaction],
    created: Sequence[tuple[Any, ...]],
    changed: Sequence[tuple[Any, ...]],
    removed: Sequence[tuple[Any, ...]],
) -> Bulk:
    outcomes = [(one.outcome.command_id, one.outcome.reply) for one in transactions if one.outcome is not None]
    appended = _appended(transactions)
    return Bulk(
        len(appended[0]),
        _columns(created, 7),
        _columns(changed, 8),
        _columns(removed, 3),
        appended,
        _columns(outcomes, 2),
    )


def _appended(transactions: Sequence[Transaction]) -> Columns:
    """The journal rows of a group as columns, and the places (from 1) of those that end an entity."""
    rows: list[tuple[Any, ...]] = []
    ends: list[int] = []
    for transaction in transactions:
        ends += [len(rows) + 1 + index for index in removals_at(transaction)]
        for one in transaction.entries:
            rows.append((one.kind, one.id, one.version, one.tag, one.event, one.document, one.correlation_id, one.at))
    return (*_columns(rows, 8), ends)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Columns:
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else tuple([] for _ in range(width))


def pack_rejections(rejections: Mapping[int, Rejection]) -> bytes:
    """What is stored of a group besides where it starts."""
    if not rejections:
        return b""
    return packing.pack(
        [
            [index, _rejection_classes.index(type(rejection)), list(attrs.astuple(rejection))]
            for index, rejection in rejections.items()
        ]
    )


def unpack_rejections(data: bytes) -> dict[int, Rejection]:
    """The reverse of `pack_rejections`."""
    if not data:
        return {}
    return {index: _rejection_classes[which](*fields) for index, which, fields in packing.unpack(data)}
