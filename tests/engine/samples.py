"""Figures of one host as its actor would publish them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

from protocol.live.engine import DiskSample, HostSamples, NicSample, VmSample

noon: Final = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)


def host_samples(
    host_id: str,
    vm_ids: Sequence[str] = (),
    nics: Sequence[tuple[str, str]] = (),
    disks: Sequence[DiskSample] = (),
) -> HostSamples:
    """The same figures for each VM, and for each NIC of `nics`, which are pairs of a VM's id and its own."""
    vms = tuple(
        VmSample(
            vm_id=vm_id, cpu_percent=12.5, memory_bytes=1024**3, memory_used_bytes=512 * 1024**2,
            network_rx_bytes_per_second=1000.0, network_tx_bytes_per_second=500.0, disk_read_bytes_per_second=10.0,
            disk_write_bytes_per_second=20.0,
        )
        for vm_id in vm_ids
    )  # fmt: skip
    return HostSamples(
        host_id=host_id, at=noon, cpu_percent=30.0, cpu_user_percent=20.0, memory_used_bytes=16 * 1024**3,
        memory_free_bytes=48 * 1024**3, load_average=0.5, vms=vms, nics=tuple(map(nic_sample, nics)),
        disks=tuple(disks),
    )  # fmt: skip


def nic_sample(of: tuple[str, str]) -> NicSample:
    return (*of, 900.0, 400.0, 9000, 4000, 1, 2, 3, 4)
