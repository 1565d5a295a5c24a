"""What deciding about a VM needs to know beside its state, and the refusals that several operations share."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.decision import SetTimer
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.vm.state import VmState
from protocol.errors import Refusal


@attrs.frozen(kw_only=True)
class VmDecisionFacts:
    """`pending` is the command that waited for the answer in hand (placement, reservation)."""

    now: datetime.datetime
    rows: Rows
    pending: CommandRequest | None = None
    fresh_secret: str = attrs.field(default="", repr=False)  # for the one command that needs one
    guest_up_timeout_seconds: float = 60.0
    shutdown_timeout_seconds: float = 300.0


def what(state: VmState) -> str:
    return f"VM {state.name}"


def busy(state: VmState, verb: str, *, over: str = "") -> Refusal | None:
    """Refused while an operation runs: the lock is that operation, and it is named. One of the kind `over` is no
    lock: what is asked takes its place."""
    if state.operation is None or state.operation.kind == over:
        return None
    return Refusal(
        code="busy",
        reason=f"Cannot {verb} {what(state)}: operation '{state.operation.description}' runs on it.",
        remedy=f"Wait for job {state.operation.id} to end.",
        retryable=True,
        entity=state.address,
    )


def not_legal(state: VmState, verb: str, legal: str, remedy: str = "") -> Refusal:
    """Refused for the VM's status."""
    return Refusal(
        code="not_legal",
        reason=f"Cannot {verb} {what(state)}: it is {state.status}; it must be {legal}.",
        remedy=remedy,
        entity=state.address,
        field="status",
    )


def guest_up_timer(facts: VmDecisionFacts) -> SetTimer:
    """How long a guest that boots may take to answer before it counts as up."""
    return SetTimer(name="guest_up", seconds=facts.guest_up_timeout_seconds)
