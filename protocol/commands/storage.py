"""What may be asked about storage domains, disks and templates. It must not name volumes: those are the node's."""

from __future__ import annotations

import attrs

from protocol.commands.base import Add, Remove, Update
from protocol.message import message


@message("command.storage_domain.add")
@attrs.frozen(kw_only=True)
class AddStorageDomain(Add):
    """Make a directory of a host a storage domain of the host's data center. Legal while the host is up."""


@message("command.storage_domain.update")
@attrs.frozen(kw_only=True)
class UpdateStorageDomain(Update):
    """Change a storage domain. Legal unless an operation runs on it."""


@message("command.storage_domain.remove")
@attrs.frozen(kw_only=True)
class RemoveStorageDomain(Remove):
    """Remove a storage domain; its directory's content stays. Legal while no disk lives on it."""


@message("command.disk.add")
@attrs.frozen(kw_only=True)
class AddDisk(Add):
    """Add a floating disk, attached to no VM. Legal while its storage domain is active."""


@message("command.disk.update")
@attrs.frozen(kw_only=True)
class UpdateDisk(Update):
    """Change a disk; a larger `provisioned_size` extends it. Legal while the disk is ok."""


@message("command.disk.remove")
@attrs.frozen(kw_only=True)
class RemoveDisk(Remove):
    """Remove a disk with its volumes. Legal while it is attached to nothing, backs nothing and no operation runs on it."""


@message("command.template.import")
@attrs.frozen(kw_only=True)
class ImportTemplate(Add):
    """Add a template whose one disk is copied from an image file of a host, as a lab does with `tiny`. Legal while the
    storage domain is active."""

    storage_domain_id: str
    image_path: str
    image_format: str = "qcow2"
    image_bytes: int = 0  # virtual size


@message("command.template.update")
@attrs.frozen(kw_only=True)
class UpdateTemplate(Update):
    """Change a template. Legal always, but never for `Blank`."""


@message("command.template.remove")
@attrs.frozen(kw_only=True)
class RemoveTemplate(Remove):
    """Remove a template with its disks. Legal while no VM's disk is backed by it; never for `Blank`."""
