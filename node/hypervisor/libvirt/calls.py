"""Calls to libvirt in threads under limiters, over one connection at a time, fenced by its incarnation.

It must not retry a call: the caller decides. A thread that outlives its caller runs to its end; its result is
discarded.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeVar

import libvirt
import trio

from node.hypervisor.libvirt.connection import HeldConnection, Opening
from node.hypervisor.libvirt.errors import is_lost, mapped
from node.hypervisor.libvirt.loop import EventPipe, RawEvent
from protocol.errors import Unavailable

T = TypeVar("T")

_open_timeout_seconds = 10
_close_timeout_seconds = 5
_remedy = "Start libvirtd on this host."


class CallPool(enum.Enum):
    """Which calls share threads; a long job never holds up a control call, and nothing holds up the watch."""

    CONTROL = 8
    QUERY = 4
    LONG = 3
    WATCH = 1


class LibvirtCalls:
    """The connection and its threads. `incarnation` rises with each attempt to connect."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.incarnation = 0
        self.pipe = EventPipe()
        self._held: HeldConnection | None = None
        self._limiters: dict[CallPool, trio.CapacityLimiter] = {}
        self._waiting: set[trio.CancelScope] = set()

    async def open(self) -> None:
        """Connects anew. Raises `Unavailable`."""
        await self.close()
        self.incarnation += 1
        incarnation = self.incarnation
        opening = Opening(self.uri, incarnation, self.pipe)
        try:
            with trio.fail_after(_open_timeout_seconds):
                held = await trio.to_thread.run_sync(opening.open, abandon_on_cancel=True)
        except libvirt.libvirtError as error:
            refusal = mapped(error, doing=f"connect to {self.uri}").refusal
            raise Unavailable(refusal.reason, remedy=_remedy) from None
        except trio.TooSlowError:
            raise Unavailable(f"libvirt did not answer within {_open_timeout_seconds} s.", remedy=_remedy) from None
        finally:
            opening.give_up()
        if held is None or incarnation != self.incarnation:
            if held is not None:
                await trio.to_thread.run_sync(held.retire, abandon_on_cancel=True)
            raise Unavailable("libvirt was reconnected in the meantime.")
        # Limiters of their own: threads that still hang on an old connection do not count.
        self._limiters = {pool: trio.CapacityLimiter(pool.value) for pool in CallPool}
        self._held = held

    async def close(self) -> None:
        """Gives the connection back. Whoever waits for it gets `Unavailable`; threads that hang in it are left."""
        held, self._held = self._held, None
        if held is None:
            return
        for scope in self._waiting:
            scope.cancel()
        with trio.move_on_after(_close_timeout_seconds):
            await trio.to_thread.run_sync(held.retire, abandon_on_cancel=True)

    def lost(self, incarnation: int) -> None:
        """This connection is of no use any more: who waits for it gets `Unavailable`, the pipe's reader hears of it."""
        if incarnation == self.incarnation and self._held is not None:
            for scope in self._waiting:
                scope.cancel()
            self.pipe.put(RawEvent(kind="lost", incarnation=incarnation))

    async def call(self, pool: CallPool, call: Callable[[libvirt.virConnect], T], *, doing: str, entity: str = "") -> T:
        """Runs `call` with the connection in a thread. Raises our errors, never libvirt's."""
        held, incarnation = self._held, self.incarnation
        if held is None:
            raise Unavailable("libvirt on this host does not answer.", remedy=_remedy)
        scope = trio.CancelScope()
        self._waiting.add(scope)
        try:
            with scope:
                result = await trio.to_thread.run_sync(
                    held.use, call, abandon_on_cancel=True, limiter=self._limiters[pool]
                )
        except libvirt.libvirtError as error:
            if is_lost(error):
                self.lost(incarnation)
            raise mapped(error, doing=doing, entity=entity) from None
        finally:
            self._waiting.discard(scope)
        if scope.cancelled_caught or incarnation != self.incarnation:
            raise Unavailable(
                f"The connection to libvirt was lost while it had to {doing}.", remedy="Check the VM.", entity=entity
            )
        return result
