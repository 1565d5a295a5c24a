"""Gives every subscriber a snapshot and every change after it, each encoded once for all subscribers.

It must not wait for a slow subscriber nor drop a change silently: excess changes are conflated, and the subscriber is
told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import trio

from gateway.auth.gate import LiveSession
from gateway.live.displaced import displaced
from gateway.live.frames import Cursor, Encoder, Format
from gateway.live.samples import trimmed
from gateway.live.shared_frames import SUBSCRIBED_KINDS, ChangeFilter, SampleFrame, SharedFrame
from gateway.live.subscriber import Subscriber
from gateway.read_model.engine_client import EnginePort
from gateway.read_model.model import ReadModel, Record
from gateway.read_model.view import view_of
from protocol.errors import BadInput, Unavailable
from protocol.inventory.assignment import ASSIGNMENT
from protocol.live.engine import Change, HostSamples
from protocol.live.frames import Subscribe

_subscribers_max: Final = 20_000
_history_page_changes_max: Final = 1_000
_woken_per_turn: Final = 16
_look_seconds: Final = 1.0


class Group:
    """All subscribers with the same filter and visibility: they share frames and the chain of `previous`."""

    def __init__(self, wanted: ChangeFilter, sequence: int) -> None:
        self.filter = wanted
        self.previous = sequence
        self.subscribers: dict[Subscriber, None] = {}


class Hub:
    """Listens to the feed. Everything but a resume from far back is synchronous."""

    def __init__(
        self, engine: EnginePort, model: ReadModel, plainly: Callable[[Record], dict[str, Any]], changes_kept_max: int
    ) -> None:
        self.engine = engine
        self.model = model
        self.encoder = Encoder(plainly)
        self._groups: dict[ChangeFilter, Group] = {}
        self._recent: deque[Change] = deque(maxlen=changes_kept_max)
        self._recent_after = 0  # `_recent` holds every change after this sequence
        self.closed = False
        self._due: deque[Subscriber] = deque()
        self._something_due = trio.Event()

    async def run(self) -> None:
        """Wakes subscribers, a few in each turn: the first then send while the next still wake.

        Woken all at once, none would have sent before the last one had started.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_after_idle)
            while True:
                await self._something_due.wait()
                self._something_due = trio.Event()
                while self._due:
                    for _ in range(min(_woken_per_turn, len(self._due))):
                        self._due.popleft().wake()
                    await trio.lowlevel.checkpoint()

    async def _look_after_idle(self) -> None:
        """Ends subscribers whose session has ended, and lets idle ones say that they live."""
        while True:
            await trio.sleep(_look_seconds)
            now = trio.current_time()
            for subscriber in [each for group in self._groups.values() for each in group.subscribers]:
                subscriber.look()
                if subscriber.next_alive <= now:
                    self.wake_soon(subscriber)

    def wake_soon(self, subscriber: Subscriber) -> None:
        if not subscriber.is_due:
            subscriber.is_due = True
            self._due.append(subscriber)
            self._something_due.set()

    @property
    def subscribers(self) -> int:
        return sum(len(group.subscribers) for group in self._groups.values())

    # What the feed tells

    def changed(self, change: Change, before: Record | None) -> None:
        """What a group may no longer see is gone for it."""
        if len(self._recent) == self._recent.maxlen:
            self._recent_after = self._recent[0].sequence
        self._recent.append(change)
        record = None
        if change.document is not None:
            record = self.model.latest_event if change.kind == "event" else self.model.get(change.kind, change.id)
        moved = displaced(self.model, before, record)
        for group in self._groups.values():
            shown = record if record is not None and group.filter.fits(record, self.model) else None
            if shown is not None or (before is not None and group.filter.fits(before, self.model)):
                cursor = Cursor(self.model.stream_id, change.sequence, group.filter.visibility.digest)
                frame = SharedFrame(self.encoder, cursor, change, shown, group.previous)
                group.previous = change.sequence
                for subscriber in group.subscribers:
                    subscriber.push(frame)
            if moved is not None and moved.concerns(group.filter):
                for subscriber in group.subscribers:
                    subscriber.lose("an object moved or is gone, and with it what may be seen below it")

    def sampled(self, samples: HostSamples) -> None:
        for group in self._groups.values():
            wanted = trimmed(samples, group.filter, self.model)
            if wanted is not None:
                frame = SampleFrame(self.encoder, wanted)
                for subscriber in group.subscribers:
                    subscriber.push_samples(frame)

    def reset(self) -> None:
        """The model was loaded anew: nobody can know what happened in between."""
        self._recent.clear()
        self._recent_after = self.model.sequence
        for group in self._groups.values():
            group.previous = self.model.sequence
            for subscriber in group.subscribers:
                subscriber.lose("the journal's changes in between are no longer kept")

    def close(self) -> None:
        """Every subscription ends."""
        self.closed = True
        for group in self._groups.values():
            for subscriber in group.subscribers:
                subscriber.wake()

    # What subscribers ask

    def subscriber(self, subscribe: Subscribe, form: Format, session: LiveSession) -> Subscriber:
        """A subscriber that is not joined yet. Raises `BadInput` or `Unavailable`."""
        unknown = set(subscribe.kinds) - SUBSCRIBED_KINDS
        if unknown:
            raise BadInput(
                f"There is no kind {sorted(unknown)[0]!r:.80}.",
                remedy=f"Known kinds: {', '.join(sorted(SUBSCRIBED_KINDS))}.",
                field="kinds",
            )
        if not self.model.loaded:
            raise Unavailable("The gateway is still loading the inventory.", remedy="Try again in a second.")
        if self.closed or self.subscribers >= _subscribers_max:
            raise Unavailable("The gateway has no room for more subscriptions.", remedy="Use another gateway.")
        wanted = ChangeFilter(frozenset(subscribe.kinds), frozenset(subscribe.ids), session.visibility())
        return Subscriber(self, wanted, form, subscribe.cursor, subscribe.samples, session)

    def join(self, subscriber: Subscriber, wanted: ChangeFilter) -> int:
        """From here on the subscriber gets every change; returns the sequence after which."""
        group = self._groups.get(wanted)
        if group is None:
            group = self._groups[wanted] = Group(wanted, self.model.sequence)
        group.subscribers[subscriber] = None
        return self.model.sequence

    def leave(self, subscriber: Subscriber, wanted: ChangeFilter) -> None:
        group = self._groups.get(wanted)
        if group is not None:
            group.subscribers.pop(subscriber, None)
            if not group.subscribers:
                del self._groups[wanted]

    def records(self, wanted: ChangeFilter) -> list[Record]:
        """The state of now. Events are history, not state: they come as changes only."""
        view = view_of(self.model, wanted.visibility)
        kinds = [kind for kind in view.kinds() if kind != "event" and wanted.wants(kind)]
        if not wanted.ids:
            return [record for kind in kinds for record in view.all(kind)]
        found = {(kind, id): view.get(kind, id) for kind in kinds for id in wanted.ids}
        for id in wanted.ids if wanted.wants(ASSIGNMENT) else ():
            sides = (*view.referring(ASSIGNMENT, "left", id), *view.referring(ASSIGNMENT, "right", id))
            found.update(((ASSIGNMENT, record.id), record) for record in sides)
        return [record for record in found.values() if record is not None]

    async def history(self, after: int) -> Sequence[Change] | None:
        """A page of changes after a sequence, from memory or from the journal; None when they are no longer kept."""
        if after >= self._recent_after:
            found = [change for change in self._recent if change.sequence > after]
            return found[:_history_page_changes_max]
        return await self.engine.changes_after(after, _history_page_changes_max)
