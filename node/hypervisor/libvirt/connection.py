"""One connection to libvirt with its subscriptions, shared by threads. Everything here runs in threads and may block.

It must not be closed during a call: libvirt frees a closed connection even while it is in use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import libvirt

from node.hypervisor.libvirt.loop import EventPipe, RawEvent, ensure_loop
from protocol.errors import Unavailable

T = TypeVar("T")

abandoned: list[libvirt.virConnect] = []
"""Connections retired while a call hung in them. Kept, so that nothing of them is ever freed: one socket a hang."""


class HeldConnection:
    """A connection and the threads in it. Nobody enters a retired one any more. One that is retired while a call hangs
    in it is left open for good: to close it under the call, or after it, was seen to crash the process."""

    def __init__(self, connection: libvirt.virConnect, callbacks: list[int]) -> None:
        self._connection = connection
        self._callbacks = callbacks
        self._lock = threading.Lock()
        self._users = 0
        self._retired = False

    def use(self, call: Callable[[libvirt.virConnect], T]) -> T:
        """Runs `call` in this thread. Raises `Unavailable` when the connection was retired."""
        with self._lock:
            if self._retired:
                raise Unavailable("The connection to libvirt was lost.", remedy="Try again.")
            self._users += 1
        try:
            return call(self._connection)
        finally:
            with self._lock:
                self._users -= 1

    def retire(self) -> None:
        """Closes the connection when nobody is in it, and abandons it otherwise. Blocking."""
        with self._lock:
            if self._retired:
                return
            self._retired = True
            if self._users:
                abandoned.append(self._connection)
                return
        self._close()

    def _close(self) -> None:
        for callback in self._callbacks:
            _try(partial(self._connection.domainEventDeregisterAny, callback))
        _try(self._connection.unregisterCloseCallback)
        _try(self._connection.close)


class Opening:
    """A connection being opened, which may take for ever: who gives up leaves the thread to close what comes of it."""

    def __init__(self, uri: str, incarnation: int, pipe: EventPipe) -> None:
        self._uri = uri
        self._incarnation = incarnation
        self._pipe = pipe
        self._lock = threading.Lock()
        self._given_up = False

    def open(self) -> HeldConnection | None:
        """The connection; None when nobody waits for it any more. Raises libvirt's error."""
        ensure_loop()
        connection = libvirt.open(self._uri)
        # No keepalive: its timer breaks the connection in libvirt's event thread while other threads are in calls on
        # it, which crashed the process when libvirtd hung. `libvirt_calls` watches the connection instead.
        connection.registerCloseCallback(lambda *_: self._put("lost"), None)
        held = HeldConnection(connection, self._subscribe(connection))
        with self._lock:
            if not self._given_up:
                return held
        held.retire()
        return None

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True

    def _put(
        self, kind: str, domain: libvirt.virDomain | None = None, event: int = 0, detail: int = 0, text: str = ""
    ) -> None:
        vm_id = domain.UUIDString() if domain is not None else ""
        self._pipe.put(
            RawEvent(kind=kind, incarnation=self._incarnation, vm_id=vm_id, event=event, detail=detail, text=text)
        )

    def _subscribe(self, connection: libvirt.virConnect) -> list[int]:
        def on_lifecycle(_c: object, domain: libvirt.virDomain, event: int, detail: int, _o: object) -> None:
            self._put("lifecycle", domain, event, detail)

        def on_reboot(_c: object, domain: libvirt.virDomain, _o: object) -> None:
            self._put("reboot", domain)

        def on_io_error(
            _c: object, domain: libvirt.virDomain, path: str, alias: str, action: int, reason: str, _o: object
        ) -> None:
            self._put("io_error", domain, action, text=f"{path or alias}: {reason or 'I/O error'}")

        def on_agent(_c: object, domain: libvirt.virDomain, state: int, _reason: int, _o: object) -> None:
            self._put("agent", domain, state)

        wanted: tuple[tuple[int, Callable[..., None]], ...] = (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, on_reboot),
            (libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, on_io_error),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, on_agent),
        )
        return [connection.domainEventRegisterAny(None, kind, callback, None) for kind, callback in wanted]


def _try(step: Callable[[], object]) -> None:
    try:
        step()
    except libvirt.libvirtError:
        pass  # the connection is broken, which is why it is closed
