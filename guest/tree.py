"""The agent, drawn: three actors, each restarted alone. It must not decide anything.

guest
|- channel    the port to the host
|- agent      hello, heartbeats, orders
|- watcher    what the machine is
"""

from __future__ import annotations

import sys

from guest.agent import Agent, PowerCommands
from guest.channel import Channel
from guest.facts import Machine
from guest.watcher import Watcher
from supervisors.observe import Kind, Observed
from supervisors.spec import Backoff, ChildSpec, SupervisorSpec


def guest_tree(channel_path: str, machine: Machine, power: PowerCommands) -> SupervisorSpec:
    """The tree of one agent on the port at `channel_path`."""
    return SupervisorSpec(
        "guest",
        children=(
            ChildSpec("channel", lambda context: Channel(context, channel_path, "guest/agent")),
            ChildSpec("agent", lambda context: Agent(context, machine, power, "guest/channel", "guest/watcher")),
            ChildSpec("watcher", lambda context: Watcher(context, machine, "guest/agent")),
        ),
        restarts_max=20,
        window_seconds=60.0,
        backoff=Backoff(first_seconds=0.5, max_seconds=10.0),
    )


def tell_crashes(observed: Observed) -> None:
    """One line on standard error for what should not happen; a small guest has no other log."""
    if observed.kind in (Kind.CRASHED, Kind.START_FAILED, Kind.ESCALATED, Kind.STUCK):
        print(f"{observed.kind.value} {observed.address}: {observed.trace}", file=sys.stderr, flush=True)
