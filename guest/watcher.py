"""Checks the machine every few seconds and reports changes."""

from __future__ import annotations

from typing import Final

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from guest.facts import Machine
from guest.local_messages import FactsFound, LookNow
from protocol.node.reports import GuestReport

look_period_seconds: Final = 5.0


class Watcher(Actor):
    """`LookNow` tells the facts even when they are the same."""

    def __init__(self, context: Context, machine: Machine, listener: str) -> None:
        super().__init__(context)
        self._machine = machine
        self._listener = listener
        self._reported: GuestReport | None = None

    async def started(self) -> None:
        self.context.spawn(self._look_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case LookNow():
                self._reported = None
                await self._look()
            case other:
                raise NotImplementedError(f"the watcher got {type(other).__name__}")

    async def _look_for_ever(self) -> None:
        while True:
            await self._look()
            await self.context.ports.clock.sleep(look_period_seconds)

    async def _look(self) -> None:
        found = await trio.to_thread.run_sync(self._machine.report)
        listener = self.context.directory.find(self._listener)
        if found != self._reported and listener is not None:
            self._reported = found
            listener.tell(FactsFound(report=found))
