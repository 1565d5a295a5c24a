"""A supervisor's record of one child."""

from __future__ import annotations

import math

import trio

from actors.kernel.actor import Actor, Context
from supervisors.budget import Streak
from supervisors.context import TreeContext
from supervisors.slot import ActorSlot, Child
from supervisors.spec import ActorFactory, AsyncTask, ChildSpec


class PlainSlot(ActorSlot):
    """The place of a child that has a spec of its own."""

    __slots__ = ("_factory",)

    def __init__(self, spec: ChildSpec, factory: ActorFactory | AsyncTask, address: str, tree: TreeContext) -> None:
        super().__init__(
            address,
            tree,
            messages_max=spec.mailbox_messages_max,
            start_seconds=spec.start_seconds,
            stop_seconds=spec.stop_seconds,
        )
        self._factory = factory

    def make(self, context: Context) -> Actor:
        return self._factory(context)


class ChildRecord:
    """A child and what its supervisor remembers of it."""

    def __init__(self, spec: ChildSpec, child: Child, calm_seconds: float) -> None:
        self.spec = spec
        self.child = child
        is_supervisor = not isinstance(child, ActorSlot)
        # A supervisor ends when its children have, each within its own deadline.
        self.stop_seconds = math.inf if is_supervisor else spec.stop_seconds
        self.start_seconds = math.inf if is_supervisor else spec.start_seconds
        self.streak = Streak(calm_seconds)
        self.task_number = 0
        self.started_at = 0.0
        self.is_running = False
        self.is_stopping = False
        self.came_up = False
        self.error: BaseException | None = None
        self.decided = trio.Event()  # came up, or ended before
        self.ended = trio.Event()
        self.due = 0  # the ticket of the restart that it waits for
