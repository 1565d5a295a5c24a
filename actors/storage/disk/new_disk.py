"""The document of a new disk: what was left out filled in, and checked against where it is to be. Pure."""

from __future__ import annotations

import attrs

from actors.entity.checks import name, values
from actors.entity.refusals import not_ready
from actors.storage.facts import StorageDecisionFacts
from actors.storage.volume_names import storage_domain_of, volume_id_of
from protocol import limits
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.refusals import invalid, missing, not_found
from protocol.sizes import size_text
from protocol.storage.model import Disk, StorageDomain


def completed(disk: Disk, backing: Disk | None) -> Disk:
    """What was left out is filled in; what is read-only is ours. `backing`: it rests on that disk."""
    assert disk.id
    label = disk.name or disk.alias or f"Disk-{disk.id[:8]}"
    format = disk.format or ("cow" if backing or disk.sparse is not False else "raw")
    size = disk.provisioned_size
    if backing is not None:
        size = max(size or 0, backing.provisioned_size or 0)
    disk = attrs.evolve(
        disk,
        name=label,
        alias=label,
        description=disk.description or "",
        format=format,
        sparse=disk.sparse if disk.sparse is not None else True,
        provisioned_size=size,
        actual_size=0,
        total_size=0,
        storage_type="image",
        content_type="data",
        image_id=volume_id_of(disk.id),
        wipe_after_delete=bool(disk.wipe_after_delete),
        shareable=bool(disk.shareable),
        propagate_errors=bool(disk.propagate_errors),
        qcow_version="qcow2_v3" if format == "cow" else None,
        bootable=None,
        vms=(),
        template=None,
        backing_disk=Ref(id=backing.id) if backing else None,
    )
    return on_storage_domain(disk, storage_domain_of(disk) or (storage_domain_of(backing) if backing else ""))


def on_storage_domain(disk: Disk, storage_domain_id: str) -> Disk:
    reference = Ref(id=storage_domain_id) if storage_domain_id else None
    return attrs.evolve(disk, storage_domain=reference, storage_domains=(reference,) if reference else ())


def checked(disk: Disk, backing: Disk | None, importing: bool, facts: StorageDecisionFacts) -> StorageDomain | Refusal:
    """The active storage domain that the disk is to be on, or what is wrong."""
    if refusal := name("disk", disk.name or "") or values(_without_size(disk) if importing else disk):
        return refusal
    if not disk.provisioned_size and not importing:
        return missing(
            "provisioned_size",
            "disk",
            f"Give `provisioned_size` in bytes, at least {size_text(limits.disk_bytes_min)}.",
        )
    if disk.shareable and disk.format == "cow":
        return invalid("shareable", "A shareable disk cannot be cow: two writers would spoil its tables.", "Use raw.")
    storage_domain_id = storage_domain_of(disk)
    if not storage_domain_id:
        return missing("storage_domains", "disk", "Name one storage domain.")
    storage_domain = facts.rows.get(StorageDomain, storage_domain_id)
    if storage_domain is None:
        return not_found("storage_domain", storage_domain_id, field="storage_domains")
    if storage_domain.status != "active":
        remedy = "Wait until its host is up, or choose another one."
        return not_ready("storage_domain", storage_domain, "use", "active", remedy, "storage_domains")
    return _checked_backing(disk, backing, storage_domain, facts) or storage_domain


def _checked_backing(
    disk: Disk, backing: Disk | None, storage_domain: StorageDomain, facts: StorageDecisionFacts
) -> Refusal | None:
    if backing is None:
        return None
    thin = disk.backing_disk is not None
    if thin and disk.format != "cow":
        return invalid("format", "A thin disk on another one must be cow.", "Use cow, or make a full copy.")
    origin = facts.rows.get(StorageDomain, storage_domain_of(backing))
    if thin and storage_domain_of(backing) != storage_domain.id:
        return invalid(
            "storage_domains", "A thin disk lives where the disk that it rests on does.", "Leave it out, or clone."
        )
    if origin is None or origin.host is None or storage_domain.host is None or origin.host.id != storage_domain.host.id:
        reason = "A copy between storage domains of two hosts is not served yet."
        return invalid("storage_domains", reason, "Choose a storage domain of the host where the source is.")
    return None


def _without_size(disk: Disk) -> Disk:
    return attrs.evolve(disk, provisioned_size=disk.provisioned_size or None)
