"""One VM and its disk, as every test of the node uses them."""

from __future__ import annotations

from typing import Any, Final

from protocol.node.domain import DomainDisk, DomainNic, DomainSpec, VolumeRef

vm_id: Final = "11111111-1111-4111-8111-111111111111"
storage_domain_id: Final = "22222222-2222-4222-8222-222222222222"
disk_id: Final = "33333333-3333-4333-8333-333333333333"
volume: Final = VolumeRef(
    storage_domain_id=storage_domain_id,
    image_id=disk_id,
    volume_id="44444444-4444-4444-8444-444444444444",
    format="qcow2",
)


def domain_spec(**changes: Any) -> DomainSpec:
    fields: dict[str, Any] = {
        "vm_id": vm_id,
        "name": "vm-one",
        "memory_bytes": 256 * 1024 * 1024,
        "disks": (DomainDisk(disk_id=disk_id, volume=volume, bootable=True),),
        "nics": (DomainNic(nic_id="n", mac="56:6f:00:00:00:01", bridge="br0"),),
    }
    return DomainSpec(**(fields | changes))
