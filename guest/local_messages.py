"""Messages between the agent's actors."""

from __future__ import annotations

import attrs

from protocol.message import Message, Priority, message
from protocol.node.reports import GuestReport


@message("guest.local.order", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class Order(Message):
    """One line of the node that we understand."""

    kind: str
    id: str = ""
    reason: str = ""
    heartbeat_period_seconds: float = 0.0


@message("guest.local.say")
@attrs.frozen(kw_only=True)
class Say(Message):
    """One line for the node, complete with its end."""

    line: bytes


@message("guest.local.facts")
@attrs.frozen(kw_only=True)
class FactsFound(Message):
    """What the machine is now; it differs from what was found before."""

    report: GuestReport


@message("guest.local.look_now", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class LookNow(Message):
    """The node wants facts: whatever is found is to be told, changed or not."""


@message("guest.local.host_gone", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class HostGone(Message):
    """Nobody reads our channel on the host any more."""


@message("guest.local.thaw_now", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class ThawNow(Message):
    """Nothing may stay frozen: the host is gone, or the machine goes down."""
