"""StorageDomain, Disk, DiskAttachment and their nested types. Sizes are in bytes."""

from __future__ import annotations

import attrs

from protocol import limits
from protocol.document import AT_NEXT_START, AT_ONCE, SHOWN, Document, Ref, attribute, not_yet
from protocol.message import message

disk_interfaces = ("ide", "sata", "virtio", "virtio_scsi")


@attrs.frozen(kw_only=True)
class HostStorage:
    """Where the data of a storage domain is."""

    type: str | None = attribute(
        effect=AT_ONCE,
        choices=("cinder", "fcp", "glance", "glusterfs", "iscsi", "localfs", "managed_block_storage", "nfs", "posixfs"),
        later=("cinder", "fcp", "glance", "glusterfs", "iscsi", "managed_block_storage", "nfs", "posixfs"),
    )
    path: str | None = attribute(effect=AT_ONCE, doc="Absolute path of the directory on the host.")
    address: str | None = attribute(effect=not_yet())


@message("model.storage_domain")
@attrs.frozen(kw_only=True)
class StorageDomain(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description")
    comment: str | None = attribute(effect=SHOWN)
    type: str | None = attribute(
        effect=AT_ONCE,
        required=True,
        choices=("data", "export", "image", "iso", "managed_block_storage", "volume"),
        later=("export", "image", "iso", "managed_block_storage", "volume"),
        search="type",
        column=2,
    )
    status: str | None = attribute(
        read_only=True,
        choices=(
            "activating", "active", "detaching", "inactive", "locked", "maintenance", "mixed",
            "preparing_for_maintenance", "unattached", "unknown",
        ),
        search="status",
        column=3,
    )  # fmt: skip
    storage: HostStorage | None = attribute(required=True)
    host: Ref | None = attribute(effect=AT_ONCE, refers="Host", required=True, search="host", column=4)
    data_center: Ref | None = attribute(effect=SHOWN, refers="DataCenter", search="datacenter", column=5)
    data_centers: tuple[Ref, ...] | None = attribute(refers="DataCenter", read_only=True)
    master: bool | None = attribute(read_only=True)
    available: int | None = attribute(unit="bytes", read_only=True, search="size", column=6)
    used: int | None = attribute(unit="bytes", read_only=True, search="used", column=7)
    committed: int | None = attribute(unit="bytes", read_only=True)
    storage_format: str | None = attribute(effect=not_yet("v5"), choices=("v1", "v2", "v3", "v4", "v5"))
    wipe_after_delete: bool | None = attribute(effect=not_yet(False))


@message("model.disk")
@attrs.frozen(kw_only=True)
class Disk(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, search="name", column=1)
    alias: str | None = attribute(effect=SHOWN, search="alias")
    description: str | None = attribute(effect=SHOWN, search="description")
    comment: str | None = attribute(effect=SHOWN)
    status: str | None = attribute(read_only=True, choices=("illegal", "locked", "ok"), search="status", column=2)
    format: str | None = attribute(effect=AT_ONCE, choices=("cow", "raw"), search="format", column=3)
    sparse: bool | None = attribute(effect=AT_ONCE)
    provisioned_size: int | None = attribute(
        effect=AT_ONCE,
        unit="bytes",
        required=True,
        minimum=limits.disk_bytes_min,
        maximum=limits.disk_bytes_max,
        search="provisioned_size",
        column=4,
    )
    actual_size: int | None = attribute(unit="bytes", read_only=True, column=5)
    total_size: int | None = attribute(unit="bytes", read_only=True)
    storage_domain: Ref | None = attribute(
        effect=AT_ONCE, refers="StorageDomain", doc="Shorthand for a single storage domain, on input only."
    )
    storage_domains: tuple[Ref, ...] | None = attribute(
        effect=AT_ONCE, refers="StorageDomain", search="storage", column=6
    )
    storage_type: str | None = attribute(read_only=True, choices=("image", "lun", "cinder", "managed_block_storage"))
    content_type: str | None = attribute(read_only=True)
    image_id: str | None = attribute(read_only=True, doc="Id of the active volume.")
    wipe_after_delete: bool | None = attribute(effect=not_yet(False))
    shareable: bool | None = attribute(
        effect=AT_NEXT_START, doc="Several VMs may use the disk at the same time; raw disks only."
    )
    propagate_errors: bool | None = attribute(
        effect=AT_NEXT_START, doc="Report write errors to the guest; otherwise they pause the VM."
    )
    qcow_version: str | None = attribute(effect=not_yet("qcow2_v3"), choices=("qcow2_v2", "qcow2_v3"))
    bootable: bool | None = attribute(effect=not_yet(False, instead="Set `bootable` on the disk attachment."))
    vms: tuple[Ref, ...] | None = attribute(refers="Vm", read_only=True, link=True, search="vm")
    template: Ref | None = attribute(refers="Template", read_only=True)
    backing_disk: Ref | None = attribute(refers="Disk", read_only=True, extension=True)


@message("model.disk_attachment")
@attrs.frozen(kw_only=True)
class DiskAttachment(Document):
    """A disk as one VM has it. Its id is the disk's id."""

    id: str | None = attribute(as_xml_attribute=True)
    active: bool | None = attribute(effect=AT_NEXT_START, column=4)
    bootable: bool | None = attribute(effect=AT_NEXT_START, column=3)
    interface: str | None = attribute(effect=AT_NEXT_START, choices=disk_interfaces, required=True, column=2)
    read_only: bool | None = attribute(effect=AT_NEXT_START)
    pass_discard: bool | None = attribute(
        effect=AT_NEXT_START, doc="Free the space that the guest discards; true if left out."
    )
    logical_name: str | None = attribute(read_only=True)
    disk: Disk | None = attribute(
        refers="Disk", required=True, column=1, doc="The id of an existing disk, or a new disk."
    )
    vm: Ref | None = attribute(refers="Vm", read_only=True)
    template: Ref | None = attribute(refers="Template", read_only=True)
    slot: int | None = attribute(read_only=True, extension=True)
