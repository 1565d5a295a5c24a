"""Gives subscribers the entities and every event after them, from any position still kept.

It keeps no queue per subscriber (a slow one falls back to reading the journal) and must not filter by what may be seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import attrs
import trio

from actors.journal.port import EntityRow, Journal, JournalRow, Key
from protocol import limits

feed_tail_rows_max: Final = 20_000  # about 20 MB with documents of 1 kB


@attrs.frozen
class Cursor:
    """A position in a stream: everything up to `sequence` was seen. Outside it is an opaque string."""

    stream_id: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.stream_id}.{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None for what was never a cursor of ours."""
        stream_id, dot, digits = text.rpartition(".")
        if not (dot and stream_id and digits.isascii() and digits.isdigit() and len(digits) <= 19):
            return None
        return cls(stream_id, int(digits))


@attrs.frozen
class FeedReset:
    """Forget everything: `rows` are all entities as of `cursor`, for this `reason`."""

    reason: str
    cursor: str
    rows: tuple[EntityRow, ...]


@attrs.frozen
class FeedEvents:
    """The next rows, without gap or duplicate; `cursor` is the position after them."""

    rows: tuple[JournalRow, ...]
    cursor: str


class JournalFeed:
    """The durable rows as they come, with a bounded tail of recent ones in memory."""

    def __init__(self, journal: Journal, *, tail_rows_max: int = feed_tail_rows_max) -> None:
        self.journal = journal
        self._tail: deque[JournalRow] = deque(maxlen=tail_rows_max)
        self._news = trio.Event()

    def publish(self, rows: Sequence[JournalRow]) -> None:
        """Takes the rows of one durable group; `JournalWriter` calls it in order."""
        if not rows:
            return
        if self._tail and not _follows(self._tail[-1], rows[0]):
            self._tail.clear()
        self._tail.extend(rows)
        self._news.set()
        self._news = trio.Event()

    def subscribe(self, after: str | None = None) -> JournalSubscription:
        """A subscription that continues behind `after`, or starts with a reset."""
        return JournalSubscription(self, after)

    @property
    def news(self) -> trio.Event:
        """Set with the next publication. Take it before looking, wait for it when nothing was there."""
        return self._news

    def from_tail(self, position: Cursor, limit: int) -> tuple[JournalRow, ...] | None:
        """Rows behind a position, () when there are none yet, None when the position is none of the tail's."""
        if not self._tail or self._tail[0].stream_id != position.stream_id:
            return None
        if position.sequence > self._tail[-1].sequence:
            return None  # read from the journal before the writer told, or never one of ours
        skip = position.sequence + 1 - self._tail[0].sequence
        if skip < 0:
            return None
        return tuple(islice(self._tail, skip, skip + limit))

    async def from_journal(self, position: Cursor, limit: int) -> tuple[JournalRow, ...] | str:
        """Rows behind a position, or the reason why it cannot be continued."""
        head = await self.journal.head()
        if head.stream_id != position.stream_id:
            return "the cursor belongs to another stream"
        if position.sequence > head.sequence:
            return "the cursor is ahead of the stream"
        if position.sequence + 1 < head.oldest_sequence:
            return "the events behind the cursor are folded"
        rows = tuple(await self.journal.read(position.sequence, limit))
        if rows and rows[0].sequence != position.sequence + 1:
            return "the events behind the cursor are folded"
        return rows


class JournalSubscription:
    """One subscriber's position. Not to be shared between tasks."""

    def __init__(self, feed: JournalFeed, after: str | None) -> None:
        self._feed = feed
        self._position = Cursor.parse(after) if after is not None else None
        self._lost = "no cursor was given" if after is None else "the cursor is not one of ours"

    @property
    def cursor(self) -> str | None:
        """Where to continue after a lost connection; None before the first reset."""
        return str(self._position) if self._position else None

    async def next(self, limit: int = limits.commit_rows_max) -> FeedReset | FeedEvents:
        """Waits for the next rows. Raises `JournalUnavailable` when it must read while the database is away."""
        while True:
            if self._position is None:
                return await self._reset(self._lost)
            news = self._feed.news
            rows: tuple[JournalRow, ...] | str | None = self._feed.from_tail(self._position, limit)
            if rows is None:
                rows = await self._feed.from_journal(self._position, limit)
            if isinstance(rows, str):
                return await self._reset(rows)
            if rows:
                self._position = Cursor(rows[-1].stream_id, rows[-1].sequence)
                return FeedEvents(rows, str(self._position))
            await news.wait()

    async def _reset(self, reason: str) -> FeedReset:
        snapshot = await self._feed.journal.snapshot()
        self._position = Cursor(snapshot.head.stream_id, snapshot.head.sequence)
        return FeedReset(reason, str(self._position), snapshot.rows)


def _follows(last: JournalRow, first: JournalRow) -> bool:
    return last.stream_id == first.stream_id and last.sequence + 1 == first.sequence


def fold(entities: Iterable[EntityRow], rows: Iterable[JournalRow]) -> dict[Key, tuple[int, bytes | None]]:
    """Version and document of each entity after `rows`: what a reader of a snapshot and its events comes to hold."""
    held = {row.key: (row.version, row.document) for row in entities}
    for row in rows:
        if row.removed:
            held.pop((row.kind, row.id), None)
        else:
            held[row.kind, row.id] = (row.version, row.document)
    return held
