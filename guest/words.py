"""What the actors of the agent say to each other. It must not hold what crosses the channel."""

from __future__ import annotations

import attrs

from protocol.node_messages import GuestReport
from protocol.words import Lane, Tagged, word


@word("guest.local.order", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class Order(Tagged):
    """One line of the node that we understand."""

    kind: str
    id: str = ""
    reason: str = ""
    heartbeat_period_seconds: float = 0.0


@word("guest.local.say")
@attrs.frozen(kw_only=True)
class Say(Tagged):
    """One line for the node, complete with its end."""

    line: bytes


@word("guest.local.facts")
@attrs.frozen(kw_only=True)
class FactsFound(Tagged):
    """What the machine is now; it differs from what was found before."""

    report: GuestReport


@word("guest.local.look_now", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class LookNow(Tagged):
    """The node wants facts: whatever is found is to be told, changed or not."""
