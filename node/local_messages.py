"""Messages between the node's own actors."""

from __future__ import annotations

import attrs

from protocol.message import Message, Priority, message
from protocol.node.link import EngineHello


@message("node.local.link_up", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class LinkUp(Message):
    """The link stands: everything that the engine may have missed is to be said again."""

    hello: EngineHello


@message("node.local.link_down", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class LinkDown(Message):
    """The link has ended."""

    reason: str


@message("node.local.events_lost", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class EventsLost(Message):
    """The hypervisor's events have a hole: all domains are to be reported."""

    reason: str


@message("node.local.guest_started", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class ListenToGuest(Message):
    """A domain runs: its agent may speak from now on."""

    vm_id: str
