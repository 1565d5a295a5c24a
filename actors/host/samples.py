"""Turns a node's counters into figures per second and per cent. Pure; it keeps nothing but the last batch."""

from __future__ import annotations

from protocol.live.engine import DiskSample, HostSamples, NicSample, VmSample
from protocol.node.reports import DiskRow, DomainRow, NicRow, StatisticsBatch

_unknown = -1.0


def sample(host_id: str, before: StatisticsBatch | None, batch: StatisticsBatch) -> HostSamples:
    """The figures between two batches; a VM seen for the first time has rates of zero, a device unknown ones."""
    known = {row[0]: row for row in before.domains} if before is not None else {}
    nics = {row[:2]: row for row in before.nics} if before is not None else {}
    disks = {row[:2]: row for row in before.disks} if before is not None else {}
    elapsed = (batch.at - before.at).total_seconds() if before is not None else batch.period_seconds
    if elapsed <= 0:  # the host's clock was set back
        elapsed = batch.period_seconds
    return HostSamples(
        host_id=host_id,
        at=batch.at,
        cpu_percent=batch.cpu_percent,
        cpu_user_percent=batch.cpu_user_percent,
        memory_used_bytes=batch.memory_used_bytes,
        memory_free_bytes=batch.memory_free_bytes,
        load_average=batch.load_average,
        vms=tuple([_vm(row, known.get(row[0]), elapsed) for row in batch.domains]),
        nics=tuple([_nic(row, nics.get(row[:2]), elapsed) for row in batch.nics]),
        disks=tuple([_disk(row, disks.get(row[:2]), elapsed) for row in batch.disks]),
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
        # A counter that fell began anew with its QEMU, and one below zero was not told by a QEMU too busy: nothing is
        # known of the time between.
        if rx > rx_before >= 0:
            rx_rate = (rx - rx_before) / elapsed
        if tx > tx_before >= 0:
            tx_rate = (tx - tx_before) / elapsed
        if read > read_before >= 0:
            read_rate = (read - read_before) / elapsed
        if written > written_before >= 0:
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


def _nic(row: NicRow, before: NicRow | None, elapsed: float) -> NicSample:
    """A counter that fell began anew with its QEMU, and then the other one says nothing either."""
    vm_id, nic_id, rx, tx, rx_errors, tx_errors, rx_drops, tx_drops = row
    rx_rate = tx_rate = _unknown
    if before is not None and rx >= before[2] and tx >= before[3]:
        rx_rate, tx_rate = (rx - before[2]) / elapsed, (tx - before[3]) / elapsed
    return vm_id, nic_id, rx_rate, tx_rate, rx, tx, rx_errors, tx_errors, rx_drops, tx_drops


def _disk(row: DiskRow, before: DiskRow | None, elapsed: float) -> DiskSample:
    vm_id, disk_id, read, written, reads, writes = row
    if before is not None:
        _, _, read_before, written_before, reads_before, writes_before = before
        if read >= read_before and written >= written_before and reads >= reads_before and writes >= writes_before:
            return (
                vm_id,
                disk_id,
                (read - read_before) / elapsed,
                (written - written_before) / elapsed,
                (reads - reads_before) / elapsed,
                (writes - writes_before) / elapsed,
            )
    return vm_id, disk_id, _unknown, _unknown, _unknown, _unknown
