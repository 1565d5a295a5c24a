"""The real engine's port with an ear, and with the refusals and the silence of an engine in trouble.

It answers nothing itself. Gaps, slow readers and a database that is away need no fake: the journal in memory and the
engine have them on demand.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from gateway.read_model.engine_client import ConsoleStream, EnginePort
from protocol.errors import Refusal
from protocol.live.engine import Accepted, Change, HostSamples, Principal, Snapshot, Submit


@attrs.define
class FakeEngine:
    """An `EnginePort` over the real one. Tests look at `submitted` only for what must not reach the engine, or how."""

    real: EnginePort
    submitted: list[Submit] = attrs.field(factory=list)
    refuse_next: Refusal | None = None
    is_stuck: bool = False  # takes commands and answers none

    @property
    def ready(self) -> bool:
        return self.real.ready

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        self.submitted.append(submit)
        if self.is_stuck:
            await trio.sleep_forever()
        if self.refuse_next is not None:
            refusal, self.refuse_next = self.refuse_next, None
            await trio.lowlevel.checkpoint()
            return refusal
        return await self.real.submit(submit)

    async def snapshot(self) -> Snapshot:
        return await self.real.snapshot()

    def subscribe(self) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Change | HostSamples]]:
        return self.real.subscribe()

    async def changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        return await self.real.changes_after(sequence, limit)

    async def open_console(self, vm_id: str, principal: Principal) -> ConsoleStream | Refusal:
        return await self.real.open_console(vm_id, principal)
