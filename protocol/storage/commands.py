"""Commands on storage domains and disks."""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
from protocol.message import message


@message("command.storage_domain.add")
@attrs.frozen(kw_only=True)
class AddStorageDomain(Add):
    """Add a directory of a host as a storage domain of that host's data center. Legal while the host is up."""


@message("command.storage_domain.update")
@attrs.frozen(kw_only=True)
class UpdateStorageDomain(Update):
    """Change a storage domain. Legal while no operation runs on it."""


@message("command.storage_domain.remove")
@attrs.frozen(kw_only=True)
class RemoveStorageDomain(Remove):
    """Remove a storage domain; the contents of its directory stay. Legal while it holds no disk."""


@message("command.disk.add")
@attrs.frozen(kw_only=True)
class AddDisk(Add):
    """Add a floating disk: one that is attached to no VM. Legal while its storage domain is active."""


@message("command.disk.update")
@attrs.frozen(kw_only=True)
class UpdateDisk(Update):
    """Change a disk; a larger `provisioned_size` extends it. Legal while the disk is ok."""


@message("command.disk.remove")
@attrs.frozen(kw_only=True)
class RemoveDisk(Remove):
    """Remove a disk and its volumes. Legal while it is attached to no VM, no other disk is backed by it and no
    operation runs on it."""
