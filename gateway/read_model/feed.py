"""Keeps the read model and the live hub at the engine's latest sequence, through slow moments and engine restarts.

It must not lose or repeat a change: it subscribes first, then fills the gap from the journal, or reports a *reset*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import trio

from gateway.read_model.engine_client import EnginePort
from gateway.read_model.model import ReadModel, Record
from protocol.errors import CorralError
from protocol.live.engine import Change, HostSamples

_batch_changes_max: Final = 1_000
_messages_per_turn_max: Final = 50
_retry_seconds: Final = 0.5


class Listener(Protocol):
    """Who is told after the model has moved. `before`: the object as it was, None for a new one and for events."""

    def changed(self, change: Change, before: Record | None) -> None: ...
    def sampled(self, samples: HostSamples) -> None: ...
    def reset(self) -> None: ...


class Feed:
    """Runs for as long as the gateway does."""

    def __init__(
        self, engine: EnginePort, model: ReadModel, listener: Listener, log: Callable[[str], None] = lambda _: None
    ) -> None:
        self._engine = engine
        self._model = model
        self._listener = listener
        self._log = log

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Started when the first snapshot is in."""
        started = False
        while True:
            try:
                async with self._engine.subscribe() as channel:
                    await self._catch_up()
                    if not started:
                        started = True
                        task_status.started()
                    async for message in channel:
                        self._take(message)
                        self._take_waiting(channel)
            except (CorralError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._log(f"the engine's feed ended: {error!r}")
            await trio.sleep(_retry_seconds)

    def _take_waiting(self, channel: trio.MemoryReceiveChannel[Change | HostSamples]) -> None:
        """What waits already: a turn of the scheduler for each would leave the model behind a busy engine."""
        for _ in range(_messages_per_turn_max):
            try:
                message = channel.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                return
            self._take(message)

    def _take(self, message: Change | HostSamples) -> None:
        if isinstance(message, HostSamples):
            self._model.sampled(message)
            self._listener.sampled(message)
            return
        before = self._model.get(message.kind, message.id) if message.kind != "event" else None
        if self._model.apply(message, before):
            self._listener.changed(message, before)

    async def _catch_up(self) -> None:
        """From the model's sequence to the journal's, one change after the other; a snapshot when that is not kept."""
        while self._model.loaded:
            changes = await self._engine.changes_after(self._model.sequence, _batch_changes_max)
            if changes is None:
                break
            for change in changes:
                self._take(change)
            if len(changes) < _batch_changes_max:
                return
        self._model.load(await self._engine.snapshot())
        self._listener.reset()
