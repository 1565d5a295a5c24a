"""S15: statuses move only as the tables say, and every transient status has a living owner.

Ground truth is the journal's events laid beside the statuses before and after, and what the actors hold at rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.lifecycle import disk_table, host_table, vm_table

from protocol.events import host as host_events
from protocol.events import vm as vm_events


def check_vm(before: str, event: Any, after: str) -> Iterator[str]:
    """One event of a VM. "" is the status of a VM that is not there."""
    kind = type(event)
    if kind in (vm_events.VmAdded, vm_events.VmRemoved):
        if (before == "") == (kind is vm_events.VmRemoved):
            yield f"{kind.__name__} while {before or 'absent'}"
        return
    if kind is vm_events.VmStartFailed:
        allowed, expected = _start_failed(before)
    elif kind is vm_events.VmFound:
        allowed, expected = before in vm_table.LIVE, event.status
    else:
        legal, to = vm_table.TABLE[kind]
        allowed, expected = before in legal, before if to == vm_table.STAY else to
    if not allowed or after != expected:
        yield f"{kind.__name__} took a VM from {before or 'absent'} to {after or 'absent'}"


def _start_failed(before: str) -> tuple[bool, str]:
    if before == "restoring_state":
        return True, "suspended"
    return before in ("wait_for_launch", "unknown", "powering_down"), "down"


def check_host(before: str, event: Any, after: str) -> Iterator[str]:
    """One event of a host."""
    kind = type(event)
    if kind in (host_events.HostAdded, host_events.HostRemoved):
        return
    if kind in host_table.BY_ACTIVITY:
        allowed, expected = True, host_table.BY_ACTIVITY[kind] if before in host_table.ACTIVE else before
    else:
        legal, to = host_table.TABLE[kind]
        allowed, expected = before in legal, before if to == vm_table.STAY else to
    if not allowed or after != expected:
        yield f"{kind.__name__} took a host from {before or 'absent'} to {after or 'absent'}"


def check_disk(before: str, event: Any, after: str) -> Iterator[str]:
    """One event of a disk."""
    if disk_table.TRANSITIONS.get((before, type(event))) != after:
        yield f"{type(event).__name__} took a disk from {before or 'absent'} to {after or 'absent'}"


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
