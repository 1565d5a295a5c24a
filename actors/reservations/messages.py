"""What is asked of the reservations actors."""

from __future__ import annotations

import attrs

from protocol.message import Message, message


@attrs.frozen(kw_only=True)
class NameClaim:
    kind: str
    name: str
    parent: str = ""


@message("reservations.reserve")
@attrs.frozen(kw_only=True)
class Reserve(Message):
    """Hold names and MAC addresses for one operation until it is durable. Answer: `Reserved` or a refusal.

    Each of `macs` is an address wanted, or "" for one from the pool. `owner_id` may keep what it has already.
    """

    holder: str
    owner_id: str
    names: tuple[NameClaim, ...] = ()
    macs: tuple[str, ...] = ()


@message("reservations.reserved")
@attrs.frozen(kw_only=True)
class Reserved(Message):
    macs: tuple[str, ...] = ()


@message("reservations.release")
@attrs.frozen(kw_only=True)
class ReleaseReservation(Message):
    """What was held is durable by now, or given up."""

    holder: str
