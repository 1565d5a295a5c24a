"""A pinned VM runs on the hosts that it is pinned to."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "pin"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    if not request.pinned_host_ids:
        return {}
    ids, pinned = hosts.ids, frozenset(request.pinned_host_ids)
    return {row: "the VM is pinned to other hosts" for row in rows if ids[row] not in pinned}
