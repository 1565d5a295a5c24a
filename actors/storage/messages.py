"""Requests of other rooms to disks and storage domains."""

from __future__ import annotations

import attrs

from protocol.message import Message, message
from protocol.node.domain import VolumeRef
from protocol.storage.model import Disk


@message("disk.provide")
@attrs.frozen(kw_only=True)
class ProvideDisk(Message):
    """Make this disk (its id is chosen already) for a VM or template. Idempotent by disk id. Answer: `DiskProvided`.

    With `backing_disk_id` it starts as that disk's content: thin on top of it, or a full copy with `clone`. With
    `import_path` it is filled from an image file of the storage domain's host.
    """

    disk: Disk
    operation_id: str
    correlation_id: str = ""
    user_id: str = ""
    vm_id: str = ""
    template_id: str = ""
    backing_disk_id: str = ""
    clone: bool = False
    import_path: str = ""
    import_format: str = ""


@message("disk.provided")
@attrs.frozen(kw_only=True)
class DiskProvided(Message):
    """The disk is there and attached to who asked."""

    disk: Disk
    volume: VolumeRef


@message("disk.recorded")
@attrs.frozen(kw_only=True)
class DiskRecorded(Message):
    """To the VM for which a disk is being made: it can be read by now, locked until `DiskProvided`."""

    disk_id: str


@message("disk.attach")
@attrs.frozen(kw_only=True)
class AttachDisk(Message):
    """Record that a VM has this disk; refused when another one has it and it is not shareable. Answer: `DiskProvided`."""

    vm_id: str
    operation_id: str


@message("disk.detach")
@attrs.frozen(kw_only=True)
class DetachDisk(Message):
    """The VM no longer has it; fine when it never had. Answer: `protocol.node.reports.Done`."""

    vm_id: str


@message("disk.discard")
@attrs.frozen(kw_only=True)
class DiscardDisk(Message):
    """Delete the disk with its volumes for its owner's sake; fine when it is gone. Answer: `Done`."""

    operation_id: str
    vm_id: str = ""
    template_id: str = ""
    correlation_id: str = ""


@message("disk.back")
@attrs.frozen(kw_only=True)
class BackDisk(Message):
    """Let a child be thin on top of this disk from now on: it can no longer be removed. Answer: `DiskProvided`."""

    child_id: str


@message("disk.unback")
@attrs.frozen(kw_only=True)
class UnbackDisk(Message):
    """The child is gone. Answer: `Done`."""

    child_id: str
