"""S15: statuses move only as the tables say, and every transient status has a living owner.

Ground truth is the journal's events laid beside the statuses before and after, and what the actors hold at rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.entity.transitions import STAY, Transitions
from actors.host.transitions import TRANSITIONS as HOST
from actors.storage.disk.transitions import TRANSITIONS as DISK
from actors.vm.transitions import TRANSITIONS as VM

TABLES: dict[str, Transitions] = {"vm": VM, "host": HOST, "disk": DISK}


def check_event(kind: str, before: str, event: Any, after: str) -> Iterator[str]:
    """One event of an entity; "" is the status of one that is not there."""
    legal = TABLES[kind].get((before, type(event)))
    expected = before if legal == STAY else legal
    is_expected = after in expected if isinstance(expected, tuple) else after == expected
    if not is_expected:
        yield f"{type(event).__name__} took a {kind} from {before or 'absent'} to {after or 'absent'}"


def check_owner(kind: str, id: str, status: str, operation: Any, timers: frozenset[str]) -> Iterator[str]:
    """An entity as its actor holds it, while its engine leads and nothing is in flight."""
    if status not in TRANSIENT.get(kind, {}):
        return
    if operation is None and not timers & TRANSIENT[kind][status]:
        yield f"{kind} {id} is {status}, and neither an operation nor a timer will end that"


TRANSIENT: dict[str, dict[str, frozenset[str]]] = {
    "vm": {
        "image_locked": frozenset(),
        "wait_for_launch": frozenset(),
        "restoring_state": frozenset(),
        "powering_up": frozenset({"guest_up"}),
        "powering_down": frozenset({"shutdown"}),
        "reboot_in_progress": frozenset(),
        "saving_state": frozenset(),
    },
    "disk": {"locked": frozenset()},
    "host": {"preparing_for_maintenance": frozenset({"emptied"})},
}
"""Statuses that nobody but the entity's own operation or one of these timers ends."""
