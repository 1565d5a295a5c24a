"""How a child starts, stops and restarts: the tree as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from protocol import limits
from supervisors.budget import Backoff
from supervisors.handle import DynamicSupervisorHandle
from supervisors.strategy import Restart, Strategy

__all__ = [
    "ActorFactory",
    "AsyncTask",
    "Backoff",
    "ChildSpec",
    "DynamicSupervisorSpec",
    "Restart",
    "Strategy",
    "SupervisorSpec",
]

ActorFactory: TypeAlias = Callable[[Context], Actor]


@attrs.frozen
class AsyncTask:
    """A child that is just a task: `run(context)` until it returns. Counts as started at once; gets no messages."""

    run: Callable[[Context], Awaitable[None]]

    def __call__(self, context: Context) -> Actor:
        return _TaskActor(context, self.run)


class _TaskActor(Actor):
    def __init__(self, context: Context, run: Callable[[Context], Awaitable[None]]) -> None:
        super().__init__(context)
        self._run = run

    async def started(self) -> None:
        self.context.spawn(self._run_to_its_end)

    async def _run_to_its_end(self) -> None:
        await self._run(self.context)
        self.context.stop_self()

    async def receive(self, envelope: Envelope) -> None:
        raise NotImplementedError(f"a task got {type(envelope.message).__name__}")


@attrs.frozen
class ChildSpec:
    """One place in a tree. `factory` makes the actor of each incarnation, or is a task, a supervisor or a dynamic supervisor.

    For a nested supervisor or dynamic supervisor, `stop_seconds` is not used: those end when their children have.
    `address` defaults to the path in the tree.
    """

    name: str
    factory: ActorFactory | AsyncTask | SupervisorSpec | DynamicSupervisorSpec
    restart: Restart = Restart.PERMANENT
    stop_seconds: float = 5.0
    mailbox_messages_max: int = limits.mailbox_messages_max
    start_seconds: float = 60.0
    address: str = ""


def _as_children(
    children: tuple[ChildSpec | SupervisorSpec | DynamicSupervisorSpec, ...]
    | list[ChildSpec | SupervisorSpec | DynamicSupervisorSpec],
) -> tuple[ChildSpec, ...]:
    made = tuple(child if isinstance(child, ChildSpec) else ChildSpec(child.name, child) for child in children)
    names = [child.name for child in made]
    if len(set(names)) != len(names):
        raise ValueError(f"two children of the same name in {names}")
    return made


@attrs.frozen
class SupervisorSpec:
    """A supervisor and its children, in start order. A nested one may stand in `children` as it is.

    More than `restarts_max` restarts within `window_seconds`, and it stops its children and fails to its parent.
    """

    name: str
    strategy: Strategy = Strategy.ONE_FOR_ONE
    children: tuple[ChildSpec, ...] = attrs.field(default=(), converter=_as_children)
    restarts_max: int = 3
    window_seconds: float = 5.0
    backoff: Backoff = Backoff()


@attrs.frozen
class DynamicSupervisorSpec:
    """Any number of like children, each under a key, started on demand and stopped side by side.

    `restarts_max` within `window_seconds` is the budget of each child, `total_restarts_max` within
    `total_window_seconds` that of all together. A child that exceeds its own is given up alone, unless
    `fails_with_child`; one too many in all, and the dynamic supervisor fails to its parent.
    """

    name: str
    factory: Callable[[Context, str], Actor]
    restart: Restart = Restart.PERMANENT
    stop_seconds: float = 5.0
    restarts_max: int = 3
    window_seconds: float = 60.0
    total_restarts_max: int = 1_000
    total_window_seconds: float = 60.0
    fails_with_child: bool = False
    backoff: Backoff = Backoff()
    mailbox_messages_max: int = limits.mailbox_messages_max
    start_seconds: float = 60.0
    address: str = ""
    handle: DynamicSupervisorHandle = attrs.Factory(DynamicSupervisorHandle)
