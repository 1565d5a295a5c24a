"""How a VM's command claims a unique name or MAC addresses before it is decided, and lets the claim go.

It must not decide: the reservations actor does, and its answer brings the command back.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, Tell
from actors.entity.messages import CommandRequest
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve

RESERVATIONS: Final = "reservations/main"


def claim(request: CommandRequest, owner_id: str, *, name: str = "", macs: tuple[str, ...] = ()) -> Decision:
    """Asks for a name and MAC addresses; "" stands for a free address."""
    names = (NameClaim(kind="vm", name=name),) if name else ()
    reserve = Reserve(holder=request.command_id, owner_id=owner_id, names=names, macs=macs)
    return Decision(effects=(Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{request.command_id}"),))


def released(decision: Decision, request: CommandRequest) -> Decision:
    """The same decision, and the claim is let go: what it held is in the rows by then, or is not wanted."""
    release = Tell(address=RESERVATIONS, message=ReleaseReservation(holder=request.command_id))
    return attrs.evolve(decision, effects=(release, *decision.effects))
