"""Ids and slots of a VM's parts, the same ones each time they are asked for. Pure; it must not know what a part is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable


def child_id(parent: str, what: str) -> str:
    """A stable id for a part of something: a retried or replayed step makes the same one."""
    return str(uuid.uuid5(uuid.UUID(parent), what))


def free_slot(taken: Iterable[int | None], slots_max: int) -> int | None:
    """The lowest slot that nobody has, None when all `slots_max` are taken."""
    known = set(taken)
    return next((slot for slot in range(slots_max) if slot not in known), None)
