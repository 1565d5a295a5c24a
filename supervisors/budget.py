"""How many restarts are too many, and how long to wait before the next one. Pure: it must not sleep or read a clock."""

from __future__ import annotations

from collections import deque

import attrs

from actors.kernel.ports import Random


@attrs.frozen
class Backoff:
    """Seconds to wait before the n-th restart in a row: `first * factor ** (n - 1)`, at most `max_seconds`.

    `jitter` is the share by which a delay is stretched or shortened at random, so that many children do not come back in
    step; no delay exceeds `max_seconds`. With `first_seconds` 0 a restart is immediate.
    """

    first_seconds: float = 0.1
    factor: float = 2.0
    max_seconds: float = 30.0
    jitter: float = 0.2

    def delay_seconds(self, streak: int, random: Random) -> float:
        """The delay before restart number `streak` (from 1) of one streak."""
        assert streak >= 1, streak
        if self.first_seconds <= 0.0:
            return 0.0
        # The exponent is capped, because a float overflows near 2 ** 1024 and a streak has no end.
        delay = min(self.first_seconds * self.factor ** min(streak - 1, 64), self.max_seconds)
        stretched = delay * (1.0 + random.uniform(-self.jitter, self.jitter))
        return max(0.0, min(stretched, self.max_seconds))


class Budget:
    """Restarts within a sliding window. One more than `restarts_max` within `window_seconds` is refused."""

    __slots__ = ("_spent_at", "restarts_max", "window_seconds")

    def __init__(self, restarts_max: int, window_seconds: float) -> None:
        self.restarts_max = restarts_max
        self.window_seconds = window_seconds
        self._spent_at: deque[float] = deque()

    def spend(self, now: float) -> bool:
        """Takes one restart at `now`; False when the budget of the window is used up."""
        while self._spent_at and self._spent_at[0] <= now - self.window_seconds:
            self._spent_at.popleft()
        if len(self._spent_at) >= self.restarts_max:
            return False
        self._spent_at.append(now)
        return True


class Streak:
    """Restarts in a row: one that stayed up for `calm_seconds` starts a new streak."""

    __slots__ = ("_calm_seconds", "_count")

    def __init__(self, calm_seconds: float) -> None:
        self._calm_seconds = calm_seconds
        self._count = 0

    def next(self, lived_seconds: float) -> int:
        """The number of the restart that follows an incarnation of `lived_seconds`, from 1."""
        self._count = 1 if lived_seconds >= self._calm_seconds else self._count + 1
        return self._count
