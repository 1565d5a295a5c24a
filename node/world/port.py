"""A process's access to the simulated world, with its share of every fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from node.world.faults import CallFault, well
from node.world.hosts import WorldHost
from node.world.world import World
from protocol.errors import Unavailable
from protocol.node.reports import DomainChanged

T = TypeVar("T")


class WorldPort:
    """A process's hold on the world. Killing the process makes it inert: its calls never return and change nothing."""

    def __init__(self, world: World, host: WorldHost) -> None:
        self.world = world
        self.host = host
        self.inert = False
        host.ports.append(self)

    def became_inert(self) -> None:
        """Called once when the process died."""

    def domain_changed(self, change: DomainChanged) -> None:
        """A domain of the host changed and libvirt tells so."""

    def libvirt_changed(self, is_up: bool) -> None:
        """libvirt on the host went away or came back."""

    def release(self) -> None:
        """The process gave the port back in peace."""
        if self in self.host.ports:
            self.host.ports.remove(self)

    async def alive(self) -> None:
        """Returns only in a living process."""
        if self.inert:
            await trio.sleep_forever()

    def fault(self, call: str, subject: str) -> CallFault:
        """What the hook of the world has in store for this call."""
        return (self.world.fault_hook and self.world.fault_hook(self.host.name, call, subject)) or well

    async def call(self, name: str, subject: str, effect: Callable[[], T]) -> T:
        """Performs `effect` at one instant of the simulated time, unless a fault has it otherwise."""
        await self.alive()
        fault = self.fault(name, subject)
        await self.pass_time(fault.delay_seconds + self.world.call_seconds)
        if fault.fail is not None:
            raise fault.fail
        if fault.die_before:
            self.host.kill_node()
            await self.alive()
        result = effect()
        if fault.die_after:
            self.host.kill_node()
            await self.alive()
        if fault.fail_after is not None:
            raise fault.fail_after
        if fault.reply_lost:
            raise Unavailable(f"The connection was lost during {name}.", remedy="Check the state.")
        return result

    async def pass_time(self, seconds: float) -> None:
        """Waits, at least one scheduler step, and returns only in a living process."""
        if seconds > 0:
            await self.world.clock.sleep(seconds)
        else:
            await trio.lowlevel.checkpoint()
        await self.alive()
