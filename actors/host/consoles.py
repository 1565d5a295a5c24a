"""Streams of serial consoles between the gateway and nodes."""

from __future__ import annotations

from collections.abc import Callable

import trio

from actors.entity.refusals import not_ready
from actors.entity.services import Services
from protocol.document import id_of
from protocol.errors import NotLegal, Refusal
from protocol.message import Message
from protocol.node.commands import ConsoleData, ConsoleOpen
from protocol.refusals import not_found
from protocol.vm.model import Vm

chunks_max = 256


class HostConsole:
    """One open console. `receive_some` gives b"" when it has ended."""

    def __init__(self, broker: ConsoleBroker, stream_id: str, host_id: str) -> None:
        self._broker = broker
        self._stream_id = stream_id
        self.host_id = host_id
        self.into, self._out = trio.open_memory_channel[ConsoleData](chunks_max)

    async def send_all(self, data: bytes) -> None:
        if not self._broker.send(self.host_id, ConsoleData(stream_id=self._stream_id, data=data)):
            raise trio.BrokenResourceError("the host has no link")
        await trio.lowlevel.checkpoint()

    async def receive_some(self) -> bytes:
        try:
            chunk = await self._out.receive()
        except trio.EndOfChannel:
            return b""
        if chunk.closed:
            self.into.close()
            return chunk.data
        return chunk.data

    async def aclose(self) -> None:
        self._broker.forget(self._stream_id)
        self._broker.send(self.host_id, ConsoleData(stream_id=self._stream_id, closed=True))
        await trio.lowlevel.checkpoint()


class ConsoleBroker:
    """All open consoles of one engine."""

    def __init__(self, services: Services, make_id: Callable[[], str]) -> None:
        self._services = services
        self._make_id = make_id
        self._open: dict[str, HostConsole] = {}

    def open(self, vm_id: str) -> HostConsole | Refusal:
        """Connects to the console of a VM that runs."""
        vm = self._services.rows.get(Vm, vm_id)
        if vm is None:
            return not_found("vm", vm_id)
        host_id = id_of(vm.host)
        if not host_id or not self._services.nodes.linked(host_id):
            return not_ready("vm", vm, "open the console of", "running", "Start it first.")
        if vm.console is not None and vm.console.enabled is False and not vm.run_once:  # a run once may have another
            remedy = "Update it with console.enabled=true and start it anew."
            return NotLegal(
                f"VM {vm.name} has no serial console.", remedy=remedy, entity=f"vm/{vm_id}", field="console.enabled"
            ).refusal
        stream_id = self._make_id()
        console = HostConsole(self, stream_id, host_id)
        self._open[stream_id] = console
        self.send(host_id, ConsoleOpen(epoch=self._services.epoch(), stream_id=stream_id, vm_id=vm_id))
        return console

    def send(self, host_id: str, message: Message) -> bool:
        return self._services.nodes.send(host_id, message)

    def received(self, host_id: str, data: ConsoleData) -> None:
        """A chunk from a host, of a console that is open there. A reader that does not keep up loses the connection, never
        the engine."""
        console = self._open.get(data.stream_id)
        if console is None or console.host_id != host_id:
            return
        try:
            console.into.send_nowait(data)
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self.forget(data.stream_id)
        if data.closed:
            self.forget(data.stream_id)

    def forget(self, stream_id: str) -> None:
        console = self._open.pop(stream_id, None)
        if console is not None:
            console.into.close()
