"""Which event moves a VM from which status to which. It must not say what follows from a move.

`STAY` keeps the status. An event in a status that its line does not name is a bug, and `next_status` says so.
Every transient status names its owner (an operation) and what ends it (see `OWNERS`).
"""

from __future__ import annotations

from typing import Any, Final

from actors.lifecycle.illegal import IllegalTransition
from protocol.events import vm as events

STAY: Final = "="

NEW = ""
RUNNING: Final = frozenset(
    {"powering_up", "up", "paused", "powering_down", "reboot_in_progress", "saving_state", "unknown"}
)
LIVE: Final = RUNNING | {"wait_for_launch", "restoring_state"}
ANY: Final = LIVE | {"down", "suspended", "image_locked"}

TABLE: Final[dict[type[Any], tuple[frozenset[str], str]]] = {
    events.VmCreated: (frozenset({"image_locked"}), "down"),
    events.VmUpdated: (ANY, STAY),
    events.VmNicsChanged: (ANY, STAY),
    events.VmDisksChanged: (ANY, STAY),
    events.VmOperationProgressed: (ANY, STAY),
    events.VmOperationEnded: (ANY, STAY),
    events.VmRemoveRequested: (frozenset({"down", "suspended", "image_locked"}), "image_locked"),
    events.VmStartRequested: (frozenset({"down"}), "wait_for_launch"),
    events.VmRestoreRequested: (frozenset({"suspended"}), "restoring_state"),
    events.VmStarted: (frozenset({"wait_for_launch", "unknown"}), "powering_up"),
    events.VmRestored: (frozenset({"restoring_state", "unknown"}), "up"),
    events.VmGuestUp: (frozenset({"powering_up", "reboot_in_progress"}), "up"),
    events.VmShutdownRequested: (frozenset({"up", "powering_up", "paused", "reboot_in_progress"}), "powering_down"),
    events.VmShutdownIgnored: (frozenset({"powering_down", "unknown"}), "up"),
    events.VmStopRequested: (LIVE | {"suspended"}, "powering_down"),
    events.VmWentDown: (LIVE, "down"),
    events.VmRebootRequested: (frozenset({"up", "powering_up", "reboot_in_progress"}), "reboot_in_progress"),
    events.VmResetRequested: (frozenset({"up", "powering_up", "paused", "reboot_in_progress"}), "reboot_in_progress"),
    events.VmRebooted: (frozenset({"reboot_in_progress", "unknown", "up"}), "powering_up"),
    events.VmRebootIgnored: (frozenset({"reboot_in_progress", "unknown"}), "up"),
    events.VmPauseRequested: (frozenset({"up", "powering_up"}), STAY),
    events.VmPaused: (LIVE, "paused"),
    events.VmResumeRequested: (frozenset({"paused"}), STAY),
    events.VmResumed: (frozenset({"paused", "unknown", "up", "powering_up"}), "up"),
    events.VmSuspendRequested: (frozenset({"up"}), "saving_state"),
    events.VmSuspended: (frozenset({"saving_state", "unknown", "powering_down"}), "suspended"),
    events.VmSuspendFailed: (frozenset({"saving_state", "unknown"}), "up"),
    events.VmLost: (LIVE, "unknown"),
    events.VmGuestReported: (ANY, STAY),
    events.VmGuestSilent: (ANY, STAY),
}

OWNERS: Final[dict[str, str]] = {
    "image_locked": "operation add or remove; ends with its last disk",
    "wait_for_launch": "operation start; ends with the node's outcome of StartDomain",
    "restoring_state": "operation restore; ends with the node's outcome of RestoreDomain",
    "powering_up": "timer guest_up; ends when the guest answers or had the time to",
    "powering_down": "operation shutdown (timer shutdown) or stop; ends when QEMU is gone",
    "reboot_in_progress": "operation reboot (timer reboot) or reset; ends when the guest starts over",
    "saving_state": "operation suspend; ends with the node's outcome of SaveDomain",
    "unknown": "the host's link; ends when the host reports again or is fenced",
}
"""Transient statuses: who owns each and what ends it (S15)."""


def next_status(status: str, event: Any) -> str:
    """The status after `event`."""
    if isinstance(event, events.VmAdded):
        if status != NEW:
            raise IllegalTransition(f"VmAdded while {status}")
        return "image_locked" if event.operation else "down"
    if isinstance(event, events.VmFound):
        if status not in LIVE:
            raise IllegalTransition(f"VmFound while {status}")
        return event.status
    if isinstance(event, events.VmStartFailed):
        return _start_failed(status)
    allowed, after = TABLE[type(event)]
    if status not in allowed:
        raise IllegalTransition(f"{type(event).__name__} while {status}")
    return status if after == STAY else after


def _start_failed(status: str) -> str:
    if status in ("wait_for_launch", "unknown", "powering_down"):
        return "down"
    if status == "restoring_state":
        return "suspended"
    raise IllegalTransition(f"VmStartFailed while {status}")
