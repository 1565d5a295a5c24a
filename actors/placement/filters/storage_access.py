"""The host must reach the storage of the VM's disks."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "storage access"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    if request.required_host_ids is None:
        return {}
    ids, reaching = hosts.ids, frozenset(request.required_host_ids)
    return {row: "the host does not reach the storage of the VM's disks" for row in rows if ids[row] not in reaching}
