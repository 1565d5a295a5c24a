"""Reads libvirt's description of a host."""

from __future__ import annotations

import attrs

from node.domain_xml.element import parsed


@attrs.frozen(kw_only=True)
class HostCapabilities:
    """`hardware_uuid` is empty when libvirt knows none; the topology is None when it tells none."""

    hardware_uuid: str
    topology: tuple[int, int, int] | None  # sockets, cores, threads


def host_capabilities(text: str) -> HostCapabilities:
    """The facts of a capabilities document."""
    capabilities = parsed(text)
    topology = capabilities.find("host/cpu/topology")
    return HostCapabilities(
        hardware_uuid=capabilities.findtext("host/uuid", ""),
        topology=(int(topology.get("sockets", "1")), int(topology.get("cores", "1")), int(topology.get("threads", "1")))
        if topology is not None
        else None,
    )
