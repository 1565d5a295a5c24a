"""What became of a committed group: the rows of its entries, and the result of each transaction. Pure.

It must not ask the store: where the group starts and what was rejected is all that is known of it after a lost answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from actors.journal.port import Appended, AppendResult, EntityRemoval, JournalRow, Rejection, Transaction

_none: Final[frozenset[int]] = frozenset()


def results_of(
    stream_id: str,
    epoch: int,
    first_sequence: int,
    transactions: Sequence[Transaction],
    rejections: Mapping[int, Rejection],
) -> list[AppendResult]:
    """The results of a group from where it starts and what was rejected: all that a store has to remember of it."""
    results: list[AppendResult] = []
    sequence = first_sequence
    for index, transaction in enumerate(transactions):
        rejection = rejections.get(index)
        if rejection is not None:
            results.append(rejection)
            continue
        rows = rows_of(stream_id, epoch, sequence, transaction)
        results.append(Appended(sequence, sequence + len(rows) - 1, rows))
        sequence += len(rows)
    return results


def rows_of(stream_id: str, epoch: int, first_sequence: int, transaction: Transaction) -> tuple[JournalRow, ...]:
    """The rows that a transaction's entries become."""
    last = removals_at(transaction)
    rows = [
        JournalRow(
            stream_id,
            first_sequence + index,
            epoch,
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
        for index, entry in enumerate(transaction.entries)
    ]
    return tuple(rows)


def removals_at(transaction: Transaction) -> frozenset[int]:
    """Indexes of the entries that are the last of an entity which this transaction removes."""
    for write in transaction.writes:
        if type(write.row) is EntityRemoval:
            break
    else:  # nearly always: this is asked twice for each durable change
        return _none
    removed = {write.row.key for write in transaction.writes if isinstance(write.row, EntityRemoval)}
    last = {(entry.kind, entry.id): index for index, entry in enumerate(transaction.entries)}
    return frozenset(index for key, index in last.items() if key in removed)
