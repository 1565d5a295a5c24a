"""Which volume a disk is, as the nodes know it."""

from __future__ import annotations

from typing import Final

from actors.entity.ids import derived_id
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.node.domain import VolumeRef
from protocol.refusals import invalid
from protocol.storage.model import Disk

_formats: Final = {"cow": "qcow2", "raw": "raw"}


def volume_id_of(disk_id: str) -> str:
    """The id of a disk's first volume: the same for the same disk, whoever asks and however often."""
    return derived_id(disk_id, "first volume")


def making_id(operation_id: str, disk_id: str) -> str:
    """The id of the making of a disk that an operation of a VM or template asks for."""
    return derived_id(operation_id, f"making of disk {disk_id}")


def removal_id(operation_id: str, disk_id: str) -> str:
    """The id of the removal of a disk that an operation of a VM or template asks for."""
    return derived_id(operation_id, f"removal of disk {disk_id}")


def storage_domain_of(disk: Disk) -> str:
    """The id of the storage domain that a disk is on, "" when none is named."""
    for reference in (disk.storage_domain, *(disk.storage_domains or ())):
        if isinstance(reference, Ref) and reference.id:
            return reference.id
    return ""


def several_storage_domains(disk: Disk, field: str = "storage_domains") -> Refusal | None:
    """Refused: a disk that is to be on more than one. `field`: how whoever asked names it."""
    if len(disk.storage_domains or ()) <= 1:
        return None
    return invalid(field, "A disk is on one storage domain.", "Name one.")


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
