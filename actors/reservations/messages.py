"""What is asked of the reservations actors."""

from __future__ import annotations

import attrs

from protocol.words import Tagged, word


@attrs.frozen(kw_only=True)
class NameClaim:
    kind: str
    name: str
    parent: str = ""


@word("reservations.reserve")
@attrs.frozen(kw_only=True)
class Reserve(Tagged):
    """Hold names and MAC addresses for one operation until it is durable. Answer: `Reserved` or a refusal.

    Each of `macs` is an address wanted, or "" for one from the pool. `owner_id` may keep what it has already.
    """

    holder: str
    owner_id: str
    names: tuple[NameClaim, ...] = ()
    macs: tuple[str, ...] = ()


@word("reservations.reserved")
@attrs.frozen(kw_only=True)
class Reserved(Tagged):
    macs: tuple[str, ...] = ()


@word("reservations.release")
@attrs.frozen(kw_only=True)
class ReleaseReservation(Tagged):
    """What was held is durable by now, or given up."""

    holder: str
