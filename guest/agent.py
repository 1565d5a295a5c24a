"""The agent's side of the conversation: hello, heartbeats, facts, and the node's commands."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from guest.channel import answer, as_line
from guest.facts import Machine, agent_version, as_fields
from guest.local_messages import FactsFound, HostGone, LookNow, Order, Say, ThawNow
from protocol import guest as guest_messages
from protocol import limits
from protocol.message import Message
from protocol.node.reports import GuestReport

line_bytes_max: Final = limits.guest_frame_bytes_max - 1024
heartbeat_seconds_min, heartbeat_seconds_max = 1.0, 30.0
power_delay_seconds: Final = 0.3
"""How long the reply may take to leave before the machine goes down."""


@attrs.frozen(kw_only=True)
class PowerCommands:
    """What ends the machine, as argument lists; the first program of each that exists is used."""

    off: Sequence[Sequence[str]] = (("poweroff",), ("systemctl", "poweroff"), ("busybox", "poweroff"))
    reboot: Sequence[Sequence[str]] = (("reboot",), ("systemctl", "reboot"), ("busybox", "reboot"))


class Agent(Actor):
    """Speaks through the actor at `channel`, asks those at `watcher` and `freezer`."""

    def __init__(
        self, context: Context, machine: Machine, power: PowerCommands, channel: str, watcher: str, freezer: str
    ) -> None:
        super().__init__(context)
        self._machine = machine
        self._power = power
        self._channel = channel
        self._watcher = watcher
        self._freezer = freezer
        self._period = limits.guest_heartbeat_period_seconds

    async def started(self) -> None:
        self._say(
            {"type": guest_messages.HELLO, "version": guest_messages.protocol_version, "agent_version": agent_version}
        )
        self.context.spawn(self._beat_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case FactsFound(report=report):
                self._tell(self._channel, Say(line=facts_line(report)))
            case Order() as order:
                self._obey(order)
            case HostGone():
                self._tell(self._freezer, ThawNow())
            case other:
                raise NotImplementedError(f"the agent got {type(other).__name__}")

    def _obey(self, order: Order) -> None:
        match order.kind:
            case guest_messages.WELCOME:
                wanted = order.heartbeat_period_seconds or self._period
                self._period = min(max(wanted, heartbeat_seconds_min), heartbeat_seconds_max)
                self._tell(self._watcher, LookNow())
            case guest_messages.REFRESH:
                self._tell(self._watcher, LookNow())
            case guest_messages.SHUTDOWN:
                self._end_machine(order, self._power.off)
            case guest_messages.REBOOT:
                self._end_machine(order, self._power.reboot)
            case guest_messages.FREEZE | guest_messages.THAW:
                self._tell(self._freezer, order)
            case unknown if order.id:
                self._tell(self._channel, answer(order, f"this agent does not support the command {unknown}"))

    def _end_machine(self, order: Order, commands: Sequence[Sequence[str]]) -> None:
        command = next((command for command in commands if shutil.which(command[0])), None)
        if command is None:
            self._tell(self._channel, answer(order, "this machine has no command to do it"))
            return
        self._tell(self._channel, answer(order))
        self._tell(self._freezer, ThawNow())  # what ends a machine writes to its disks
        self.context.spawn(self._run, command)

    async def _run(self, command: Sequence[str]) -> None:
        await self.context.ports.clock.sleep(power_delay_seconds)
        ended = await trio.run_process(list(command), check=False, stdin=subprocess.DEVNULL)
        if ended.returncode:
            self.context.log.error("power.failed", command=command, code=ended.returncode)

    async def _beat_for_ever(self) -> None:
        while True:
            total, available = self._machine.memory()
            beat = {"memory_total_bytes": total, "memory_available_bytes": available}
            self._say({"type": guest_messages.HEARTBEAT, **beat})
            await self.context.ports.clock.sleep(self._period)

    def _say(self, value: dict[str, Any]) -> None:
        self._tell(self._channel, Say(line=as_line(value)))

    def _tell(self, address: str, message: Message) -> None:
        ref = self.context.directory.find(address)
        try:
            if ref is not None:
                ref.tell(message)
        except (MailboxFull, ActorGone):
            return  # nobody reads on the host; it asks again when somebody does


def facts_line(report: GuestReport) -> bytes:
    """The facts as one line that fits a frame: the list of applications is cut when it does not."""
    fields: dict[str, Any] = {"type": guest_messages.FACTS, **as_fields(report)}
    line = as_line(fields)
    while len(line) > line_bytes_max and fields["applications"]:
        fields["applications"] = fields["applications"][: len(fields["applications"]) * 3 // 4]
        line = as_line(fields)
    return line
