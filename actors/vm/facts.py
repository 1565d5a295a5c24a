"""What deciding about a VM needs to know beside its state, and what several operations say."""

from __future__ import annotations

import datetime
from typing import Final

import attrs

from actors.entity.decision import SetTimer
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.vm.state import VmState
from protocol.activity.operation import Operation
from protocol.live.engine import Accepted

GUEST_UP: Final = "guest_up"
"""The timer of a guest that boots. Every other timer but those that send again is named as its operation."""


@attrs.frozen(kw_only=True)
class VmDecisionFacts:
    """`pending` is the command that waited for the answer in hand (placement, reservation)."""

    now: datetime.datetime
    rows: Rows
    guest_up_timeout_seconds: float
    shutdown_timeout_seconds: float
    pending: CommandRequest | None = None
    fresh_secret: str = attrs.field(default="", repr=False)  # for the one command that needs one


def guest_up_timer(facts: VmDecisionFacts) -> SetTimer:
    """How long a guest that boots may take to answer before it counts as up."""
    return SetTimer(name=GUEST_UP, seconds=facts.guest_up_timeout_seconds)


def accepted_as(state: VmState, request: CommandRequest, operation: Operation | None = None) -> Accepted:
    """The reply to a command, which goes on as the job of `operation`."""
    job_id = operation.id if operation is not None else ""
    return Accepted(kind="vm", id=state.id, job_id=job_id, command_id=request.command_id)
