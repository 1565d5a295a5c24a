"""The two serial lines of a simulated guest, as byte streams without a task of their own."""

from __future__ import annotations

import json
from typing import Any

import trio

from node.world.hosts import WorldHost
from node.world.qemu import Guest, Qemu
from protocol import guest as guest_messages
from protocol import limits
from protocol.node.domain import DomainStatus

_buffer_bytes_max = 64 * 1024


class GuestLine:
    """The agent's port: hello and facts once it is up, a heartbeat each period, and it obeys what the real one does."""

    def __init__(self, host: WorldHost, qemu: Qemu) -> None:
        self._host = host
        self._qemu = qemu
        self._clock = host.world.clock
        self._outgoing: list[dict[str, Any]] = []
        self._rest = b""
        self._greeted_boot = 0
        self._more = trio.Event()

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self._qemu.ended.is_set():
            raise trio.BrokenResourceError("QEMU ended")
        *lines, self._rest = (self._rest + data)[-_buffer_bytes_max:].split(b"\n")
        if self._speaks:
            for line in lines:
                self._obey(line)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._qemu.ended.is_set():
            if self._speaks and self._greeted_boot != self._qemu.boot_number:
                self._greeted_boot = self._qemu.boot_number
                self._outgoing += [_hello(), self._facts()]
            if self._outgoing:
                lines, self._outgoing = self._outgoing, []
                return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            self._more = trio.Event()
            with self._clock.move_on_after(limits.guest_heartbeat_period_seconds) as waited:
                await self._next()
            if waited.cancelled_caught and self._speaks:
                self._outgoing.append(self._heartbeat())
        return b""

    async def aclose(self) -> None:
        self._host.thaw(self._qemu)
        await trio.lowlevel.checkpoint()

    @property
    def _speaks(self) -> bool:
        return self._qemu.agent and self._qemu.status is DomainStatus.RUNNING

    async def _next(self) -> None:
        """Until the guest has something to say or is gone."""
        async with trio.open_nursery() as nursery:

            async def first(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, self._qemu.ended)
            nursery.start_soon(first, self._more)
            if not self._qemu.booted.is_set():
                nursery.start_soon(first, self._qemu.booted)

    def _obey(self, line: bytes) -> None:
        try:
            order = json.loads(line)
        except ValueError:
            return
        if not isinstance(order, dict) or not isinstance(order.get("type"), str):
            return
        error = ""
        match order["type"]:
            case guest_messages.WELCOME:
                return
            case guest_messages.SHUTDOWN:
                self._host.thaw(self._qemu)
                self._host.press_power_button(self._qemu.vm_id)
            case guest_messages.REBOOT:
                self._host.reboot(self._qemu.vm_id, by_guest=True)
            case guest_messages.REFRESH:
                self._outgoing.append(self._facts())
            case guest_messages.FREEZE:
                error = self._host.freeze(self._qemu)
            case guest_messages.THAW:
                self._host.thaw(self._qemu)
            case unknown:
                error = f"this agent does not support the command {unknown}"
        self._reply(order.get("id"), error)

    def _reply(self, id: object, error: str) -> None:
        reply = {"type": guest_messages.REPLY, "id": id, "ok": not error}
        self._outgoing.append(reply | {"error": error} if error else reply)
        self._more.set()

    def _heartbeat(self) -> dict[str, Any]:
        memory = self._qemu.spec.memory_bytes
        return {
            "type": guest_messages.HEARTBEAT,
            "memory_total_bytes": memory,
            "memory_available_bytes": memory // 2,
        }

    def _facts(self) -> dict[str, Any]:
        pid = self._qemu.pid
        addresses = [
            {
                "interface": f"eth{n}",
                "mac": nic.mac,
                "addresses": [f"10.{pid >> 16 & 255}.{pid >> 8 & 255}.{pid & 255}"],
            }
            for n, nic in enumerate(self._qemu.spec.nics)
        ]
        return {
            "type": guest_messages.FACTS,
            "agent_version": "simulated",
            "boot_id": f"{pid}-{self._qemu.boot_number}",
            "fqdn": self._qemu.spec.name,
            "os_family": "linux",
            "os_distribution": "simulated",
            "architecture": "x86_64",
            "addresses": addresses,
            "memory_total_bytes": self._qemu.spec.memory_bytes,
            "memory_available_bytes": self._qemu.spec.memory_bytes // 2,
        }


def _hello() -> dict[str, Any]:
    return {
        "type": guest_messages.HELLO,
        "version": guest_messages.protocol_version,
        "agent_version": "simulated",
    }


class ConsoleLine:
    """A shell prompt that echoes what is typed."""

    def __init__(self, qemu: Qemu) -> None:
        self._qemu = qemu
        self._send, self._receive = trio.open_memory_channel[bytes](64)
        self._send.send_nowait(f"\r\n{qemu.spec.name} console (simulated)\r\n# ".encode())
        qemu.console_open = True

    async def send_all(self, data: bytes) -> None:
        if self._qemu.ended.is_set():
            raise trio.BrokenResourceError("QEMU ended")
        if self._qemu.guest is Guest.UP:
            await self._send.send(data.replace(b"\r", b"\r\n# "))
        else:
            await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = b""
        async with trio.open_nursery() as nursery:

            async def until_end() -> None:
                await self._qemu.ended.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_end)
            data = await self._receive.receive()
            nursery.cancel_scope.cancel()
        return data

    async def aclose(self) -> None:
        self._qemu.console_open = False
        await trio.lowlevel.checkpoint()
