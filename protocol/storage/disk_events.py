"""What happened to a disk: each event carries what `actors/storage/disk/evolve.py` needs."""

from __future__ import annotations

import attrs

from protocol.activity.operation import EntityEvent
from protocol.message import Message, message
from protocol.node.domain import VolumeRef
from protocol.storage.model import Disk


@message("disk.work")
@attrs.frozen(kw_only=True)
class DiskWork(Message):
    """What an operation on a disk needs to go on after a crash. `phase` is the step that runs now:

    `hold_backing`, `make`, `grow` on the way forward; `remove`; `release_backing` at the end of either way.
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
class DiskEvent(EntityEvent):
    """Base."""


@message("disk.added")
@attrs.frozen(kw_only=True)
class DiskAdded(DiskEvent):
    """The disk is recorded and locked; its volume is about to be made."""

    disk: Disk


@message("disk.operation_progressed")
@attrs.frozen(kw_only=True)
class DiskOperationProgressed(DiskEvent):
    """A step ended and another began, or the operation turned round."""


@message("disk.ready")
@attrs.frozen(kw_only=True)
class DiskReady(DiskEvent):
    """Its volume is there, whole."""

    provisioned_bytes: int
    actual_bytes: int


@message("disk.updated")
@attrs.frozen(kw_only=True)
class DiskUpdated(DiskEvent):
    disk: Disk


@message("disk.resize_requested")
@attrs.frozen(kw_only=True)
class DiskResizeRequested(DiskEvent):
    size_bytes: int


@message("disk.resized")
@attrs.frozen(kw_only=True)
class DiskResized(DiskEvent):
    size_bytes: int
    actual_bytes: int


@message("disk.resize_failed")
@attrs.frozen(kw_only=True)
class DiskResizeFailed(DiskEvent):
    """It has the size that it had."""

    reason: str


@message("disk.attached")
@attrs.frozen(kw_only=True)
class DiskAttached(DiskEvent):
    vm_id: str


@message("disk.detached")
@attrs.frozen(kw_only=True)
class DiskDetached(DiskEvent):
    vm_id: str


@message("disk.backed")
@attrs.frozen(kw_only=True)
class DiskBacked(DiskEvent):
    """A child rests on it: it must not change or go."""

    child_id: str


@message("disk.unbacked")
@attrs.frozen(kw_only=True)
class DiskUnbacked(DiskEvent):
    child_id: str


@message("disk.remove_requested")
@attrs.frozen(kw_only=True)
class DiskRemoveRequested(DiskEvent):
    """It is locked and nobody's; its volumes are about to be deleted."""


@message("disk.remove_failed")
@attrs.frozen(kw_only=True)
class DiskRemoveFailed(DiskEvent):
    """What is left of it is not known: it is illegal and can only be removed again."""

    reason: str


@message("disk.removed")
@attrs.frozen(kw_only=True)
class DiskRemoved(DiskEvent):
    """The last event of a disk's life; with the outcome *rolled_back* it never came to be."""
