"""A wire between a node and an engine in one process, with the faults that a network may have, drawn from a seed.

No TLS here: who dials is who the hello says.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

import attrs
import trio

from actors.kernel.ports import Clock, Random
from actors.wire.frames import FrameTransport, LinkEnded
from node.link.dial import Use

frames_in_flight_max: Final = 256


@attrs.define(kw_only=True)
class WireFaults:
    """How bad the wire is; may be changed while it is used. Rates are chances per frame, times in seconds."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_seconds_max: float = 0.0
    up_is_cut: bool = False  # node to engine: frames vanish, nobody is told
    down_is_cut: bool = False
    is_half_open: bool = False  # an end that closes does not tell the other
    refuses: bool = False  # new connections fail


class _Direction:
    """One direction of one connection."""

    def __init__(self, clock: Clock, random: Random, faults: WireFaults, is_cut: Callable[[], bool]) -> None:
        self._clock, self._random, self._faults, self._is_cut = clock, random, faults, is_cut
        self._queue: list[tuple[float, int, bytes]] = []
        self._number = 0
        self._last_due = 0.0
        self._lot = trio.lowlevel.ParkingLot()
        self.ended = ""

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._lot.unpark_all()

    async def put(self, frame: bytes) -> None:
        await trio.lowlevel.checkpoint()
        while len(self._queue) >= frames_in_flight_max and not self.ended:
            await self._lot.park()
        if self.ended:
            raise LinkEnded(self.ended)
        if self._is_cut() or self._random.random() < self._faults.drop:
            return
        for _ in range(2 if self._random.random() < self._faults.duplicate else 1):
            due = self._clock.monotonic() + self._random.uniform(0.0, self._faults.delay_seconds_max)
            if self._random.random() >= self._faults.reorder:
                due = self._last_due = max(due, self._last_due)
            self._number += 1
            heapq.heappush(self._queue, (due, self._number, frame))
        self._lot.unpark_all()

    async def get(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self._queue:
                wait_seconds = self._queue[0][0] - self._clock.monotonic()
                if wait_seconds <= 0:
                    self._lot.unpark_all()
                    return heapq.heappop(self._queue)[2]
                with self._clock.move_on_after(wait_seconds):
                    await self._lot.park()
            elif self.ended:
                raise LinkEnded(self.ended)
            else:
                await self._lot.park()


@attrs.define(eq=False)
class MemoryTransport:
    """One end of a connection: a `FrameTransport`."""

    _outgoing: _Direction
    _incoming: _Direction
    _faults: WireFaults

    async def send(self, frame: bytes) -> None:
        await self._outgoing.put(frame)

    async def receive(self) -> bytes:
        return await self._incoming.get()

    async def close(self, reason: str = "") -> None:
        await trio.lowlevel.checkpoint()
        self.cut(reason)

    def cut(self, reason: str = "") -> None:
        """What the operating system does to the connections of a process that was killed."""
        self._incoming.end("closed here")
        if not self._faults.is_half_open:
            self._outgoing.end(reason or "the other side closed")


Accept = Callable[[FrameTransport], None]
"""The engine's side of a new connection: starts its session somewhere. Raises `LinkEnded` when no engine listens."""


@attrs.define
class MemoryDial:
    """`Dial` over such wires. `accept` may be replaced: another engine leads now."""

    accept: Accept
    clock: Clock
    random: Random
    faults: WireFaults = attrs.field(factory=WireFaults)
    ends: list[MemoryTransport] = attrs.field(factory=list)

    async def __call__(self, use: Use) -> str:
        await trio.lowlevel.checkpoint()
        if self.faults.refuses or self.faults.up_is_cut or self.faults.down_is_cut:
            raise LinkEnded("no route to the engine")
        up = _Direction(self.clock, self.random, self.faults, lambda: self.faults.up_is_cut)
        down = _Direction(self.clock, self.random, self.faults, lambda: self.faults.down_is_cut)
        near, far = MemoryTransport(up, down, self.faults), MemoryTransport(down, up, self.faults)
        self.accept(far)
        self.ends.append(near)
        try:
            return await use(near)
        finally:
            self.ends.remove(near)
            near.cut("the node closed")

    def cut_all(self, reason: str) -> None:
        """Ends every connection made here, as a router that restarts would."""
        for end in tuple(self.ends):
            end.cut(reason)
            end._outgoing.end(reason)
