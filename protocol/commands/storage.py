"""What may be asked about storage domains, disks and templates. It must not name volumes: those are the node's."""

from __future__ import annotations

import attrs

from protocol.commands.base import Add, Remove, Update
from protocol.message import message


@message("command.storage_domain.add")
@attrs.frozen(kw_only=True)
class AddStorageDomain(Add):
    """Always legal: makes a directory of a host a storage domain and attaches it to the host's data center."""


@message("command.storage_domain.update")
@attrs.frozen(kw_only=True)
class UpdateStorageDomain(Update):
    """Always legal."""


@message("command.storage_domain.remove")
@attrs.frozen(kw_only=True)
class RemoveStorageDomain(Remove):
    """Legal while no disk lives on it. The directory's content stays."""


@message("command.disk.add")
@attrs.frozen(kw_only=True)
class AddDisk(Add):
    """Always legal: a floating disk."""


@message("command.disk.update")
@attrs.frozen(kw_only=True)
class UpdateDisk(Update):
    """Legal while the disk is ok; a larger `provisioned_size` extends it."""


@message("command.disk.remove")
@attrs.frozen(kw_only=True)
class RemoveDisk(Remove):
    """Legal while the disk is attached to nothing, backs nothing and no operation runs on it."""


@message("command.template.import")
@attrs.frozen(kw_only=True)
class ImportTemplate(Add):
    """Always legal: a template whose one disk is copied from an image file of a host (what a lab does with `tiny`)."""

    storage_domain_id: str
    image_path: str
    image_format: str = "qcow2"
    image_bytes: int = 0  # virtual size


@message("command.template.update")
@attrs.frozen(kw_only=True)
class UpdateTemplate(Update):
    """Always legal, except for `Blank`."""


@message("command.template.remove")
@attrs.frozen(kw_only=True)
class RemoveTemplate(Remove):
    """Legal while no VM's disk is backed by it; never for `Blank`."""
