"""What the host room tells entities that have something on a host. It must not hold what a node says itself."""

from __future__ import annotations

import attrs

from protocol.words import Lane, Tagged, word


@word("host.returned", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class HostReturned(Tagged):
    """The host has a link again: what still runs there is to be asked for once more."""

    host_id: str


@word("host.lost", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class HostLost(Tagged):
    """The host has been silent for too long: what it holds cannot be reached now."""

    host_id: str
