"""A dynamic supervisor's record of one child."""

from __future__ import annotations

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.ports import Random
from supervisors.budget import Budget, Streak
from supervisors.context import TreeContext
from supervisors.slot import ActorSlot, report_start
from supervisors.spec import DynamicSupervisorSpec


class DynamicChild(ActorSlot):
    """The place of one child of a dynamic supervisor. What only a crashed or stopping child needs is made then."""

    __slots__ = (
        "_spec",
        "budget",
        "ended",
        "is_running",
        "is_stopping",
        "is_wanted",
        "key",
        "nap",
        "streak",
        "task_number",
    )

    def __init__(self, spec: DynamicSupervisorSpec, parent_address: str, key: str, tree: TreeContext) -> None:
        super().__init__(
            f"{parent_address}/{key}",
            tree,
            messages_max=spec.mailbox_messages_max,
            start_seconds=spec.start_seconds,
            stop_seconds=spec.stop_seconds,
        )
        self._spec = spec
        self.key = key
        self.task_number = 0
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
        report_start(self._tree, self)

    def spend(self, now: float) -> bool:
        """Takes one restart from its own budget; False when that is used up."""
        if self.budget is None:
            self.budget = Budget(self._spec.restarts_max, self._spec.window_seconds)
        return self.budget.spend(now)

    def delay_seconds(self, lived_seconds: float, random: Random) -> float:
        """The wait before the restart that follows an incarnation of `lived_seconds`."""
        if self.streak is None:
            self.streak = Streak(self._spec.window_seconds)
        return self._spec.backoff.delay_seconds(self.streak.next(lived_seconds), random)

    def request_stop(self) -> None:
        self.is_stopping = True
        if self.nap is not None:
            self.nap.cancel()
        super().request_stop()
