"""Holds what an actor has not read yet, bounded per priority, control first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import trio

from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from protocol import codec, limits
from protocol.message import Message, MessageType, Priority, WhenFull, message_type

Carrier = Callable[[Message], Message]


def identity_carrier(message: Message) -> Message:
    """Hands the object over as it is: what runs in production inside one process."""
    return message


def codec_carrier(message: Message) -> Message:
    """Sends every message through the codec, so that any actor could live in another process."""
    carried: Message = codec.decode(codec.encode(message))
    return carried


class Mailbox:
    """Queue of one place in the tree. Made when first used: most of ten thousand mailboxes are empty.

    `messages_max` bounds each of them. Answers are owed to whoever asked, so they are let in beyond it; their number is
    bounded by the questions that the owner put.
    """

    __slots__ = ("_carrier", "_queues", "_reader", "_waiting", "address", "is_open", "messages_max")

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
        self._queues: list[deque[Envelope] | None] = [None, None, None]
        self._reader: trio.lowlevel.Task | None = None
        self._waiting: list[tuple[Priority, trio.lowlevel.Task]] | None = None

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues if queue)

    def carry(self, message: Message) -> Message:
        """The message as the other side will see it."""
        return message if self._carrier is None else self._carrier(message)

    # -- the senders' side

    def put(self, envelope: Envelope) -> None:
        """Queues a message under the rule of its type. Raises `MailboxFull`, `ActorGone`, or `KeyError`."""
        known = message_type(envelope.message)
        if not self.is_open:
            raise ActorGone(self.address)
        queue = self._queues[known.priority]
        if queue is None:
            queue = self._queues[known.priority] = deque()
        elif len(queue) >= self.messages_max:
            if known.when_full is not WhenFull.CONFLATE or not _conflate(queue, envelope, known, self.carry):
                raise MailboxFull(self.address)
            return
        if self._carrier is not None:
            envelope.message = self._carrier(envelope.message)
        envelope.priority = known.priority
        queue.append(envelope)
        if self._reader is not None:
            self.wake()

    async def put_waiting(self, envelope: Envelope) -> None:
        """Like `put`, but a message whose type says *wait* waits for room. The deadline is the caller's."""
        known = message_type(envelope.message)
        await trio.lowlevel.checkpoint()
        if known.when_full is WhenFull.WAIT:
            while self.is_open and self._is_full(known.priority):
                await self._wait_for_room(known.priority)
        self.put(envelope)

    def owe(self, envelope: Envelope, priority: Priority) -> None:
        """Queues an answer with that priority, whether or not there is room. Dropped when nobody will read it any more."""
        if not self.is_open:
            return
        envelope.message = self.carry(envelope.message)
        envelope.priority = priority
        queue = self._queues[priority]
        if queue is None:
            queue = self._queues[priority] = deque()
        queue.append(envelope)
        if self._reader is not None:
            self.wake()

    def _is_full(self, priority: Priority) -> bool:
        queue = self._queues[priority]
        return queue is not None and len(queue) >= self.messages_max

    async def _wait_for_room(self, priority: Priority) -> None:
        if self._waiting is None:
            self._waiting = []
        waiter = (priority, trio.lowlevel.current_task())
        self._waiting.append(waiter)

        def leave(_: Any) -> trio.lowlevel.Abort:
            assert self._waiting is not None
            self._waiting.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(leave)

    def _let_in(self, priority: Priority | None) -> None:
        """Wakes the first that waits for room at that priority, or everybody for None."""
        assert self._waiting is not None
        woken = [waiter for waiter in self._waiting if priority is None or waiter[0] == priority]
        for waiter in woken if priority is None else woken[:1]:
            self._waiting.remove(waiter)
            trio.lowlevel.reschedule(waiter[1])

    # -- the reader's side

    def take(self) -> Envelope | None:
        """The next message, control first, or None when all is read."""
        for queue in self._queues:
            if queue:
                envelope = queue.popleft()
                if self._waiting:
                    self._let_in(envelope.priority)
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
        queues, self._queues = self._queues, [None, None, None]
        for queue in queues:
            for envelope in queue or ():
                envelope.settle(ActorGone(self.address))
        if self._waiting:
            self._let_in(None)

    def reopen(self) -> None:
        """The place is taken again, because the whole supervisor restarts."""
        self.is_open = True


def _conflate(queue: deque[Envelope], envelope: Envelope, known: MessageType, carry: Carrier) -> bool:
    """Replaces the unread message of the same tag and key, in its place in the queue. Questions are never replaced."""
    key = getattr(envelope.message, "conflation_key", None)
    if envelope.is_awaited:
        return False
    for unread in reversed(queue):
        message = unread.message
        if type(message) is known.cls and not unread.is_awaited and getattr(message, "conflation_key", None) == key:
            unread.message = carry(envelope.message)
            unread.correlation_id = envelope.correlation_id
            return True
    return False
