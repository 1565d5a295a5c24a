"""Reports which domains run on this host, consistently with what was reported about each in the meantime.

A plain list would not be: it is requested, a start finishes and is reported, then the older list arrives without that
VM.
"""

from __future__ import annotations

from typing import Final

import attrs

from node.hypervisor.port import Hypervisor
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.reports import DomainsSnapshot

rounds_max: Final = 100


@attrs.define
class Inventory:
    """Whoever reports on a domain says so in `touch`, in the same breath as it sends."""

    hypervisor: Hypervisor
    _touched: set[str] = attrs.field(factory=set)

    def touch(self, vm_id: str) -> None:
        """Something about this domain is being reported now."""
        self._touched.add(vm_id)

    async def snapshot(self) -> DomainsSnapshot:
        """Every domain; to be sent before the next await. One caller at a time. Raises what the hypervisor raises."""
        self._touched.clear()
        found: dict[str, DomainObserved] = {domain.vm_id: domain for domain in await self.hypervisor.list()}
        for _ in range(rounds_max):
            if not self._touched:
                break
            vm_id = self._touched.pop()
            domain = await self.hypervisor.observe(vm_id)
            found.pop(vm_id, None)
            if domain.status is not DomainStatus.ABSENT:
                found[vm_id] = domain
        return DomainsSnapshot(domains=tuple(found.values()))
