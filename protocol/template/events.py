"""What happened to a template: each event carries what `actors/storage/template/evolve.py` needs."""

from __future__ import annotations

import attrs

from protocol.activity.operation import EntityEvent
from protocol.message import message
from protocol.storage.model import DiskAttachment
from protocol.template.model import Template


@attrs.frozen(kw_only=True)
class TemplateEvent(EntityEvent):
    """Base."""


@message("template.added")
@attrs.frozen(kw_only=True)
class TemplateAdded(TemplateEvent):
    """The template is recorded; locked while an operation makes `disk_ids`, else it is ready."""

    template: Template
    disk_ids: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return "locked" if self.operation else "ok"


@message("template.ready")
@attrs.frozen(kw_only=True)
class TemplateReady(TemplateEvent):
    """Its disks are there."""

    disk_attachments: tuple[DiskAttachment, ...] = ()


@message("template.updated")
@attrs.frozen(kw_only=True)
class TemplateUpdated(TemplateEvent):
    template: Template


@message("template.remove_requested")
@attrs.frozen(kw_only=True)
class TemplateRemoveRequested(TemplateEvent):
    """It is locked; its disks are about to be deleted."""


@message("template.operation_progressed")
@attrs.frozen(kw_only=True)
class TemplateOperationProgressed(TemplateEvent):
    """A step ended and another began."""


@message("template.remove_failed")
@attrs.frozen(kw_only=True)
class TemplateRemoveFailed(TemplateEvent):
    """Some of its disks could not be deleted. `usable`: none was, so it is as before; otherwise it is illegal."""

    reason: str
    usable: bool

    @property
    def status(self) -> str:
        return "ok" if self.usable else "illegal"


@message("template.removed")
@attrs.frozen(kw_only=True)
class TemplateRemoved(TemplateEvent):
    """The last event of a template's life, or of one whose import was rolled back."""
