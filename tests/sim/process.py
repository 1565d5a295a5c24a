"""One simulated process: what makes all its ports stand still while it is paused, and inert once it is killed.

Killing is not cancelling: cleanup code of a killed process still runs here, so its ports must let nothing out first.
"""

from __future__ import annotations

import datetime
from contextlib import AbstractContextManager

import attrs
import trio

from actors.journal.memory.journal import MemoryJournal
from actors.kernel.ports import TrioClock
from actors.wire.frames import FrameTransport

remains_seconds = 60.0
"""How long a call of a killed process stands before it raises: only one in a shielded scope sees the end of it."""


class ProcessDied(Exception):
    """Nothing hears this: the process is dead, and what is left of its tasks must end."""


class Process:
    """Alive until `die`; between `pause` and `resume` nothing of it passes a gate."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.died = trio.Event()
        self._resumed: trio.Event | None = None

    @property
    def paused(self) -> bool:
        return self._resumed is not None

    def pause(self) -> None:
        if self._resumed is None:
            self._resumed = trio.Event()

    def resume(self) -> None:
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    def die(self) -> None:
        """From now on no call of a port of this process returns."""
        self.alive = False
        self.died.set()
        self.resume()

    async def gate(self) -> None:
        """Every port passes here before and after it touches the world."""
        while self._resumed is not None:
            await self._resumed.wait()
        if not self.alive:
            await trio.sleep(remains_seconds)
            raise ProcessDied(self.name)


@attrs.define
class ProcessClock:
    """A machine's clock, with its skew and rate, that a paused process does not wake up by."""

    process: Process
    inner: TrioClock

    def monotonic(self) -> float:
        return self.inner.monotonic()

    def wall(self) -> datetime.datetime:
        return self.inner.wall()

    async def sleep(self, seconds: float) -> None:
        await self.inner.sleep(seconds)
        await self.process.gate()

    def move_on_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        return self.inner.move_on_after(seconds)

    def fail_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        return self.inner.fail_after(seconds)


@attrs.define
class ProcessJournal(MemoryJournal):
    """A process's connection to the simulated database: what a paused one was about to write, it writes late."""

    process: Process = attrs.field(kw_only=True)

    async def _reach(self) -> None:
        await self.process.gate()
        await MemoryJournal._reach(self)
        await self.process.gate()

    async def _return(self) -> None:
        await MemoryJournal._return(self)
        await self.process.gate()


@attrs.define(eq=False)
class ProcessTransport:
    """One end of a wire as a process holds it."""

    process: Process
    inner: FrameTransport

    async def send(self, frame: bytes) -> None:
        await self.process.gate()
        await self.inner.send(frame)

    async def receive(self) -> bytes:
        frame = await self.inner.receive()
        await self.process.gate()
        return frame

    async def close(self, reason: str = "") -> None:
        await self.process.gate()
        await self.inner.close(reason)
