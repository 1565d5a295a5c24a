"""Frames shared by all subscribers of one filter and visibility: encoded when the first of them needs it."""

from __future__ import annotations

from typing import Final

import attrs

from gateway.live.frames import Cursor, Encoder, Format
from gateway.read_model.model import ReadModel, Record, record_id, record_of
from gateway.visibility import ALL, Visibility
from protocol.inventory.assignment import ASSIGNMENT
from protocol.live.engine import Change, HostSamples
from protocol.registry import BY_KIND

SUBSCRIBED_KINDS: Final = frozenset({*BY_KIND, ASSIGNMENT})
HISTORY: Final = frozenset(kind for kind, resource in BY_KIND.items() if resource.history)


@attrs.frozen
class ChangeFilter:
    """Which changes a subscriber wants, of those that it may see; empty means all. An assignment fits the ids of both
    its sides."""

    kinds: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    visibility: Visibility = ALL

    def wants(self, kind: str) -> bool:
        return kind in (self.kinds or SUBSCRIBED_KINDS)

    def fits(self, record: Record, model: ReadModel) -> bool:
        """`record` is one version of an object, the last one when it is gone."""
        return (
            self.wants(record.kind)
            and (not self.ids or not self.ids.isdisjoint(_ids_of(record)))
            and self.visibility.sees(record.kind, record.id, record.document, model.document)
        )

    def fitted(self, change: Change, model: ReadModel) -> bool | None:
        """Whether a change of the past is sent to a reader that comes back; None when that cannot be told any more: what
        is gone or cannot be seen now may have been seen before."""
        record = record_of(change)
        if not self.wants(change.kind) or (record is not None and self.fits(record, model)):
            return self.wants(change.kind)
        if change.kind == ASSIGNMENT and self.ids and record is None:
            return None
        if change.kind != ASSIGNMENT and self.ids and record_id(change) not in self.ids:
            return False
        if self.visibility.is_all:
            return record is None
        return False if change.kind in HISTORY else None


def _ids_of(record: Record) -> tuple[str, ...]:
    if record.kind != ASSIGNMENT:
        return (record.id,)
    return record.id, *(id for _, id in record.document.sides)


class SharedFrame:
    """One change for all subscribers of a filter; encoded when the first of them gets it."""

    __slots__ = ("_cursor", "_encoded", "_encoder", "_previous", "change", "record")

    def __init__(self, encoder: Encoder, cursor: Cursor, change: Change, record: Record | None, previous: int) -> None:
        self.change = change
        self.record = record
        self._encoder = encoder
        self._cursor = cursor
        self._previous = previous
        self._encoded: dict[Format, bytes] = {}

    def bytes(self, form: Format) -> bytes:
        data = self._encoded.get(form)
        if data is None:
            data = self._encoder.change(self.change, self.record, self._previous, self._cursor.text, form)
            self._encoded[form] = data
        return data


class SampleFrame:
    """The latest figures of one host for all subscribers of a filter."""

    __slots__ = ("_encoded", "_encoder", "samples")

    def __init__(self, encoder: Encoder, samples: HostSamples) -> None:
        self.samples = samples
        self._encoder = encoder
        self._encoded: dict[Format, bytes] = {}

    def bytes(self, form: Format) -> bytes:
        data = self._encoded.get(form)
        if data is None:
            data = self._encoded[form] = self._encoder.samples(self.samples, form)
        return data
