"""Runs libvirt's event loop for ever in one daemon thread of the process and hands plain data over to Trio.

It must not raise into libvirt or into Trio, and must not hold more than a bounded number of events.
"""

from __future__ import annotations

import threading

import attrs
import libvirt
import trio

_pending_max = 2_000
_pause_after_failure_seconds = 0.1

_start_lock = threading.Lock()
_started = False


def ensure_loop() -> None:
    """Starts the loop once per process. Must happen before the first connection is opened."""
    global _started
    with _start_lock:
        if _started:
            return
        libvirt.virEventRegisterDefaultImpl()
        libvirt.registerErrorHandler(_keep_quiet, None)  # it would print every error on stderr
        threading.Thread(target=_loop, name="libvirt events", daemon=True).start()
        _started = True


def _keep_quiet(_context: object, _error: object) -> None:
    """Errors are raised to the caller too; there is nothing to add."""


def _loop() -> None:
    pause = threading.Event()
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except Exception:  # noqa: BLE001 - the loop serves every connection of the process: it goes on whatever happens
            pause.wait(_pause_after_failure_seconds)


@attrs.frozen(kw_only=True)
class RawEvent:
    """What a callback of libvirt's said, as plain data."""

    kind: str  # lifecycle | reboot | io_error | agent | lost | overflow
    incarnation: int
    vm_id: str = ""
    event: int = 0
    detail: int = 0
    text: str = ""


class EventPipe:
    """From the loop's thread to one Trio reader, in order. When it is full the newest events are dropped and the
    reader finds one `overflow` event in their place."""

    def __init__(self, size: int = _pending_max) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._lock = threading.Lock()
        self._size = size
        self._pending = 0
        self._overflown = False
        self._send, self.receive = trio.open_memory_channel[RawEvent](size + 2)

    def put(self, event: RawEvent) -> None:
        """Called from any thread; never blocks, never raises."""
        with self._lock:
            if self._pending >= self._size:
                if self._overflown:
                    return
                self._overflown = True
                event = RawEvent(kind="overflow", incarnation=event.incarnation)
            self._pending += 1
        try:
            self._token.run_sync_soon(self._deliver, event)
        except trio.RunFinishedError:
            pass  # the daemon is gone; so is the reader

    def taken(self) -> None:
        """The reader says so after each event that it took."""
        with self._lock:
            self._pending -= 1
            if self._pending < self._size // 2:
                self._overflown = False

    def _deliver(self, event: RawEvent) -> None:
        try:
            self._send.send_nowait(event)
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self.taken()
