"""What may be asked about templates. It must not name volumes: those are the node's."""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
from protocol.message import message


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
