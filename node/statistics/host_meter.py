"""Measures the machine: processor, memory, load."""

from __future__ import annotations

import os

import attrs
import psutil
import trio

from node.statistics.reporter import HostFigures
from node.world import WorldHost


@attrs.frozen
class CpuTimes:
    """Seconds of all processors since the start: what is neither `user` nor `idle` is the kernel's, interrupts and
    what another machine stole included."""

    user: float
    idle: float
    total: float

    def shares_since(self, before: CpuTimes) -> tuple[float, float]:
        """(busy, the part of it that is user's) in per cent; nothing when no time has passed."""
        total = self.total - before.total
        if total <= 0:
            return 0.0, 0.0
        # The kernel's counters of idle time may step back a little.
        busy = 1.0 - min(max((self.idle - before.idle) / total, 0.0), 1.0)
        return 100.0 * busy, 100.0 * min(max((self.user - before.user) / total, 0.0), busy)


class MachineMeter:
    """This machine, from /proc. It keeps the reading before itself: psutil's own belongs to a thread, and every
    reading may be another thread's."""

    def __init__(self) -> None:
        self._before = _cpu_times()

    async def read(self) -> HostFigures:
        now, figures = await trio.to_thread.run_sync(_measure, self._before)
        self._before = now
        return figures


def _cpu_times() -> CpuTimes:
    """/proc/stat, where `user` and `nice` hold the guests' time already (proc_stat(5))."""
    times = psutil.cpu_times()
    return CpuTimes(
        user=times.user + times.nice,
        idle=times.idle + times.iowait,
        total=sum(times) - times.guest - times.guest_nice,
    )


def _measure(before: CpuTimes) -> tuple[CpuTimes, HostFigures]:
    memory, times = psutil.virtual_memory(), _cpu_times()
    busy, user = times.shares_since(before)
    return times, HostFigures(
        cpu_percent=busy,
        cpu_user_percent=user,
        memory_free_bytes=memory.available,
        memory_used_bytes=memory.total - memory.available,
        load_average=os.getloadavg()[0],
    )


class WorldMeter:
    """A simulated host: each running VM keeps a tenth of its processors busy, a fifth of that in the host's kernel."""

    def __init__(self, host: WorldHost) -> None:
        self._host = host

    async def read(self) -> HostFigures:
        await trio.lowlevel.checkpoint()
        specs = [qemu.spec for qemu in self._host.qemus.values()]
        shape = self._host.shape
        busy = 0.1 * sum(spec.sockets * spec.cores * spec.threads for spec in specs)
        processors = shape.cpu_sockets * shape.cpu_cores * shape.cpu_threads
        used = min(sum(spec.memory_bytes for spec in specs), shape.memory_bytes)
        cpu_percent = min(100.0, 100.0 * busy / processors)
        return HostFigures(
            cpu_percent=cpu_percent,
            cpu_user_percent=0.8 * cpu_percent,
            memory_free_bytes=shape.memory_bytes - used,
            memory_used_bytes=used,
            load_average=busy,
        )
