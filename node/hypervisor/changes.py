"""The bounded channel between a hypervisor and its one reader: what does not fit becomes one `EventsMissing`."""

from __future__ import annotations

import trio

from node.hypervisor.port import EventsMissing, HypervisorEvent, events_max


class Changes:
    """`put` never blocks and never fails; after an overflow the reader finds the oldest events, then `EventsMissing`."""

    def __init__(self, size: int = events_max) -> None:
        self._size = size
        # One place more than `put` uses for changes, kept for the Resync that reports the overflow.
        self._send, self.receive = trio.open_memory_channel[HypervisorEvent](size + 1)
        self._overflown = False

    def put(self, event: HypervisorEvent) -> None:
        used = self._send.statistics().current_buffer_used
        if self._overflown and used < self._size:
            self._overflown = False
        if self._overflown:
            return
        if used >= self._size:
            self._overflown = True
            event = EventsMissing(f"More than {self._size} domain changes are unread.")
        self._send.send_nowait(event)
