"""Frames shared by all subscribers of one filter: encoded when the first of them needs it."""

from __future__ import annotations

import attrs

from gateway.live.frames import Encoder, Format, make_cursor
from gateway.read_model.model import Record
from protocol.live.engine import Change, HostSamples
from protocol.registry import BY_KIND


@attrs.frozen
class ChangeFilter:
    """Which changes a subscriber wants; empty means all that have an address: assignments have none."""

    kinds: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def fits(self, kind: str, id: str) -> bool:
        return kind in (self.kinds or BY_KIND) and (not self.ids or id in self.ids)


class SharedFrame:
    """One change for all subscribers of a filter; encoded when the first of them gets it."""

    __slots__ = ("_encoded", "_encoder", "_previous", "_stream_id", "change", "record")

    def __init__(self, encoder: Encoder, stream_id: str, change: Change, record: Record | None, previous: int) -> None:
        self.change = change
        self.record = record
        self._encoder = encoder
        self._stream_id = stream_id
        self._previous = previous
        self._encoded: dict[Format, bytes] = {}

    def bytes(self, form: Format) -> bytes:
        data = self._encoded.get(form)
        if data is None:
            cursor = make_cursor(self._stream_id, self.change.sequence)
            data = self._encoder.change(self.change, self.record, self._previous, cursor, form)
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
