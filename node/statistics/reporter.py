"""Sends one batch of statistics per period: the host's figures and rows for domains, NICs and disks."""

from __future__ import annotations

from typing import Protocol

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.hypervisor.port import Hypervisor
from node.link.uplink import Uplink
from protocol.errors import CorralError
from protocol.node.reports import StatisticsBatch


@attrs.frozen(kw_only=True)
class HostFigures:
    """The whole host at one moment; the load is that of one minute."""

    cpu_percent: float
    cpu_user_percent: float  # the part of it that guests and programs used; the rest is the kernel's
    memory_free_bytes: int
    memory_used_bytes: int
    load_average: float


class HostMeter(Protocol):
    """Measures the host. `read` gives the processor's shares since the read before."""

    async def read(self) -> HostFigures: ...


@attrs.frozen(kw_only=True)
class ReporterDependencies:
    """What the reporter needs besides its ports."""

    hypervisor: Hypervisor
    meter: HostMeter
    uplink: Uplink
    period_seconds: float


class Reporter(Actor):
    """Its background task sends a batch each period, and skips one that cannot be made."""

    def __init__(self, context: Context, dependencies: ReporterDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies

    async def started(self) -> None:
        self.context.spawn(self._report_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        raise NotImplementedError(f"the reporter got {type(envelope.message).__name__}")

    async def _report_for_ever(self) -> None:
        clock = self.context.ports.clock
        # Hosts that started together would all report in the same instant.
        await clock.sleep(self.context.ports.random.uniform(0.0, self._dependencies.period_seconds))
        while True:
            try:
                if self._dependencies.uplink.is_up:
                    self._dependencies.uplink.send(await self._batch())
            except CorralError as error:
                self.context.log.info("statistics.skipped", reason=str(error))
            await clock.sleep(self._dependencies.period_seconds)

    async def _batch(self) -> StatisticsBatch:
        counters = await self._dependencies.hypervisor.statistics()
        figures = await self._dependencies.meter.read()
        return StatisticsBatch(
            at=self.context.ports.clock.wall(),
            period_seconds=self._dependencies.period_seconds,
            domains=counters.domains,
            nics=counters.nics,
            disks=counters.disks,
            **attrs.asdict(figures),
        )
