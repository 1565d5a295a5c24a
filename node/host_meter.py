"""Measures the machine: processor, memory, load. It must not measure domains: the hypervisor does."""

from __future__ import annotations

import os

import psutil
import trio

from node.reporter import HostFigures
from node.world import WorldHost


class MachineMeter:
    """This machine, from /proc."""

    def __init__(self) -> None:
        psutil.cpu_percent(None)  # the first reading only sets the mark

    async def read(self) -> HostFigures:
        return await trio.to_thread.run_sync(_measure)


def _measure() -> HostFigures:
    memory = psutil.virtual_memory()
    return HostFigures(
        cpu_percent=min(100.0, psutil.cpu_percent(None)),
        memory_free_bytes=memory.available,
        memory_used_bytes=memory.total - memory.available,
        load_average=os.getloadavg()[0],
    )


class WorldMeter:
    """A simulated host: each running VM keeps a tenth of its processors busy."""

    def __init__(self, host: WorldHost) -> None:
        self._host = host

    async def read(self) -> HostFigures:
        await trio.lowlevel.checkpoint()
        specs = [qemu.spec for qemu in self._host.qemus.values()]
        shape = self._host.shape
        busy = 0.1 * sum(spec.sockets * spec.cores * spec.threads for spec in specs)
        processors = shape.cpu_sockets * shape.cpu_cores * shape.cpu_threads
        used = min(sum(spec.memory_bytes for spec in specs), shape.memory_bytes)
        return HostFigures(
            cpu_percent=min(100.0, 100.0 * busy / processors),
            memory_free_bytes=shape.memory_bytes - used,
            memory_used_bytes=used,
            load_average=busy,
        )
