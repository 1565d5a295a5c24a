"""Even distribution of memory."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns, qemu_overhead_bytes
from actors.placement.messages import Place

name = "even memory"


def scores(request: Place, hosts: HostColumns, rows: Sequence[int]) -> list[float]:
    """Memory given to VMs after the start, in per cent of what the host may give."""
    taken, total = hosts.taken_bytes, hosts.memory_bytes
    more = request.memory_bytes + qemu_overhead_bytes
    return [100.0 * (taken[row] + more) / max(1, total[row]) for row in rows]
