"""Which event moves a disk from which status to which.

`locked` is owned by the operation in the disk's state and ends with it: the node answers each step, and a step whose
host is away is sent again when the host is back.
"""

from __future__ import annotations

from typing import Final

from actors.entity.transitions import ABSENT, STAY, transitions
from protocol.storage import disk_events as events

ANY: Final = frozenset({"locked", "ok", "illegal"})

TRANSITIONS: Final = transitions(
    (ABSENT, events.DiskAdded, "locked"),
    ("locked", events.DiskOperationProgressed, STAY),
    ("locked", events.DiskReady, "ok"),
    ("ok", events.DiskUpdated, STAY),
    ("ok", events.DiskResizeRequested, "locked"),
    ("locked", events.DiskResized, "ok"),
    ("locked", events.DiskResizeFailed, "ok"),
    ("ok", events.DiskAttached, STAY),
    (ANY, events.DiskDetached, STAY),
    ("ok", events.DiskBacked, STAY),
    (ANY, events.DiskUnbacked, STAY),
    (frozenset({"ok", "illegal"}), events.DiskRemoveRequested, "locked"),
    ("locked", events.DiskRemoveFailed, "illegal"),
    ("locked", events.DiskRemoved, ABSENT),
)
