"""What happened to a disk: each event bears what `actors/storage/disk/evolve.py` needs.

It must not hold what follows from an event, nor what happened to the VM that has the disk.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.events.operation import Operation, Outcome
from protocol.model.storage import Disk
from protocol.node_messages import VolumeRef
from protocol.words import Tagged, word


@word("disk.work")
@attrs.frozen(kw_only=True)
class DiskWork(Tagged):
    """What an operation on a disk needs to go on after a crash. `phase` is the step that runs now:

    `hold_backing`, `make`, `grow` on the way forward; `remove`; `let_go_backing` at the end of either way.
    """

    phase: str
    vm_id: str = ""
    template_id: str = ""
    backing_disk_id: str = ""  # what the content comes from
    backing: VolumeRef | None = None  # its volume, once it is held
    clone: bool = False
    import_path: str = ""
    import_format: str = ""
    size_bytes: int = 0  # to grow to
    actual_bytes: int = 0  # on the storage, as far as known


@attrs.frozen(kw_only=True)
class DiskEvent(Tagged):
    """Base. `operation` is the operation after this event (None: unchanged); with `ended` it is over."""

    at: datetime.datetime
    operation: Operation | None = None
    ended: Outcome | None = None


@word("disk.added")
@attrs.frozen(kw_only=True)
class DiskAdded(DiskEvent):
    """The disk is recorded and locked; its volume is about to be made."""

    disk: Disk


@word("disk.operation_progressed")
@attrs.frozen(kw_only=True)
class DiskOperationProgressed(DiskEvent):
    """A step ended and another began, or the operation turned round."""


@word("disk.ready")
@attrs.frozen(kw_only=True)
class DiskReady(DiskEvent):
    """Its volume is there, whole."""

    provisioned_bytes: int
    actual_bytes: int


@word("disk.updated")
@attrs.frozen(kw_only=True)
class DiskUpdated(DiskEvent):
    disk: Disk


@word("disk.resize_requested")
@attrs.frozen(kw_only=True)
class DiskResizeRequested(DiskEvent):
    size_bytes: int


@word("disk.resized")
@attrs.frozen(kw_only=True)
class DiskResized(DiskEvent):
    size_bytes: int
    actual_bytes: int


@word("disk.resize_failed")
@attrs.frozen(kw_only=True)
class DiskResizeFailed(DiskEvent):
    """It has the size that it had."""

    reason: str


@word("disk.attached")
@attrs.frozen(kw_only=True)
class DiskAttached(DiskEvent):
    vm_id: str


@word("disk.detached")
@attrs.frozen(kw_only=True)
class DiskDetached(DiskEvent):
    vm_id: str


@word("disk.backed")
@attrs.frozen(kw_only=True)
class DiskBacked(DiskEvent):
    """A child rests on it: it must not change or go."""

    child_id: str


@word("disk.unbacked")
@attrs.frozen(kw_only=True)
class DiskUnbacked(DiskEvent):
    child_id: str


@word("disk.remove_requested")
@attrs.frozen(kw_only=True)
class DiskRemoveRequested(DiskEvent):
    """It is locked and nobody's; its volumes are about to be deleted."""


@word("disk.remove_failed")
@attrs.frozen(kw_only=True)
class DiskRemoveFailed(DiskEvent):
    """What is left of it is not known: it is illegal and can only be removed again."""

    reason: str


@word("disk.removed")
@attrs.frozen(kw_only=True)
class DiskRemoved(DiskEvent):
    """The last event of a disk's life; with the outcome *rolled_back* it never came to be."""
