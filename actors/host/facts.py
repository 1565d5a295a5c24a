"""What deciding about a host needs to know beside its state, and the refusal for its status."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.rows import Rows
from actors.host.state import HostState
from protocol.errors import Refusal


@attrs.frozen(kw_only=True)
class HostDecisionFacts:
    """`linked`: the node is connected now."""

    now: datetime.datetime
    rows: Rows
    linked: bool
    silent_after_seconds: float


def not_legal(state: HostState, verb: str, legal: str) -> Refusal:
    """Refused for the host's status."""
    return Refusal(
        code="not_legal",
        reason=f"Cannot {verb} Host {state.name}: it is {state.status.replace('_', ' ')}; it must be {legal}.",
        entity=state.address,
        field="status",
    )
