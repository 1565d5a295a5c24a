"""Connects streams of the engine to serial consoles of domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.hypervisor.port import ByteStream, Hypervisor
from node.link.uplink import Uplink
from node.local_messages import LinkDown
from node.steps.once import Steps
from protocol.errors import CorralError
from protocol.node.commands import ConsoleData, ConsoleOpen

streams_max: Final = 64
typed_waiting_max: Final = 256
chunk_bytes_max: Final = 16 * 1024
bytes_per_second_max: Final = 1024 * 1024
"""A guest that prints for ever must not fill the link."""


@attrs.frozen(kw_only=True)
class ConsoleDependencies:
    """What the consoles need besides their ports."""

    hypervisor: Hypervisor
    steps: Steps
    uplink: Uplink


@attrs.define(eq=False)
class _Stream:
    typed: trio.MemorySendChannel[bytes]
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    reason: str = ""


class Consoles(Actor):
    """All console streams of one host."""

    def __init__(self, context: Context, dependencies: ConsoleDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies
        self._streams: dict[str, _Stream] = {}

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case ConsoleOpen() as request:
                await self._open(request)
            case ConsoleData(stream_id=stream_id, data=data, closed=closed):
                self._typed(stream_id, data, closed)
            case LinkDown():
                for stream in self._streams.values():
                    stream.scope.cancel()
            case other:
                raise NotImplementedError(f"the consoles got {type(other).__name__}")

    async def _open(self, request: ConsoleOpen) -> None:
        if not await self._dependencies.steps.obey(request.epoch):
            self._closed(request.stream_id, "the engine is no longer the leader")
        elif request.stream_id in self._streams:
            self.context.log.info("console.opened_twice", stream_id=request.stream_id)
        elif len(self._streams) >= streams_max:
            self._closed(request.stream_id, f"this host has its maximum of {streams_max} consoles open")
        else:
            typed, typed_out = trio.open_memory_channel[bytes](typed_waiting_max)
            self._streams[request.stream_id] = _Stream(typed)
            self.context.spawn(self._serve, request, typed_out)

    def _typed(self, stream_id: str, data: bytes, closed: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if closed:
            stream.scope.cancel()
            return
        try:
            stream.typed.send_nowait(data)
        except trio.WouldBlock:
            stream.reason = "the guest does not read its input"
            stream.scope.cancel()

    async def _serve(self, request: ConsoleOpen, typed: trio.MemoryReceiveChannel[bytes]) -> None:
        stream = self._streams[request.stream_id]
        reason = "closed"
        try:
            with stream.scope:
                reason = await self._pump(request, typed)
            reason = stream.reason or reason
        except* (CorralError, OSError, trio.BrokenResourceError, trio.ClosedResourceError) as problems:
            reason = str(problems.exceptions[0])
        finally:
            del self._streams[request.stream_id]
            self._closed(request.stream_id, reason)

    async def _pump(self, request: ConsoleOpen, typed: trio.MemoryReceiveChannel[bytes]) -> str:
        line = await self._dependencies.hypervisor.open_console(request.vm_id)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, line, typed)
                await self._read(line, lambda data: self._say(request.stream_id, data))
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True), self.context.ports.clock.move_on_after(2):
                await line.aclose()
        return "the console was closed"

    async def _write(self, line: ByteStream, typed: trio.MemoryReceiveChannel[bytes]) -> None:
        async for data in typed:
            await line.send_all(data)

    async def _read(self, line: ByteStream, say: Callable[[bytes], None]) -> None:
        while data := await line.receive_some(chunk_bytes_max):
            say(bytes(data))
            await self.context.ports.clock.sleep(len(data) / bytes_per_second_max)

    def _say(self, stream_id: str, data: bytes) -> None:
        self._dependencies.uplink.send(ConsoleData(stream_id=stream_id, data=data))

    def _closed(self, stream_id: str, reason: str) -> None:
        self._dependencies.uplink.send(ConsoleData(stream_id=stream_id, closed=True, reason=reason))
