"""The freeze contract on the real agent, its file systems faked and its minute short, and on the simulated guest."""

from __future__ import annotations

import contextlib
import json
import os
import tty
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports, SeededRandom, TrioClock
from guest import freezer
from guest.agent import PowerCommands
from guest.facts import Machine
from guest.file_systems import FileSystems, FreezeFailed
from guest.tree import guest_tree
from node.world import World
from node.world.guest import GuestLine
from node.world.qemu import Qemu
from protocol import guest as guest_messages
from protocol.node.domain import DomainSpec
from protocol.node.reports import GuestReport
from supervisors.tree import running
from tests.guest.freezing import FreezeContract
from tests.node.simulated_time import on_simulated_time

minute_seconds = 2.0


class FakeFileSystems(FileSystems):
    """Freezes nothing of this machine."""

    def __init__(self) -> None:
        super().__init__(lambda: "", os.devnull)
        self.is_frozen = False
        self.error = ""

    def freeze(self) -> None:
        if self.error:
            raise FreezeFailed(self.error)
        self.is_frozen = True

    def thaw(self) -> str:
        self.is_frozen = False
        return ""


class FakeMachine(Machine):
    def report(self) -> GuestReport:
        return GuestReport(vm_id="", agent_version="1")


@attrs.define
class RealAgent:
    """The agent's tree on a pseudo terminal in place of its port."""

    line: trio.lowlevel.FdStream
    file_systems: FakeFileSystems
    rest: bytes = b""

    async def ask(self, **order: Any) -> dict[str, Any]:
        await self.line.send_all(json.dumps(order).encode() + b"\n")
        with trio.fail_after(10):
            while True:
                while b"\n" not in self.rest:
                    self.rest += await self.line.receive_some(4096)
                line, self.rest = self.rest.split(b"\n", 1)
                message: dict[str, Any] = json.loads(line)
                if message["type"] == "reply":
                    return message

    async def wait(self, seconds: float) -> None:
        shortened = seconds / guest_messages.freeze_seconds_max * minute_seconds
        await trio.sleep(max(shortened, min(seconds, 1.0)))

    async def close(self) -> None:
        await self.line.aclose()

    def is_frozen(self) -> bool:
        return self.file_systems.is_frozen

    def breaks(self, error: str) -> None:
        self.file_systems.error = error


class TestRealAgent(FreezeContract):
    @pytest.fixture
    async def guest(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealAgent]:
        monkeypatch.setattr(freezer, "freeze_seconds_max", minute_seconds)
        master, slave = os.openpty()
        tty.setraw(slave)
        agent = RealAgent(trio.lowlevel.FdStream(master), FakeFileSystems())
        power = PowerCommands(off=(("true",),), reboot=(("true",),))
        tree = guest_tree(os.ttyname(slave), FakeMachine(), power, agent.file_systems)
        async with agent.line, running(tree, Ports.system(), Directory()):
            yield agent
        with contextlib.suppress(OSError):
            os.close(slave)


@attrs.define
class SimulatedAgent:
    """The simulated guest's end of a channel."""

    qemu: Qemu
    line: GuestLine
    replies: list[dict[str, Any]] = attrs.field(factory=list)

    async def listen(self) -> None:
        while data := await self.line.receive_some():
            self.replies += [each for line in data.splitlines() if (each := json.loads(line))["type"] == "reply"]

    async def ask(self, **order: Any) -> dict[str, Any]:
        await self.line.send_all(json.dumps(order).encode() + b"\n")
        with trio.fail_after(1):
            while not self.replies:  # noqa: ASYNC110 - as the node would wait
                await trio.sleep(0.01)
        return self.replies.pop()

    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def close(self) -> None:
        await self.line.aclose()

    def is_frozen(self) -> bool:
        return self.qemu.frozen_until is not None

    def breaks(self, error: str) -> None:
        self.qemu.shape = attrs.evolve(self.qemu.shape, freeze_error=error)


@on_simulated_time
class TestSimulatedAgent(FreezeContract):
    @pytest.fixture
    async def guest(self, nursery: trio.Nursery) -> AsyncIterator[SimulatedAgent]:
        world = World(TrioClock(), SeededRandom(1))
        host = world.add_host("h1", "uuid-1")
        nursery.start_soon(world.run)
        host.start(DomainSpec(vm_id="vm", name="vm", memory_bytes=1 << 28), "step", ())
        await trio.sleep(5)
        agent = SimulatedAgent(host.qemu("vm"), GuestLine(host, host.qemu("vm")))
        nursery.start_soon(agent.listen)
        yield agent
        nursery.cancel_scope.cancel()
