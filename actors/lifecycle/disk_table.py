"""The legal transitions of a disk's status, as data. It must not say why one is taken: that is for deciding.

`locked` is owned by the operation in the disk's state and ends with it: the node answers each step, and a step whose
host is away is sent again when the host is back.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle.illegal import IllegalTransition
from protocol.events.disk import (
    DiskAdded,
    DiskAttached,
    DiskBacked,
    DiskDetached,
    DiskEvent,
    DiskOperationProgressed,
    DiskReady,
    DiskRemoved,
    DiskRemoveFailed,
    DiskRemoveRequested,
    DiskResized,
    DiskResizeFailed,
    DiskResizeRequested,
    DiskUnbacked,
    DiskUpdated,
)

absent: Final = ""

TRANSITIONS: Final[dict[tuple[str, type[DiskEvent]], str]] = {
    (absent, DiskAdded): "locked",
    ("locked", DiskOperationProgressed): "locked",
    ("locked", DiskReady): "ok",
    ("ok", DiskUpdated): "ok",
    ("ok", DiskResizeRequested): "locked",
    ("locked", DiskResized): "ok",
    ("locked", DiskResizeFailed): "ok",
    ("ok", DiskAttached): "ok",
    ("ok", DiskDetached): "ok",
    ("locked", DiskDetached): "locked",
    ("illegal", DiskDetached): "illegal",
    ("ok", DiskBacked): "ok",
    ("ok", DiskUnbacked): "ok",
    ("locked", DiskUnbacked): "locked",
    ("illegal", DiskUnbacked): "illegal",
    ("ok", DiskRemoveRequested): "locked",
    ("illegal", DiskRemoveRequested): "locked",
    ("locked", DiskRemoveFailed): "illegal",
    ("locked", DiskRemoved): absent,
}


def status_after(status: str, event: DiskEvent) -> str:
    """The status after an event. Raises `IllegalTransition`."""
    after = TRANSITIONS.get((status, type(event)))
    if after is None:
        raise IllegalTransition(f"{type(event).__name__} while the disk is {status or 'absent'}")
    return after
