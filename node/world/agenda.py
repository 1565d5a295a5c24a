"""What will happen in the simulated world and when: one task for all, so that ten thousand guests cost no task each."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable

import trio

from actors.kernel.ports import Clock

_hair_seconds = 1e-6
"""A clock with a rate rounds: without this an entry could stay one bit in the future for ever under a mock clock."""


class Agenda:
    """Callbacks by due time; those due at the same time run in the order in which they were added."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._changed = trio.Event()

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Runs `callback` once, `seconds` from now."""
        self._count += 1
        entry = (self._clock.monotonic() + max(seconds, 0.0), self._count, callback)
        heapq.heappush(self._entries, entry)
        if self._entries[0] is entry:
            self._changed.set()

    async def run(self) -> None:
        """Keeps the appointments until cancelled."""
        while True:
            self._changed = trio.Event()
            now = self._clock.monotonic()
            while self._entries and self._entries[0][0] <= now + _hair_seconds:
                heapq.heappop(self._entries)[2]()
            wait = self._clock.move_on_after(self._entries[0][0] - now) if self._entries else contextlib.nullcontext()
            with wait:
                await self._changed.wait()
