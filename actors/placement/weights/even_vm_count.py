"""Even distribution of the number of VMs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "even vm count"


def scores(request: Place, hosts: HostColumns, rows: Sequence[int]) -> list[float]:
    """VMs on the host, in per cent of the fullest candidate's."""
    vms = hosts.vms
    most = max((vms[row] for row in rows), default=0)
    return [100.0 * vms[row] / most for row in rows] if most else [0.0] * len(rows)
