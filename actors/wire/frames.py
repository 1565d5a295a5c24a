"""Carries messages between two daemons as frames: the transport's port, the queue of what is to be sent, one session."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import attrs
import trio

from actors.kernel.ports import Clock
from protocol import limits
from protocol.codec import UnknownTag, decode, encode
from protocol.message import Message, Priority, WhenFull, message_type
from protocol.packing import CodecError

queue_bytes_max: Final = 4 * limits.frame_bytes_max
"""How many bytes may wait for a slow peer, all priorities together."""

log = logging.getLogger("corral.link")


class LinkEnded(Exception):
    """The link is over. `str()` is the reason, fit for a log line and for the peer."""


class FrameTransport(Protocol):
    """Whole frames both ways. Every method raises `LinkEnded` once the other side, or this one, has gone."""

    async def send(self, frame: bytes) -> None: ...

    async def receive(self) -> bytes: ...

    async def close(self, reason: str = "") -> None:
        """Says goodbye within a bounded time; never raises."""
        ...


class FrameQueue:
    """What waits to be sent over one link, by priority. Control messages that find no room end the link; others are
    dropped or conflated, because the peer asks for everything again after a reconnect and bulk has a successor anyway."""

    def __init__(self, frames_max: int = limits.link_queue_frames_max, bytes_max: int = queue_bytes_max) -> None:
        self._queues: tuple[OrderedDict[object, bytes], ...] = tuple(OrderedDict() for _ in Priority)
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._counter = 0
        self._lot = trio.lowlevel.ParkingLot()
        self.ended: str = ""
        self.dropped = 0

    def put(self, message: Message) -> bool:
        """Queues a message; False when it was dropped or the link is over. `KeyError` for an unregistered class."""
        if self.ended:
            return False
        entry, frame = message_type(message), encode(message)
        queue = self._queues[entry.priority]
        self._counter += 1
        key: object = self._counter
        if entry.when_full is WhenFull.CONFLATE:
            key = (entry.tag, getattr(message, "conflation_key", ""))
            self._bytes -= len(queue.pop(key, b""))
        if len(frame) > limits.frame_bytes_max:
            log.error("a %s of %d bytes is too large for a frame", entry.tag, len(frame))
            self.dropped += 1
            return False
        if len(queue) >= self._frames_max or self._bytes + len(frame) > self._bytes_max:
            self.dropped += 1
            if entry.priority is Priority.CONTROL:
                self.end("the peer reads too slowly: the queue of control messages is full")
            return False
        queue[key] = frame
        self._bytes += len(frame)
        self._lot.unpark()
        return True

    def end(self, reason: str) -> None:
        """Ends the link: nothing more is queued, whoever waits in `get` gets `LinkEnded(reason)`."""
        if not self.ended:
            self.ended = reason or "closed"
            self._lot.unpark_all()

    async def get(self) -> bytes:
        """The next frame, the most urgent first. The wait is owned by the session's writer and ends with the link."""
        while not self.ended:
            for queue in self._queues:
                if queue:
                    _, frame = queue.popitem(last=False)
                    self._bytes -= len(frame)
                    return frame
            await self._lot.park()
        raise LinkEnded(self.ended)


@attrs.frozen(kw_only=True)
class SessionSettings:
    """How one session proves to its peer that it lives, and how long it believes a silent peer. Times in seconds."""

    heartbeat: Callable[[], Message]
    heartbeat_period_seconds: float = limits.heartbeat_period_seconds
    silent_after_seconds: float = limits.host_silent_after_seconds
    frame_bytes_max: int = limits.frame_bytes_max
    unknown: Callable[[bytes], None] = lambda frame: None  # a frame whose messages this version does not know


async def run_session(
    transport: FrameTransport,
    queue: FrameQueue,
    heard: Callable[[Message], None],
    settings: SessionSettings,
    clock: Clock,
) -> str:
    """Reads, writes and beats until the link ends; returns why. `heard` gets each message and may raise `LinkEnded`.

    The reader never waits for anything but the transport, so that a heartbeat is never stuck behind work."""
    reasons: list[str] = []
    last_heard = clock.monotonic()

    async def read() -> None:
        nonlocal last_heard
        while True:
            frame = await transport.receive()
            last_heard = clock.monotonic()
            try:
                message = decode(frame, bytes_max=settings.frame_bytes_max)
            except UnknownTag as error:
                log.warning("skipped a frame of a newer peer: %s", error)
                settings.unknown(frame)
                continue
            except CodecError as error:
                raise LinkEnded(f"broken frame: {error}") from error
            heard(message)

    async def write() -> None:
        while True:
            frame = await queue.get()
            with clock.move_on_after(settings.silent_after_seconds) as scope:
                await transport.send(frame)
            if scope.cancelled_caught:
                raise LinkEnded(f"the peer took no frame for {settings.silent_after_seconds:g} seconds")

    async def beat() -> None:
        while True:
            queue.put(settings.heartbeat())
            now = clock.monotonic()
            due = now + settings.heartbeat_period_seconds
            # A little early, so that those of many links leave in one turn: to wake for each of them alone costs an
            # engine twice as much.
            await clock.sleep(due - due % (settings.heartbeat_period_seconds / 20) - now)

    async def watch() -> None:
        while (quiet := clock.monotonic() - last_heard) < settings.silent_after_seconds:
            await clock.sleep(max(settings.silent_after_seconds - quiet, 0.05))
        raise LinkEnded(f"nothing heard for {settings.silent_after_seconds:g} seconds")

    async with trio.open_nursery() as nursery:

        async def until_ended(task: Callable[[], object]) -> None:
            try:
                await task()  # type: ignore[misc]
            except LinkEnded as ended:
                reasons.append(str(ended))
                nursery.cancel_scope.cancel()

        for task in (read, write, beat, watch):
            nursery.start_soon(until_ended, task)
    queue.end(reasons[0] if reasons else "closed")
    return queue.ended
