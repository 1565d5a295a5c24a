"""Turns a group of transactions into columns for one statement, and remembers what was rejected. Pure.

It must not change the meaning of the order: a group in which the order of names could matter has no bulk form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from actors.journal.port import (
    CommandRepeated,
    EntityRemoval,
    EntityRow,
    Key,
    NameConflict,
    NotStorable,
    Rejection,
    Transaction,
    VersionConflict,
    removals_at,
)
from protocol import codec

Columns = tuple[list[Any], ...]

_rejection_classes: tuple[type[Rejection], ...] = (NameConflict, VersionConflict, CommandRepeated, NotStorable)


@attrs.frozen
class Bulk:
    """The columns of a group; places count journal rows from 1 within the group."""

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


@attrs.define
class _Chain:
    """The writes of one entity in a group, of which the last is what counts."""

    expected: int
    row: EntityRow | EntityRemoval
    place: int


def bulk_of(transactions: Sequence[Transaction]) -> Bulk | None:
    """The bulk form of a group, or None when it must go one by one."""
    chains: dict[Key, _Chain] = {}
    place = 0
    for transaction in transactions:
        place += len(transaction.entries)
        for write in transaction.writes:
            row, chain = write.row, chains.get(write.row.key)
            if chain is None:
                chains[row.key] = _Chain(write.expected_version, row, place)
            elif _continues(chain, row, write.expected_version):
                chain.row, chain.place = row, place
            else:
                return None
    created, changed, removed = [], [], []
    for chain in chains.values():
        row = chain.row
        if isinstance(row, EntityRemoval):
            removed.append((row.kind, row.id, chain.expected))
            continue
        values = (row.kind, row.id, row.version, row.name, row.parent, row.state, row.document, chain.place)
        if chain.expected == 0:
            created.append(values)
        else:
            changed.append((*values, chain.expected))
    return _bulk(transactions, created, changed, removed)


def bulk_without_writes(transaction: Transaction) -> Bulk:
    """The journal rows and the outcome of a transaction whose entities were written one by one."""
    return _bulk([transaction], [], [], [])


def _bulk(
    transactions: Sequence[Transaction],
    created: Sequence[tuple[Any, ...]],
    changed: Sequence[tuple[Any, ...]],
    removed: Sequence[tuple[Any, ...]],
) -> Bulk:
    outcomes = [(one.outcome.command_id, one.outcome.reply) for one in transactions if one.outcome is not None]
    appended = _appended_columns(transactions)
    return Bulk(
        len(appended[0]),
        _columns(created, 8),
        _columns(changed, 9),
        _columns(removed, 3),
        appended,
        _columns(outcomes, 2),
    )


def _continues(chain: _Chain, row: EntityRow | EntityRemoval, expected_version: int) -> bool:
    """True when only the last of the two writes needs to be made. Renames and removals are left to their order."""
    before = chain.row
    return (
        isinstance(before, EntityRow)
        and isinstance(row, EntityRow)
        and before.version == expected_version
        and before.name == row.name
        and before.parent == row.parent
    )


def _appended_columns(transactions: Sequence[Transaction]) -> Columns:
    """The journal rows of a group: place, kind, id, version, tag, event, document, correlation id, time, removed."""
    rows: list[tuple[Any, ...]] = []
    for transaction in transactions:
        last = removals_at(transaction)
        for index, entry in enumerate(transaction.entries):
            rows.append(
                (
                    len(rows) + 1,
                    entry.kind,
                    entry.id,
                    entry.version,
                    entry.tag,
                    entry.event,
                    entry.document,
                    entry.correlation_id,
                    entry.at,
                    index in last,
                )
            )
    return _columns(rows, 10)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Columns:
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else tuple([] for _ in range(width))


def pack_rejections(rejections: Mapping[int, Rejection]) -> bytes:
    """What is stored of a group besides where it starts."""
    if not rejections:
        return b""
    return codec.pack(
        [
            [index, _rejection_classes.index(type(rejection)), list(attrs.astuple(rejection))]
            for index, rejection in rejections.items()
        ]
    )


def unpack_rejections(data: bytes) -> dict[int, Rejection]:
    """The reverse of `pack_rejections`."""
    if not data:
        return {}
    return {index: _rejection_classes[which](*fields) for index, which, fields in codec.unpack(data)}
