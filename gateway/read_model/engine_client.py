"""How the gateway reaches the engine: submit, snapshot, changes, samples, console.

`EnginePort` is handed in where the daemon is put together; the in-process one lives in `actors/engine_port.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from protocol.errors import Refusal
from protocol.live.engine import Accepted, Change, HostSamples, Principal, Snapshot, Submit


class ConsoleStream(Protocol):
    """Bytes of a serial console, both ways. `receive_some` returns b"" at the end."""

    async def send_all(self, data: bytes) -> None: ...
    async def receive_some(self) -> bytes: ...
    async def aclose(self) -> None: ...


class EnginePort(Protocol):
    """What a gateway may do with an engine."""

    @property
    def ready(self) -> bool:
        """True while this engine leads and its journal takes writes."""

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        """One command; the same `command_id` again gets the stored reply. Never raises for a refusal."""

    async def snapshot(self) -> Snapshot:
        """Everything as of one sequence number."""

    def subscribe(self) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Change | HostSamples]]:
        """Every later change in order, and samples. A reader that is too slow has its channel closed: read anew."""

    async def changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        """Changes after `sequence`, oldest first, at most `limit`; None when they are no longer kept."""

    async def open_console(self, vm_id: str, principal: Principal) -> ConsoleStream | Refusal:
        """The serial console of a running VM."""
