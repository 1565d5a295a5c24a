"""One connection to libvirt at a time: calls in threads under limiters, fenced by the connection's incarnation.

It must not retry a call: who asked decides. A thread that outlives its caller finishes in its own time; what it finds
is thrown away.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import libvirt
import trio

from node.hypervisor.libvirt_errors import is_lost, mapped
from node.hypervisor.libvirt_loop import EventPipe, RawEvent, ensure_loop
from protocol.errors import CorralError, Unavailable

T = TypeVar("T")

keepalive_interval_seconds = 5
keepalive_count = 3
_close_timeout_seconds = 5


class Lane(enum.Enum):
    """Which calls share threads; a long job never holds up a control call."""

    CONTROL = 8
    QUERY = 4
    LONG = 3


class LibvirtCalls:
    """The connection and its threads. `incarnation` rises with each connection."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.incarnation = 0
        self.pipe = EventPipe()
        self._connection: libvirt.virConnect | None = None
        self._callbacks: list[int] = []
        self._limiters: dict[Lane, trio.CapacityLimiter] = {}

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def open(self) -> None:
        """Connects anew. Raises `Unavailable`."""
        await self.close()
        self.incarnation += 1
        incarnation = self.incarnation
        try:
            connection, callbacks = await trio.to_thread.run_sync(self._open, incarnation, abandon_on_cancel=True)
        except libvirt.libvirtError as error:
            told = mapped(error, doing=f"connect to {self.uri}").refusal
            raise Unavailable(told.reason, remedy="Start libvirtd on this host.") from None
        if incarnation != self.incarnation:
            raise Unavailable("Another connection to libvirt was made in the meantime.")
        # Limiters of their own: threads that still hang on the old connection do not count.
        self._limiters = {lane: trio.CapacityLimiter(lane.value) for lane in Lane}
        self._callbacks = callbacks
        self._connection = connection

    async def close(self) -> None:
        """Gives the connection back; one that hangs is left to its thread."""
        connection, self._connection = self._connection, None
        callbacks, self._callbacks = self._callbacks, []
        if connection is None:
            return
        with trio.move_on_after(_close_timeout_seconds):
            await trio.to_thread.run_sync(_close, connection, callbacks, abandon_on_cancel=True)

    def lost(self, incarnation: int) -> None:
        """Nobody uses this connection any more; the reader of the pipe hears of it."""
        if incarnation == self.incarnation and self._connection is not None:
            self.pipe.put(RawEvent(kind="lost", incarnation=incarnation))

    async def call(self, lane: Lane, call: Callable[[libvirt.virConnect], T], *, doing: str, entity: str = "") -> T:
        """Runs `call` with the connection in a thread. Raises our errors, never libvirt's."""
        connection, incarnation = self._connection, self.incarnation
        if connection is None:
            raise Unavailable("libvirt on this host does not answer.", remedy="Start libvirtd on this host.")
        try:
            result = await trio.to_thread.run_sync(
                call, connection, abandon_on_cancel=True, limiter=self._limiters[lane]
            )
        except libvirt.libvirtError as error:
            if is_lost(error):
                self.lost(incarnation)
            raise mapped(error, doing=doing, entity=entity) from None
        except CorralError:
            raise
        if incarnation != self.incarnation:
            raise Unavailable(f"The connection to libvirt broke while it was to {doing}.", entity=entity)
        return result

    # --- in threads -----------------------------------------------------------------------------------------------

    def _open(self, incarnation: int) -> tuple[libvirt.virConnect, list[int]]:
        ensure_loop()
        connection = libvirt.open(self.uri)
        try:
            connection.setKeepAlive(keepalive_interval_seconds, keepalive_count)
        except libvirt.libvirtError:
            pass  # a driver inside this process has nothing to keep alive
        connection.registerCloseCallback(
            lambda _connection, _reason, _opaque: self.pipe.put(RawEvent(kind="lost", incarnation=incarnation)), None
        )
        return connection, self._subscribe(connection, incarnation)

    def _subscribe(self, connection: libvirt.virConnect, incarnation: int) -> list[int]:
        put = self.pipe.put

        def on_lifecycle(_c: object, domain: libvirt.virDomain, event: int, detail: int, _o: object) -> None:
            vm_id = domain.UUIDString()
            put(RawEvent(kind="lifecycle", incarnation=incarnation, vm_id=vm_id, event=event, detail=detail))

        def on_reboot(_c: object, domain: libvirt.virDomain, _o: object) -> None:
            put(RawEvent(kind="reboot", incarnation=incarnation, vm_id=domain.UUIDString()))

        def on_io_error(
            _c: object, domain: libvirt.virDomain, path: str, alias: str, action: int, reason: str, _o: object
        ) -> None:
            text = f"{path or alias}: {reason or 'I/O error'}"
            put(RawEvent(kind="io_error", incarnation=incarnation, vm_id=domain.UUIDString(), event=action, text=text))

        def on_agent(_c: object, domain: libvirt.virDomain, state: int, _reason: int, _o: object) -> None:
            put(RawEvent(kind="agent", incarnation=incarnation, vm_id=domain.UUIDString(), event=state))

        wanted: tuple[tuple[int, Callable[..., None]], ...] = (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, on_reboot),
            (libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, on_io_error),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, on_agent),
        )
        return [connection.domainEventRegisterAny(None, kind, callback, None) for kind, callback in wanted]


def _close(connection: libvirt.virConnect, callbacks: list[int]) -> None:
    for callback in callbacks:
        _try(partial(connection.domainEventDeregisterAny, callback))
    _try(connection.unregisterCloseCallback)
    _try(connection.close)


def _try(step: Callable[[], object]) -> None:
    try:
        step()
    except libvirt.libvirtError:
        pass  # the connection is broken, which is why it is closed
