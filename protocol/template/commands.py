"""Commands on templates."""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
from protocol.message import message


@message("command.template.import")
@attrs.frozen(kw_only=True)
class ImportTemplate(Add):
    """Add a template with one disk, copied from an image file on a host; a lab adds `tiny` this way. Legal while the
    storage domain is active."""

    storage_domain_id: str
    image_path: str
    image_format: str = "qcow2"
    image_bytes: int = 0  # virtual size


@message("command.template.update")
@attrs.frozen(kw_only=True)
class UpdateTemplate(Update):
    """Change a template. The template `Blank` cannot be changed."""


@message("command.template.remove")
@attrs.frozen(kw_only=True)
class RemoveTemplate(Remove):
    """Remove a template and its disks. Legal while no VM's disk is backed by it. The template `Blank` cannot be
    removed."""
