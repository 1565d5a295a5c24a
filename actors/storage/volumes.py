"""Which volume a disk is, as the nodes know it. Ids alone: it must not know paths."""

from __future__ import annotations

import uuid
from typing import Final

from protocol.model.storage import Disk
from protocol.model.types import Ref
from protocol.node_messages import VolumeRef

_namespace: Final = uuid.UUID("6d0b4a2e-54cf-5a51-9f3e-0d6a3b1c7e21")
_formats: Final = {"cow": "qcow2", "raw": "raw"}


def volume_id_of(disk_id: str) -> str:
    """The id of a disk's first volume: the same for the same disk, whoever asks and however often."""
    return str(uuid.uuid5(_namespace, f"volume of disk {disk_id}"))


def derived_id(operation_id: str, disk_id: str) -> str:
    """The id of the work on one disk that an operation of a VM or template asks for."""
    return str(uuid.uuid5(_namespace, f"operation {operation_id} on disk {disk_id}"))


def storage_domain_of(disk: Disk) -> str:
    """The id of the storage domain that a disk is on, "" when none is named."""
    for reference in (disk.storage_domain, *(disk.storage_domains or ())):
        if isinstance(reference, Ref) and reference.id:
            return reference.id
    return ""


def volume_of(disk: Disk) -> VolumeRef:
    """The active volume of a recorded disk."""
    assert disk.id, disk
    assert disk.image_id, disk
    return VolumeRef(
        storage_domain_id=storage_domain_of(disk),
        image_id=disk.id,
        volume_id=disk.image_id,
        format=_formats[disk.format or "raw"],
    )
