"""What other rooms ask of disks and storage domains. It must not hold commands of users."""

from __future__ import annotations

import attrs

from protocol.model.storage import Disk
from protocol.node_messages import VolumeRef
from protocol.words import Tagged, word


@word("disk.provide")
@attrs.frozen(kw_only=True)
class ProvideDisk(Tagged):
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


@word("disk.provided")
@attrs.frozen(kw_only=True)
class DiskProvided(Tagged):
    """The disk is there and attached to who asked."""

    disk: Disk
    volume: VolumeRef


@word("disk.recorded")
@attrs.frozen(kw_only=True)
class DiskRecorded(Tagged):
    """To the VM for which a disk is being made: it can be read by now, locked until `DiskProvided`."""

    disk_id: str


@word("disk.attach")
@attrs.frozen(kw_only=True)
class AttachDisk(Tagged):
    """Record that a VM has this disk; refused when another one has it and it is not shareable. Answer: `DiskProvided`."""

    vm_id: str
    operation_id: str


@word("disk.detach")
@attrs.frozen(kw_only=True)
class DetachDisk(Tagged):
    """The VM no longer has it; fine when it never had. Answer: `protocol.node_messages.Done`."""

    vm_id: str


@word("disk.discard")
@attrs.frozen(kw_only=True)
class DiscardDisk(Tagged):
    """Delete the disk with its volumes for its owner's sake; fine when it is gone. Answer: `Done`."""

    operation_id: str
    vm_id: str = ""
    template_id: str = ""
    correlation_id: str = ""


@word("disk.back")
@attrs.frozen(kw_only=True)
class BackDisk(Tagged):
    """Let a child be thin on top of this disk from now on: it can no longer be removed. Answer: `DiskProvided`."""

    child_id: str


@word("disk.unback")
@attrs.frozen(kw_only=True)
class UnbackDisk(Tagged):
    """The child is gone. Answer: `Done`."""

    child_id: str
