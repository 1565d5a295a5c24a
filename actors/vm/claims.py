"""How a VM's command claims a unique name or MAC addresses before it is decided, and lets the claim go.

It must not decide: the reservations actor does, and its answer brings the command back.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, Tell
from actors.entity.messages import Commanded
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve

RESERVATIONS: Final = "reservations/main"


def claim(asked: Commanded, owner_id: str, *, name: str = "", macs: tuple[str, ...] = ()) -> Decision:
    """Asks for a name and MAC addresses; "" stands for a free address."""
    names = (NameClaim(kind="vm", name=name),) if name else ()
    reserve = Reserve(holder=asked.command_id, owner_id=owner_id, names=names, macs=macs)
    return Decision(effects=(Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{asked.command_id}"),))


def released(decision: Decision, asked: Commanded) -> Decision:
    """The same decision, and the claim is let go: what it held is in the rows by then, or is not wanted."""
    release = Tell(address=RESERVATIONS, message=ReleaseReservation(holder=asked.command_id))
    return attrs.evolve(decision, effects=(release, *decision.effects))
