"""One child of a crowd and what the crowd remembers of it.

It must not start or restart the child: the crowd does.
"""

from __future__ import annotations

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.ports import Random
from supervisors.budget import Budget, Streak
from supervisors.grounds import Grounds
from supervisors.slot import ActorSlot, report_start
from supervisors.spec import CrowdSpec


class Member(ActorSlot):
    """The place of one child of a crowd. What only a crashed or stopping child needs is made then."""

    __slots__ = (
        "_spec",
        "budget",
        "ended",
        "is_running",
        "is_stopping",
        "is_wanted",
        "key",
        "nap",
        "run_number",
        "streak",
    )

    def __init__(self, spec: CrowdSpec, crowd_address: str, key: str, grounds: Grounds) -> None:
        super().__init__(
            f"{crowd_address}/{key}",
            grounds,
            messages_max=spec.mailbox_messages_max,
            start_seconds=spec.start_seconds,
            stop_seconds=spec.stop_seconds,
        )
        self._spec = spec
        self.key = key
        self.run_number = 0
        self.is_running = False
        self.is_stopping = False
        self.is_wanted = False  # asked for while it stops
        self.budget: Budget | None = None
        self.streak: Streak | None = None
        self.nap: trio.CancelScope | None = None
        self.ended: trio.Event | None = None

    def make(self, context: Context) -> Actor:
        return self._spec.factory(context, self.key)

    def came_up(self) -> None:
        report_start(self._grounds, self)

    def spend(self, now: float) -> bool:
        """Takes one restart from its own budget; False when that is used up."""
        if self.budget is None:
            self.budget = Budget(self._spec.restarts_max, self._spec.window_seconds)
        return self.budget.spend(now)

    def delay_seconds(self, lived_seconds: float, random: Random) -> float:
        """The wait before the restart that follows a life of `lived_seconds`."""
        if self.streak is None:
            self.streak = Streak(self._spec.window_seconds)
        return self._spec.backoff.delay_seconds(self.streak.next(lived_seconds), random)

    def request_stop(self) -> None:
        self.is_stopping = True
        if self.nap is not None:
            self.nap.cancel()
        super().request_stop()
