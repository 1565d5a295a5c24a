"""Which event moves a VM from which status to which, and who owns each transient status."""

from __future__ import annotations

from typing import Final

from actors.entity.transitions import ABSENT, STAY, transitions
from protocol.vm import events

RUNNING: Final = frozenset(
    {"powering_up", "up", "paused", "powering_down", "reboot_in_progress", "saving_state", "unknown"}
)
LIVE: Final = RUNNING | {"wait_for_launch", "restoring_state"}
"""Statuses in which a QEMU of the VM may exist."""
IN_A_RUN: Final = LIVE | {"suspended"}
"""Statuses in which the guest goes on, or will, with the configuration that it was started with."""
ANY: Final = LIVE | {"down", "suspended", "image_locked"}
CAN_REBOOT: Final = frozenset({"up", "powering_up", "reboot_in_progress"})

TRANSITIONS: Final = transitions(
    (ABSENT, events.VmAdded, ("image_locked", "down")),
    ("image_locked", events.VmCreated, "down"),
    (ANY, events.VmUpdated, STAY),
    (ANY, events.VmNicsChanged, STAY),
    (ANY, events.VmDisksChanged, STAY),
    (ANY, events.VmOperationProgressed, STAY),
    (ANY, events.VmOperationEnded, STAY),
    (ANY, events.VmSideStepBegun, STAY),
    (ANY, events.VmSideStepEnded, STAY),
    (frozenset({"down", "suspended", "image_locked"}), events.VmRemoveRequested, "image_locked"),
    (ANY, events.VmRemoved, ABSENT),
    ("down", events.VmStartRequested, "wait_for_launch"),
    ("suspended", events.VmRestoreRequested, "restoring_state"),
    (frozenset({"wait_for_launch", "unknown"}), events.VmStarted, "powering_up"),
    (frozenset({"restoring_state", "unknown"}), events.VmRestored, "up"),
    (frozenset({"wait_for_launch", "unknown", "powering_down"}), events.VmStartFailed, "down"),
    ("restoring_state", events.VmStartFailed, "suspended"),
    (frozenset({"powering_up", "reboot_in_progress"}), events.VmGuestUp, "up"),
    (CAN_REBOOT | {"paused"}, events.VmShutdownRequested, "powering_down"),
    (frozenset({"powering_down", "unknown"}), events.VmShutdownIgnored, "up"),
    (LIVE | {"suspended"}, events.VmStopRequested, "powering_down"),
    (LIVE, events.VmWentDown, "down"),
    (CAN_REBOOT, events.VmRebootRequested, "reboot_in_progress"),
    (CAN_REBOOT | {"paused"}, events.VmResetRequested, "reboot_in_progress"),
    (frozenset({"reboot_in_progress", "unknown", "up"}), events.VmRebooted, "powering_up"),
    (frozenset({"reboot_in_progress", "unknown"}), events.VmRebootIgnored, "up"),
    (frozenset({"up", "powering_up"}), events.VmPauseRequested, STAY),
    (LIVE, events.VmPaused, "paused"),
    ("paused", events.VmResumeRequested, STAY),
    (frozenset({"paused", "unknown", "up", "powering_up"}), events.VmResumed, "up"),
    ("up", events.VmSuspendRequested, "saving_state"),
    (frozenset({"saving_state", "unknown", "powering_down"}), events.VmSuspended, "suspended"),
    (frozenset({"saving_state", "unknown"}), events.VmSuspendFailed, "up"),
    (LIVE, events.VmLost, "unknown"),
    (LIVE, events.VmFound, ("up", "paused", "powering_down", "reboot_in_progress")),
    (ANY, events.VmCopySeen, STAY),
    (ANY, events.VmCopyGone, STAY),
    (ANY, events.VmCopyDisregarded, STAY),
    (LIVE, events.VmCopyKept, "unknown"),
    (ANY, events.VmGuestReported, STAY),
    (ANY, events.VmGuestSilent, STAY),
)

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
"""Transient statuses: who owns each and what ends it."""
