"""What may be asked about storage domains and disks. It must not name volumes: those are the node's."""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
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
