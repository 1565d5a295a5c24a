"""Freezes the file systems on request, and thaws them: on request, after a minute, or when the host disconnects."""

from __future__ import annotations

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from guest.channel import answer
from guest.file_systems import FileSystems, FreezeFailed
from guest.local_messages import Order, ThawNow
from protocol import guest as guest_messages
from protocol.guest import freeze_seconds_max


class Freezer(Actor):
    """Answers orders through the actor at `channel`. A freeze that comes again counts the minute anew."""

    def __init__(self, context: Context, file_systems: FileSystems, channel: str) -> None:
        super().__init__(context)
        self._file_systems = file_systems
        self._channel = channel
        self._thawing = trio.Lock()
        self._freezes = 0

    async def started(self) -> None:
        await trio.to_thread.run_sync(self._file_systems.thaw_leftovers)

    async def stopping(self) -> None:
        await self._thaw()

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case Order(kind=guest_messages.FREEZE) as order:
                self._answer(order, await self._freeze())
            case Order(kind=guest_messages.THAW) as order:
                self._answer(order, await self._thaw())
            case ThawNow():
                await self._thaw()
            case other:
                raise NotImplementedError(f"the freezer got {type(other).__name__}")

    async def _freeze(self) -> str:
        """Why not; "" when everything stands still."""
        async with self._thawing:
            self._file_systems.prepare()
        self._freezes += 1
        self.context.spawn(self._thaw_in_time, self._freezes)
        try:
            # Left behind when this actor ends: the thaw at its end has the freeze undo itself.
            await trio.to_thread.run_sync(self._file_systems.freeze, abandon_on_cancel=True)
        except FreezeFailed as error:
            return str(error)
        return ""

    async def _thaw(self) -> str:
        async with self._thawing:
            return await trio.to_thread.run_sync(self._file_systems.thaw)

    async def _thaw_in_time(self, number: int) -> None:
        """Also while the freeze still hangs at some file system."""
        await self.context.ports.clock.sleep(freeze_seconds_max)
        if number == self._freezes:
            await self._thaw()

    def _answer(self, order: Order, error: str = "") -> None:
        channel = self.context.directory.find(self._channel)
        try:
            if channel is not None:
                channel.tell(answer(order, error))
        except (MailboxFull, ActorGone):
            return  # nobody reads on the host: it gives up, and what is frozen thaws by itself
