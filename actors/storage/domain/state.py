"""What is known of a storage domain. The document is its public face; it must not hold what is on it."""

from __future__ import annotations

import attrs

from protocol.events.operation import Operation
from protocol.model.storage import StorageDomain
from protocol.words import Tagged, word


@word("state.storage_domain")
@attrs.frozen(kw_only=True)
class StorageDomainState(Tagged):
    """`problem` says why it is inactive."""

    domain: StorageDomain
    operation: Operation | None = None
    problem: str = ""

    @property
    def id(self) -> str:
        assert self.domain.id is not None
        return self.domain.id

    @property
    def address(self) -> str:
        return f"storage_domain/{self.id}"

    @property
    def title(self) -> str:
        """For sentences."""
        return f"The storage domain {self.domain.name}"

    @property
    def status(self) -> str:
        assert self.domain.status is not None
        return self.domain.status

    @property
    def host_id(self) -> str:
        return (self.domain.host.id if self.domain.host else None) or ""

    @property
    def path(self) -> str:
        return (self.domain.storage.path if self.domain.storage else None) or ""
