"""How a VM's command claims a unique name or MAC addresses before it is decided: the answer brings it back."""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision, Question, Tell
from actors.entity.messages import CommandRequest
from actors.reservations.messages import NameClaim, ReleaseReservation, Reserve

RESERVATIONS: Final = "reservations/main"


def claim(request: CommandRequest, owner_id: str, *, name: str = "", macs: tuple[str, ...] = ()) -> Decision:
    """Asks for a name and MAC addresses; "" stands for a free address. Once the command is decided, what was held is
    in the rows, or is not wanted."""
    names = (NameClaim(kind="vm", name=name),) if name else ()
    reserve = Reserve(holder=request.command_id, owner_id=owner_id, names=names, macs=macs)
    ask = Tell(address=RESERVATIONS, message=reserve, token=f"reserve:{request.command_id}")
    release = Tell(address=RESERVATIONS, message=ReleaseReservation(holder=request.command_id))
    return Decision(question=Question(ask=ask, release=release))
