"""What is wanted of a VM after something ended by itself. A command says what is wanted; nothing else does but this."""

from __future__ import annotations

from typing import Final

from actors.vm.state import VmState

FAULTS: Final = frozenset({"crashed", "failed", "unknown", "host_down", "start_failed"})
"""Ends that nobody asked for, neither a user nor the guest."""


def desired_after_end(state: VmState, cause: str) -> str:
    """`cause`: why a run ended (shutdown, destroyed, crashed, failed, unknown, host_down), a start or restore that
    came to nothing (start_failed, restore_failed), memory that is kept (suspended) or could not be (suspend_failed), or
    a shutdown or stop that came to nothing (shutdown_ignored). A run that ended with its memory saved when nobody
    wanted it any more (saved) is an end like any other.

    A highly available VM is still wanted after a fault, unless it was to go down anyway; any other is not.
    """
    if cause in ("suspended", "restore_failed"):
        return "suspended"
    if cause in ("suspend_failed", "shutdown_ignored"):
        return "up"
    availability = state.vm.high_availability
    is_kept_up = availability is not None and bool(availability.enabled)
    return "up" if is_kept_up and cause in FAULTS and state.desired == "up" else "down"
