"""The agent, drawn: four actors, each restarted alone.

guest
|- channel    the port to the host
|- freezer    the file systems stand still, for a minute at most
|- agent      hello, heartbeats, orders
|- watcher    what the machine is
"""

from __future__ import annotations

import sys

from guest.agent import Agent, PowerCommands
from guest.channel import Channel
from guest.facts import Machine
from guest.file_systems import FileSystems
from guest.freezer import Freezer
from guest.watcher import Watcher
from supervisors.observe import Kind, Observed, Observer
from supervisors.spec import Backoff, ChildSpec, SupervisorSpec


def guest_tree(channel_path: str, machine: Machine, power: PowerCommands, file_systems: FileSystems) -> SupervisorSpec:
    """The tree of one agent on the port at `channel_path`."""
    return SupervisorSpec(
        "guest",
        children=(
            ChildSpec("channel", lambda context: Channel(context, channel_path, "guest/agent")),
            ChildSpec("freezer", lambda context: Freezer(context, file_systems, "guest/channel")),
            ChildSpec(
                "agent",
                lambda context: Agent(context, machine, power, "guest/channel", "guest/watcher", "guest/freezer"),
            ),
            ChildSpec("watcher", lambda context: Watcher(context, machine, "guest/agent")),
        ),
        restarts_max=20,
        window_seconds=60.0,
        backoff=Backoff(first_seconds=0.5, max_seconds=10.0),
    )


def crash_printer(file_systems: FileSystems) -> Observer:
    """One line on standard error for what should not happen; a small guest has no other log.

    It thaws first: standard error may end on a file system that is frozen, and the agent would hang with the machine.
    """

    def tell(observed: Observed) -> None:
        if observed.kind in (Kind.CRASHED, Kind.START_FAILED, Kind.ESCALATED, Kind.STUCK):
            file_systems.thaw()
            print(f"{observed.kind.value} {observed.address}: {observed.trace}", file=sys.stderr, flush=True)

    return tell
