"""A VM may not have more virtual CPUs than the host has CPUs; many VMs may share them."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "cpu"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    cpus, needed = hosts.cpus, request.vcpus
    return {row: f"the host has {cpus[row]} CPUs, the VM needs {needed}" for row in rows if cpus[row] < needed}
