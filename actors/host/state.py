"""A host's frozen state: its configuration and what its node reported."""

from __future__ import annotations

import attrs

from protocol.activity.operation import Operation
from protocol.host.model import Host
from protocol.message import Message, message
from protocol.node.reports import HostFacts


@message("state.host")
@attrs.frozen(kw_only=True)
class HostState(Message):
    host: Host
    status: str
    operation: Operation | None = None
    facts: HostFacts | None = None
    detail: str = ""

    @property
    def id(self) -> str:
        assert self.host.id is not None
        return self.host.id

    @property
    def name(self) -> str:
        return self.host.name or self.id

    @property
    def address(self) -> str:
        return f"host/{self.host.id}"
