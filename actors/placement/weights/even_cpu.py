"""Even distribution of virtual CPUs over CPUs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "even cpu"


def scores(request: Place, hosts: HostColumns, rows: Sequence[int]) -> list[float]:
    """Virtual CPUs after the start, in per cent of the host's CPUs."""
    taken, cpus, more = hosts.taken_vcpus, hosts.cpus, request.vcpus
    return [100.0 * (taken[row] + more) / cpus[row] for row in rows]
