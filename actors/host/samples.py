"""Turns a node's counters into figures per second and per cent. Pure; it keeps nothing but the last batch."""

from __future__ import annotations

from protocol.engine_messages import HostSamples, VmSample
from protocol.node_messages import DomainRow, StatisticsBatch


def sample(host_id: str, before: StatisticsBatch | None, batch: StatisticsBatch) -> HostSamples:
    """The figures between two batches; a VM seen for the first time has rates of zero."""
    known = {row[0]: row for row in before.domains} if before is not None else {}
    elapsed = (batch.at - before.at).total_seconds() if before is not None else batch.period_seconds
    if elapsed <= 0:  # the host's clock was set back
        elapsed = batch.period_seconds
    return HostSamples(
        host_id=host_id,
        at=batch.at,
        cpu_percent=batch.cpu_percent,
        memory_used_bytes=batch.memory_used_bytes,
        memory_free_bytes=batch.memory_free_bytes,
        load_average=batch.load_average,
        vms=tuple([_vm(row, known.get(row[0]), elapsed) for row in batch.domains]),
    )


def _vm(row: DomainRow, before: DomainRow | None, elapsed: float) -> VmSample:
    """Written out rather than looped: thousands of these are made every second."""
    vm_id, cpu_ns, vcpus, actual, unused, rss, rx, tx, read, written = row
    cpu = rx_rate = tx_rate = read_rate = written_rate = 0.0
    if before is not None:
        _, cpu_ns_before, _, _, _, _, rx_before, tx_before, read_before, written_before = before
        if cpu_ns > cpu_ns_before:
            cpu = (cpu_ns - cpu_ns_before) / (elapsed * 1e9 * (vcpus if vcpus > 1 else 1)) * 100.0
            if cpu > 100.0:
                cpu = 100.0
        # A counter that fell began anew with its QEMU: nothing is known of the time between.
        if rx > rx_before:
            rx_rate = (rx - rx_before) / elapsed
        if tx > tx_before:
            tx_rate = (tx - tx_before) / elapsed
        if read > read_before:
            read_rate = (read - read_before) / elapsed
        if written > written_before:
            written_rate = (written - written_before) / elapsed
    return VmSample(
        vm_id=vm_id,
        cpu_percent=cpu,
        memory_bytes=actual,
        memory_used_bytes=actual - unused if unused >= 0 else rss,
        network_rx_bytes_per_second=rx_rate,
        network_tx_bytes_per_second=tx_rate,
        disk_read_bytes_per_second=read_rate,
        disk_write_bytes_per_second=written_rate,
    )
