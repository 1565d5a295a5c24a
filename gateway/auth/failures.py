"""Counts failed logins by address and by user, and says when to refuse unheard. It must not block a thread or task."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import trio

from protocol.errors import CorralError

_window_seconds: Final = 60.0
_keys_max: Final = 10_000


class TooManyFailures(CorralError):
    """429: too many failed logins from here."""

    code = "too_many_failures"
    status = 429
    retryable = True


class Failures:
    """A sliding window for each address and user."""

    def __init__(self, per_minute_max: int) -> None:
        self._max = per_minute_max
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Raises `TooManyFailures` when one of the keys has failed too often in the last minute."""
        oldest = trio.current_time() - _window_seconds
        for key in keys:
            times = self._failed.get(key)
            while times and times[0] < oldest:
                times.popleft()
            if times and len(times) >= self._max:
                raise TooManyFailures("Too many failed logins.", remedy="Wait a minute, then use the right password.")

    def failed(self, *keys: str) -> None:
        for key in keys:
            self._failed.setdefault(key, deque(maxlen=self._max)).append(trio.current_time())
            self._failed.move_to_end(key)
        while len(self._failed) > _keys_max:
            self._failed.popitem(last=False)
