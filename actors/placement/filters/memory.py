"""The VM's memory and its QEMU must fit into what the host has left. It must not count on over-commitment."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns, qemu_overhead_bytes
from actors.placement.messages import Place

name = "memory"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    needed = request.memory_bytes + qemu_overhead_bytes
    total, taken = hosts.memory_bytes, hosts.taken_bytes
    return {
        row: f"{_mib(total[row] - taken[row])} MiB are free, {_mib(needed)} MiB are needed"
        for row in rows
        if total[row] - taken[row] < needed
    }


def _mib(size: int) -> int:
    return max(0, size) // 1024**2
