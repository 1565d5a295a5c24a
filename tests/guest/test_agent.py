"""The agent's tree on a pseudo terminal in place of the virtio-serial port; a host on the other end."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tty
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from guest.agent import PowerCommands, facts_line
from guest.facts import Machine
from guest.tree import guest_tree
from protocol import limits
from protocol.node.reports import GuestReport
from supervisors.tree import running
from tests.guest.test_freezing import FakeFileSystems


@attrs.define
class Host:
    """What the node would see of one agent."""

    line: trio.lowlevel.FdStream
    rest: bytes = b""
    heard: list[dict[str, Any]] = attrs.field(factory=list)

    async def say(self, **order: Any) -> None:
        await self.line.send_all(json.dumps(order).encode() + b"\n")

    async def next(self, kind: str, *, seconds: float = 10.0) -> dict[str, Any]:
        with trio.fail_after(seconds):
            while True:
                while b"\n" not in self.rest:
                    self.rest += await self.line.receive_some(4096)
                line, self.rest = self.rest.split(b"\n", 1)
                message: dict[str, Any] = json.loads(line)
                self.heard.append(message)
                if message["type"] == kind:
                    return message


class FakeMachine(Machine):
    """A machine whose host name can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "before"

    def report(self) -> GuestReport:
        return GuestReport(vm_id="", agent_version="1", fqdn=self.name)


@contextlib.asynccontextmanager
async def agent(machine: Machine, power: PowerCommands) -> AsyncIterator[Host]:
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    host = Host(trio.lowlevel.FdStream(master))
    async with host.line, running(guest_tree(path, machine, power, FakeFileSystems()), Ports.system(), Directory()):
        yield host
    os.close(slave)


@pytest.fixture
def power(tmp_path: pathlib.Path) -> PowerCommands:
    return PowerCommands(off=(("touch", str(tmp_path / "off")),), reboot=(("no-such-program-here",),))


async def test_it_says_hello_beats_and_tells_facts(power: PowerCommands) -> None:
    async with agent(Machine(), power) as host:
        hello = await host.next("hello")
        assert hello["version"] == 1
        await host.say(type="welcome", id="1", version=1, heartbeat_period_seconds=1)
        facts = await host.next("facts")
        assert facts["kernel"] == os.uname().release
        assert "vm_id" not in facts
        beat = await host.next("heartbeat")
        assert beat["memory_total_bytes"] > beat["memory_available_bytes"] > 0


async def test_a_changed_host_name_is_told_within_fifteen_seconds(power: PowerCommands) -> None:
    machine = FakeMachine()
    async with agent(machine, power) as host:
        assert (await host.next("facts"))["fqdn"] == "before"
        machine.name = "after"
        assert (await host.next("facts", seconds=15))["fqdn"] == "after"


async def test_facts_come_when_asked_for(power: PowerCommands) -> None:
    async with agent(FakeMachine(), power) as host:
        await host.next("facts")
        await host.say(type="refresh", id="7")
        await host.next("facts", seconds=3)


async def test_shutdown_is_confirmed_and_done(power: PowerCommands, tmp_path: pathlib.Path) -> None:
    async with agent(FakeMachine(), power) as host:
        await host.say(type="shutdown", id="s1", reason="test")
        assert await host.next("reply") == {"type": "reply", "id": "s1", "ok": True}
        with trio.fail_after(5):
            while not (tmp_path / "off").exists():  # noqa: ASYNC110 - a file tells nobody
                await trio.sleep(0.05)


async def test_what_the_machine_cannot_do_is_refused(power: PowerCommands) -> None:
    async with agent(FakeMachine(), power) as host:
        await host.say(type="reboot", id="r1")
        reply = await host.next("reply")
        assert reply["ok"] is False
        assert reply["error"]


async def test_garbage_on_the_channel_is_passed_over(power: PowerCommands) -> None:
    async with agent(FakeMachine(), power) as host:
        await host.line.send_all(b"\x00\xff{]\n[1]\n" + b"[" * 5000 + b'\n{"type":"explode"}\n{"type":5}\n')
        await host.say(type="refresh", id="1")
        await host.next("facts")


async def test_a_port_that_is_missing_is_waited_for(tmp_path: pathlib.Path, power: PowerCommands) -> None:
    link = tmp_path / "port"
    master, slave = os.openpty()
    tty.setraw(slave)
    host = Host(trio.lowlevel.FdStream(master))
    async with (
        host.line,
        running(guest_tree(str(link), FakeMachine(), power, FakeFileSystems()), Ports.system(), Directory()),
    ):
        await trio.sleep(0.2)
        link.symlink_to(os.ttyname(slave))
        await host.next("heartbeat")
    os.close(slave)


def test_facts_always_fit_a_frame() -> None:
    report = GuestReport(vm_id="", applications=tuple(f"package-{n:06}-with-a-long-name" for n in range(10_000)))
    line = facts_line(report)
    assert len(line) <= limits.guest_frame_bytes_max
    assert json.loads(line)["applications"]
