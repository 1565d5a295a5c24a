"""What is known of a storage domain. The document is its public face."""

from __future__ import annotations

import attrs

from protocol.activity.operation import Operation
from protocol.document import id_of
from protocol.message import Message, message
from protocol.storage.model import StorageDomain


@message("state.storage_domain")
@attrs.frozen(kw_only=True)
class StorageDomainState(Message):
    """`problem` says why it is inactive."""

    storage_domain: StorageDomain
    operation: Operation | None = None
    problem: str = ""

    @property
    def id(self) -> str:
        assert self.storage_domain.id is not None
        return self.storage_domain.id

    @property
    def address(self) -> str:
        return f"storage_domain/{self.id}"

    @property
    def name(self) -> str:
        return self.storage_domain.name or self.id

    @property
    def title(self) -> str:
        """For sentences."""
        return f"The storage domain {self.name}"

    @property
    def status(self) -> str:
        assert self.storage_domain.status is not None
        return self.storage_domain.status

    @property
    def host_id(self) -> str:
        return id_of(self.storage_domain.host)

    @property
    def path(self) -> str:
        return (self.storage_domain.storage.path if self.storage_domain.storage else None) or ""
