"""What is known of a template. The document is its public face."""

from __future__ import annotations

from typing import Final

import attrs

from protocol.activity.operation import Operation
from protocol.message import Message, message
from protocol.template.model import Template
from protocol.vm.model import BLANK_TEMPLATE_ID

blank_id: Final = BLANK_TEMPLATE_ID


@message("state.template")
@attrs.frozen(kw_only=True)
class TemplateState(Message):
    """`disk_ids` are the template's own disks, from the moment they are asked for until they are known to be gone."""

    template: Template
    operation: Operation | None = None
    disk_ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        assert self.template.id is not None
        return self.template.id

    @property
    def name(self) -> str:
        return self.template.name or self.id

    @property
    def status(self) -> str:
        assert self.template.status is not None
        return self.template.status

    @property
    def address(self) -> str:
        return f"template/{self.id}"
