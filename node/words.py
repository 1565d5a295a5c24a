"""What the node's own actors say to each other. It must not hold what crosses the link: that is the protocol's."""

from __future__ import annotations

import attrs

from protocol.link import EngineHello
from protocol.words import Lane, Tagged, word


@word("node.local.link_up", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class LinkUp(Tagged):
    """The link stands: everything that the engine may have missed is to be said again."""

    hello: EngineHello


@word("node.local.link_down", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class LinkDown(Tagged):
    """The link has ended."""

    reason: str


@word("node.local.events_lost", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class EventsLost(Tagged):
    """The hypervisor's events have a hole: all domains are to be reported."""

    reason: str


@word("node.local.guest_started", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class ListenToGuest(Tagged):
    """A domain runs: its agent may speak from now on."""

    vm_id: str
