"""What deciding about a host needs to know beside its state."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.rows import Rows


@attrs.frozen(kw_only=True)
class HostDecisionFacts:
    """`linked`: the node is connected now."""

    now: datetime.datetime
    rows: Rows
    linked: bool
    silent_after_seconds: float
