"""Only hosts that are up take VMs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "up"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    statuses = hosts.statuses
    return {row: f"the host is {statuses[row].replace('_', ' ')}" for row in rows if statuses[row] != "up"}
