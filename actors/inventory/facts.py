"""What the inventory decides on, and what it decides."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import attrs

from actors.entity.decision import Decision
from actors.entity.rows import Rows
from actors.inventory.rows import InventoryChange


@attrs.frozen(kw_only=True)
class InventoryDecisionFacts:
    now: datetime.datetime
    rows: Rows
    fresh_id: Callable[[], str]


@attrs.frozen(kw_only=True)
class InventoryDecision(Decision):
    """A decision about documents: `changes` take the place of events, because one may concern several of them."""

    changes: tuple[InventoryChange, ...] = ()
