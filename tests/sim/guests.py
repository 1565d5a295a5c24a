"""What guests say on their channel: the honest agent's messages marked with their VM, and from hostile ones garbage."""

from __future__ import annotations

import json
from typing import Any

import attrs

from actors.kernel.ports import SeededRandom
from node.hypervisor.port import ByteStream
from node.world import World
from protocol import guest as guest_messages
from tests.checkers.s17_guests import mark_of
from tests.sim.rates import Rates
from tests.sim.truth import Truth

HOSTILE_TEXTS = (
    "\x1b[2J",
    "\u202e",
    "\ud83d\ude00" * 9,
    "A" * 5_000,
    "'; DROP TABLE vms; --",
    "../../etc/passwd",
    "\n#! ",
)


@attrs.define(eq=False)
class HostileGuest:
    """A channel that marks what the agent says, and now and then says something else in its place."""

    inner: ByteStream
    vm_id: str
    random: SeededRandom
    rates: Rates
    truth: Truth
    world: World

    async def send_all(self, data: bytes) -> None:
        await self.inner.send_all(data)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = await self.inner.receive_some(max_bytes)
        if not data:
            return data
        sent = b"".join(self._marked(line) + b"\n" for line in data.splitlines())
        if self.random.random() < self.rates.guest_garbage:
            sent += self._garbage()
        return sent

    def _marked(self, line: bytes) -> bytes:
        message: dict[str, Any] = json.loads(line)
        if message.get("type") == guest_messages.FACTS:
            mark = mark_of(self.vm_id)
            message.update(
                fqdn=mark,
                os_distribution=mark,
                applications=[f"{mark} 1.0"],
                sessions=[{"user": mark, "console": True}],
                addresses=[{**one, "interface": f"{mark} {n}"} for n, one in enumerate(message.get("addresses") or ())],
            )
        return json.dumps(message).encode()

    def _garbage(self) -> bytes:
        mark = mark_of(self.vm_id)
        match self.random.randrange(6):
            case 0:
                return bytes(self.random.randrange(256) for _ in range(200)) + b"\n"
            case 1:
                return b"[" * 300 + b"]" * 300 + b"\n"
            case 2:
                self.truth.once("guest shut out for flooding")
                return b'{"type": "heartbeat"}\n' * 120
            case 3:
                text = mark + self.random.choice(HOSTILE_TEXTS)
                message: dict[str, Any] = {
                    "type": guest_messages.FACTS,
                    "fqdn": text,
                    "kernel": text,
                    "time_zone": text,
                }
                return json.dumps(message).encode() + b"\n"
            case 4:
                message = {
                    "type": guest_messages.FACTS,
                    "fqdn": mark,
                    "memory_total_bytes": -1,
                    "applications": {"a": 1},
                }
                return json.dumps(message).encode() + b"\n"
        return self._in_another_name(mark)

    def _in_another_name(self, mark: str) -> bytes:
        others = [vm_id for vm_id in self.world.running() if vm_id != self.vm_id]
        if not others:
            return b"{}\n"
        self.truth.once("guest talked in another VM's name")
        other = self.random.choice(others)
        names = {"vm_id": other, "id": other, "vm": {"id": other}}
        message = {"type": guest_messages.FACTS, "fqdn": mark, "os_distribution": mark, **names}
        return json.dumps(message).encode() + b"\n"
