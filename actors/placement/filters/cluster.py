"""A VM runs in its own cluster."""

from __future__ import annotations

from collections.abc import Sequence

from actors.placement.columns import HostColumns
from actors.placement.messages import Place

name = "cluster"


def refusals(request: Place, hosts: HostColumns, rows: Sequence[int]) -> dict[int, str]:
    """Why each of `rows` that falls cannot take the VM."""
    clusters, wanted = hosts.clusters, request.cluster_id
    return {row: "the host is in another cluster" for row in rows if clusters[row] != wanted}
