"""One subscription: what was sent, what is queued, and what happens when the subscriber is too slow.

It must not block the hub: pushing never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import attrs
import trio

from gateway.auth.gate import LiveSession
from gateway.live.frames import Cursor, Encoder, Format, read_cursor
from gateway.live.shared_frames import ChangeFilter, SampleFrame, SharedFrame
from gateway.read_model.model import ReadModel, Record, record_of
from protocol import limits
from protocol.errors import Unauthenticated
from protocol.live.engine import Change
from protocol.live.frames import Alive, Resync, Subscribed

Send = Callable[[bytes], Awaitable[None]]
_conflated_max: Final = 50_000
_part_entities_max: Final = 200
_alive_seconds: Final = 15.0
_ahead_seconds: Final = 5.0
_seen_changed: Final = "what you may see has changed"


class ChangeSource(Protocol):
    """What a subscriber needs of the hub."""

    model: ReadModel
    encoder: Encoder
    closed: bool

    def wake_soon(self, subscriber: Subscriber) -> None: ...

    def join(self, subscriber: Subscriber, wanted: ChangeFilter) -> int: ...

    def leave(self, subscriber: Subscriber, wanted: ChangeFilter) -> None: ...

    def records(self, wanted: ChangeFilter) -> list[Record]: ...

    async def history(self, after: int) -> Sequence[Change] | None: ...


class Subscriber:
    """`run` sends until the client leaves, its token ends or the hub closes."""

    def __init__(
        self,
        hub: ChangeSource,
        wanted: ChangeFilter,
        form: Format,
        cursor: str,
        samples: bool,
        session: LiveSession,
    ) -> None:
        self._hub = hub
        self._filter = wanted
        self._form: Format = form
        self._cursor = cursor
        self._wants_samples = samples
        self._session = session
        self._queue: deque[SharedFrame] = deque()
        self._samples: dict[str, SampleFrame] = {}
        self._conflated: dict[tuple[str, str], Record | None] | None = None
        self._lost = ""
        self._sleeping: trio.lowlevel.Task | None = None
        self.is_due = False  # the hub is going to wake it
        self.next_alive = trio.current_time() + _alive_seconds  # the hub wakes it then, whatever happened
        self._ended = False

    # The hub's side: never waits

    def push(self, frame: SharedFrame) -> None:
        if self._lost:
            return
        if self._conflated is None:
            if len(self._queue) < limits.subscriber_queue_changes_max:
                self._queue.append(frame)
                self._hub.wake_soon(self)
                return
            self._conflated = {}
            for waiting in self._queue:
                self._conflate(waiting)
            self._queue.clear()
        self._conflate(frame)
        if len(self._conflated) > _conflated_max:
            self.lose("too much changed since the last frame was read")

    def _conflate(self, frame: SharedFrame) -> None:
        assert self._conflated is not None
        id = frame.record.id if frame.record is not None else frame.change.id
        self._conflated[frame.change.kind, id] = frame.record

    def push_samples(self, frame: SampleFrame) -> None:
        if self._wants_samples:
            self._samples[frame.samples.host_id] = frame
            self._hub.wake_soon(self)

    def lose(self, reason: str) -> None:
        """Only a whole snapshot helps now."""
        self._lost = reason
        self._queue.clear()
        self._samples.clear()
        self._conflated = None
        self._hub.wake_soon(self)

    def look(self) -> None:
        """Ends it when its session has ended, and begins anew when its user may see something else. The hub asks: waking
        the task for that would cost a turn each."""
        if not self._ended and not self._session.stands():
            self._ended = True
            self._hub.wake_soon(self)
        elif (visibility := self._session.visibility()) != self._filter.visibility:
            self._hub.leave(self, self._filter)
            self._filter = attrs.evolve(self._filter, visibility=visibility)
            self._hub.join(self, self._filter)
            self.lose(_seen_changed)

    def _goes_on(self) -> bool:
        """Asked before each part of a long answer: it may take longer than the right to it lasts."""
        self.look()
        return not (self._lost or self._ended)

    def wake(self) -> None:
        """Lets it look for what waits; nothing happens while it is busy sending."""
        self.is_due = False
        if self._sleeping is not None:
            task, self._sleeping = self._sleeping, None
            trio.lowlevel.reschedule(task)

    async def _sleep(self) -> None:
        """Until woken. Cheaper than an event with a deadline: a thousand of them wake for each change."""

        def abort(_: object) -> trio.lowlevel.Abort:
            self._sleeping = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._sleeping = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    # The client's side

    async def run(self, send: Send) -> None:
        """Raises `Unauthenticated` when the token has ended."""
        try:
            await self._begin(send)
            while not self._hub.closed:
                if self._ended:
                    raise Unauthenticated("The session has ended.", remedy="Log in again.")
                if await self._send_next(send):
                    self.next_alive = trio.current_time() + _alive_seconds
                elif trio.current_time() >= self.next_alive:
                    self.next_alive = trio.current_time() + _alive_seconds
                    await self._alive(send, self._hub.model.sequence)
                else:
                    await self._sleep()
        finally:
            self._hub.leave(self, self._filter)

    async def _send_next(self, send: Send) -> bool:
        """One frame, or a whole resync; False when nothing waits."""
        if self._lost or self._conflated is not None:
            await self._resync(send)
        elif self._queue:
            await send(self._queue.popleft().bytes(self._form))
        elif self._samples:
            await send(self._samples.pop(next(iter(self._samples))).bytes(self._form))
        else:
            return False
        return True

    def _cursor_at(self, sequence: int) -> str:
        return Cursor(self._hub.model.stream_id, sequence, self._filter.visibility.digest).text

    async def _alive(self, send: Send, sequence: int) -> None:
        """Nothing more that fits happened up to `sequence`."""
        frame = Alive(sequence=sequence, cursor=self._cursor_at(sequence))
        await send(self._hub.encoder.message(frame, self._form))

    async def _begin(self, send: Send) -> None:
        if not self._cursor:
            sequence = self._hub.join(self, self._filter)
            await self._subscribed(send, sequence, resumed=False)
            await self._snapshot(send, sequence)
        elif not await self._resume(send):
            self._lost = self._lost or "the changes after the cursor are no longer kept"
            self._hub.join(self, self._filter)
            await self._subscribed(send, self._hub.model.sequence, resumed=False)

    async def _subscribed(self, send: Send, sequence: int, *, resumed: bool) -> None:
        frame = Subscribed(
            stream_id=self._hub.model.stream_id,
            sequence=sequence,
            cursor=self._cursor_at(sequence),
            resumed=resumed,
        )
        await send(self._hub.encoder.message(frame, self._form))

    async def _resume(self, send: Send) -> bool:
        """Sends what came after the cursor; False when that cannot be known."""
        model, hub = self._hub.model, self._hub
        cursor = read_cursor(self._cursor)
        after = cursor.sequence
        if cursor.stream_id != model.stream_id or not await model.wait_for(after, _ahead_seconds):
            return False
        if cursor.sight != self._filter.visibility.digest:
            self._lost = _seen_changed
            return False
        if (page := await hub.history(after)) is None:
            return False
        joined_at = hub.join(self, self._filter)
        await self._subscribed(send, after, resumed=True)
        last = await self._catch_up(send, page, after, joined_at)
        if last < joined_at and self._goes_on():
            # The next change may follow one that did not fit; `previous` would look like a gap to this reader.
            await self._alive(send, joined_at)
        return True

    async def _catch_up(self, send: Send, page: Sequence[Change], after: int, joined_at: int) -> int:
        """Sends what fits between a cursor and the joining; returns the sequence that the reader has then."""
        hub = self._hub
        previous = after
        while self._goes_on():
            for change in page:
                if change.sequence > joined_at or self._lost or self._ended:
                    return previous
                fits = self._filter.fitted(change, hub.model)
                if fits is None:
                    self.lose("which changes after the cursor are yours cannot be told any more")
                    return previous
                if fits:
                    record = record_of(change)
                    cursor = self._cursor_at(change.sequence)
                    await send(hub.encoder.change(change, record, previous, cursor, self._form))
                    previous = change.sequence
                after = change.sequence
            if after >= joined_at or not page:
                return previous
            following = await hub.history(after)
            if following is None:
                self.lose("the changes after the cursor are no longer kept")
                return previous
            page = following
        return previous

    async def _resync(self, send: Send) -> None:
        """Says that changes were left out, then sends the state: all of it, or what changed since."""
        conflated, self._conflated = self._conflated, None
        reason, self._lost = self._lost, ""
        sequence = self._hub.model.sequence
        if reason or conflated is None:
            self._queue.clear()
            await send(self._hub.encoder.message(Resync(reason=reason, keep=False), self._form))
            await self._snapshot(send, sequence)
            return
        records = [record for record in conflated.values() if record is not None]
        removed = [key for key, record in conflated.items() if record is None]
        frame = Resync(reason="frames were read too slowly: only the latest state follows", keep=True)
        await send(self._hub.encoder.message(frame, self._form))
        await self._parts(send, sequence, records, removed)

    async def _snapshot(self, send: Send, sequence: int) -> None:
        await self._parts(send, sequence, self._hub.records(self._filter), [])

    async def _parts(self, send: Send, sequence: int, records: list[Record], removed: list[tuple[str, str]]) -> None:
        encoder = self._hub.encoder
        cursor = self._cursor_at(sequence)
        for start in range(0, max(1, len(records)), _part_entities_max):
            if not self._goes_on():
                return
            last = start + _part_entities_max >= len(records)
            part = records[start : start + _part_entities_max]
            data = encoder.snapshot_part(
                sequence, part, self._form, last=last, cursor=cursor if last else "", removed=removed if last else ()
            )
            await send(data)
            await trio.lowlevel.checkpoint()
