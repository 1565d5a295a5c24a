"""Holds what an actor has not read yet, bounded per lane, control first.

It must not know the actor: it belongs to the place in the tree and outlives the incarnations that read from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import trio

from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from protocol import codec, limits
from protocol.words import Lane, Tagged, WhenFull, Word, word_of

Carrier = Callable[[Tagged], Tagged]


def identity_carrier(message: Tagged) -> Tagged:
    """Hands the object over as it is: what runs in production inside one process."""
    return message


def codec_carrier(message: Tagged) -> Tagged:
    """Sends every message through the codec, so that any actor could live in another process."""
    carried: Tagged = codec.decode(codec.encode(message))
    return carried


class Mailbox:
    """Queue of one place in the tree. Lanes are made when first used: most of ten thousand mailboxes are empty.

    `messages_max` bounds each lane. Answers are owed to whoever asked, so they are let in beyond it; their number is
    bounded by the questions that the owner put.
    """

    __slots__ = ("_carrier", "_lanes", "_reader", "_waiting", "address", "is_open", "messages_max")

    def __init__(
        self,
        address: str,
        messages_max: int = limits.mailbox_messages_max,
        carrier: Carrier = identity_carrier,
    ) -> None:
        assert messages_max > 0, messages_max
        self.address = address
        self.messages_max = messages_max
        self.is_open = True
        self._carrier = None if carrier is identity_carrier else carrier
        self._lanes: list[deque[Envelope] | None] = [None, None, None]
        self._reader: trio.lowlevel.Task | None = None
        self._waiting: list[tuple[Lane, trio.lowlevel.Task]] | None = None

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes if lane)

    def carry(self, message: Tagged) -> Tagged:
        """The message as the other side will see it."""
        return message if self._carrier is None else self._carrier(message)

    # -- the senders' side

    def put(self, envelope: Envelope) -> None:
        """Queues a message under the rule of its word. Raises `MailboxFull`, `ActorGone`, or `KeyError` for no word."""
        known = word_of(envelope.message)
        if not self.is_open:
            raise ActorGone(self.address)
        lane = self._lanes[known.lane]
        if lane is None:
            lane = self._lanes[known.lane] = deque()
        elif len(lane) >= self.messages_max:
            if known.when_full is not WhenFull.CONFLATE or not _conflate(lane, envelope, known, self.carry):
                raise MailboxFull(self.address)
            return
        if self._carrier is not None:
            envelope.message = self._carrier(envelope.message)
        envelope.lane = known.lane
        lane.append(envelope)
        if self._reader is not None:
            self.wake()

    async def put_waiting(self, envelope: Envelope) -> None:
        """Like `put`, but a message whose word says *wait* waits for room. The deadline is the caller's."""
        known = word_of(envelope.message)
        await trio.lowlevel.checkpoint()
        if known.when_full is WhenFull.WAIT:
            while self.is_open and self._is_full(known.lane):
                await self._wait_for_room(known.lane)
        self.put(envelope)

    def owe(self, envelope: Envelope, lane: Lane) -> None:
        """Queues an answer in `lane`, whether or not there is room. Dropped when nobody will read it any more."""
        if not self.is_open:
            return
        envelope.message = self.carry(envelope.message)
        envelope.lane = lane
        queue = self._lanes[lane]
        if queue is None:
            queue = self._lanes[lane] = deque()
        queue.append(envelope)
        if self._reader is not None:
            self.wake()

    def _is_full(self, lane: Lane) -> bool:
        queue = self._lanes[lane]
        return queue is not None and len(queue) >= self.messages_max

    async def _wait_for_room(self, lane: Lane) -> None:
        if self._waiting is None:
            self._waiting = []
        waiter = (lane, trio.lowlevel.current_task())
        self._waiting.append(waiter)

        def leave(_: Any) -> trio.lowlevel.Abort:
            assert self._waiting is not None
            self._waiting.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(leave)

    def _let_in(self, lane: Lane | None) -> None:
        """Wakes the first that waits for room in `lane`, or everybody for None."""
        assert self._waiting is not None
        woken = [waiter for waiter in self._waiting if lane is None or waiter[0] == lane]
        for waiter in woken if lane is None else woken[:1]:
            self._waiting.remove(waiter)
            trio.lowlevel.reschedule(waiter[1])

    # -- the reader's side

    def take(self) -> Envelope | None:
        """The next message, control first, or None when all is read."""
        for lane in self._lanes:
            if lane:
                envelope = lane.popleft()
                if self._waiting:
                    self._let_in(envelope.lane)
                return envelope
        return None

    async def wait(self) -> None:
        """Parks the one reader until `wake`: a message, or its supervisor that wants something."""
        assert self._reader is None, f"{self.address} has two readers"
        self._reader = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)

    def _stop_waiting(self, _: Any) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        """Lets the reader look again."""
        reader = self._reader
        if reader is not None:
            self._reader = None
            trio.lowlevel.reschedule(reader)

    # -- the end

    def close(self) -> None:
        """Nobody will read here any more: whoever asked is told, who tells later gets `ActorGone`."""
        if not self.is_open:
            return
        self.is_open = False
        lanes, self._lanes = self._lanes, [None, None, None]
        for lane in lanes:
            for envelope in lane or ():
                envelope.settle(ActorGone(self.address))
        if self._waiting:
            self._let_in(None)

    def reopen(self) -> None:
        """The place is taken again, because the whole branch restarts."""
        self.is_open = True


def _conflate(lane: deque[Envelope], envelope: Envelope, known: Word, carry: Carrier) -> bool:
    """Replaces the unread message of the same tag and key, in its place in the queue. Questions are never replaced."""
    key = getattr(envelope.message, "conflation_key", None)
    if envelope.is_awaited:
        return False
    for unread in reversed(lane):
        message = unread.message
        if type(message) is known.cls and not unread.is_awaited and getattr(message, "conflation_key", None) == key:
            unread.message = carry(envelope.message)
            unread.correlation_id = envelope.correlation_id
            return True
    return False
