"""What deciding about a host needs to know beside its state."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from protocol.live.engine import Accepted


@attrs.frozen(kw_only=True)
class HostDecisionFacts:
    """`linked`: the node is connected now."""

    now: datetime.datetime
    rows: Rows
    linked: bool
    silent_after_seconds: float


def accepted_as(host_id: str, request: CommandRequest) -> Accepted:
    """The reply to a command on a host."""
    return Accepted(kind="host", id=host_id, command_id=request.command_id)
