"""Builds trees of players and reads their supervision as a transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import trio.testing

from actors.kernel import Actor, ActorRef, Context, Directory, Ports, codec_carrier
from supervisors.observe import Observed
from supervisors.spec import Backoff, ChildSpec, DynamicSupervisorSpec, Restart, Strategy, SupervisorSpec
from supervisors.tree import Tree, running
from tests.actors.kernel.players import Player

# Without delays a restart happens in the same instant, and a transcript needs no times.
at_once = Backoff(first_seconds=0.0)


@attrs.define
class Stage:
    """A running tree, what its players wrote down, and what its supervisors told."""

    script: list[str]
    observed: list[str]
    times: list[tuple[float, str]]
    directory: Directory = attrs.Factory(Directory)
    tree: Tree | None = None

    def player(self, stop_seconds: float = 0.0) -> Callable[[Context], Actor]:
        return lambda context: Player(context, self.script, stop_seconds=stop_seconds)

    def child(self, name: str, restart: Restart = Restart.PERMANENT, *, stop_seconds: float = 5.0) -> ChildSpec:
        return ChildSpec(name, self.player(), restart, stop_seconds)

    def ref(self, address: str) -> ActorRef:
        found = self.directory.find(address)
        assert found is not None, f"nobody at {address}"
        return found

    def observe(self, observed: Observed) -> None:
        line = f"{observed.kind.value} {observed.address} {observed.incarnation}"
        self.observed.append(line)
        self.times.append((observed.at, line))

    def take(self) -> list[str]:
        """What the players wrote since the last time."""
        taken, self.script[:] = list(self.script), []
        return taken

    def take_observed(self) -> list[str]:
        """What the supervisors told since the last time."""
        taken, self.observed[:] = list(self.observed), []
        return taken


def stage() -> Stage:
    return Stage([], [], [])


@asynccontextmanager
async def playing(stage: Stage, spec: SupervisorSpec, *, seed: int = 1) -> AsyncIterator[Stage]:
    """Runs `spec` with every message going through the codec."""
    async with running(
        spec, Ports.seeded(seed), stage.directory, carrier=codec_carrier, observer=stage.observe
    ) as stage.tree:
        yield stage


def troupe(
    stage: Stage,
    *children: ChildSpec | SupervisorSpec | DynamicSupervisorSpec,
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    restarts_max: int = 3,
    window_seconds: float = 5.0,
    backoff: Backoff = at_once,
) -> SupervisorSpec:
    """A supervisor named `root` over `children`, or over the permanent players a, b and c."""
    return SupervisorSpec(
        "root",
        strategy,
        children or tuple(stage.child(name) for name in "abc"),
        restarts_max,
        window_seconds,
        backoff,
    )


async def settle() -> None:
    """Lets everything happen that needs no time to pass."""
    await trio.testing.wait_all_tasks_blocked()
