"""Turns a node's counters into figures per second and per cent. Pure; it keeps nothing but the last batch."""

from __future__ import annotations

from protocol.engine_messages import HostSamples, VmSample
from protocol.node_messages import DomainRow, StatisticsBatch


def sample(host_id: str, before: StatisticsBatch | None, batch: StatisticsBatch) -> HostSamples:
    """The figures between two batches; a VM seen for the first time has rates of zero."""
    known = {row[0]: row for row in before.domains} if before is not None else {}
    elapsed = (batch.at - before.at).total_seconds() if before is not None else batch.period_seconds
    return HostSamples(
        host_id=host_id,
        at=batch.at,
        cpu_percent=batch.cpu_percent,
        memory_used_bytes=batch.memory_used_bytes,
        memory_free_bytes=batch.memory_free_bytes,
        load_average=batch.load_average,
        vms=tuple(
            _vm(row, known.get(row[0]), elapsed if elapsed > 0 else batch.period_seconds) for row in batch.domains
        ),
    )


def _vm(row: DomainRow, before: DomainRow | None, elapsed: float) -> VmSample:
    vm_id, cpu_ns, vcpus, actual, unused = row[0], row[1], max(1, row[2]), row[3], row[4]

    def rate(index: int) -> float:
        if before is None:
            return 0.0
        delta = int(row[index]) - int(before[index])
        return max(0.0, delta / elapsed)

    cpu = 0.0
    if before is not None and cpu_ns >= before[1]:
        cpu = min(100.0, (cpu_ns - before[1]) / (elapsed * 1e9 * vcpus) * 100.0)
    return VmSample(
        vm_id=vm_id,
        cpu_percent=cpu,
        memory_bytes=actual,
        memory_used_bytes=actual - unused if unused >= 0 else row[5],
        network_rx_bytes_per_second=rate(6),
        network_tx_bytes_per_second=rate(7),
        disk_read_bytes_per_second=rate(8),
        disk_write_bytes_per_second=rate(9),
    )
