"""The cable between this machine and the lab's real host, the host's bridge and its DHCP server's command line.

It touches one interface of this machine, its own end of the cable; everything else lies inside the host's namespace.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.namespaces import HostNamespaces
from cli.daemons.lab.subnet import LabSubnet, choose_subnet
from cli.daemons.lab.tools import routed_networks, run_tool

BRIDGE = "ovirtmgmt"
UPLINK = "eth0"
DHCP_LEASE = "12h"


async def lay_cable(namespaces: HostNamespaces) -> LabSubnet:
    """Chooses a subnet and joins this machine to the bridge of the lab's host."""
    tag = namespaces.folder.tag
    await cut_cable(tag)
    with _one_chooser():
        subnet = choose_subnet(tag, await routed_networks())
        outer = subnet.outer_interface
        holder = str(namespaces.holder.pid)
        await run_tool("ip", "link", "add", outer, "type", "veth", "peer", "name", UPLINK, "netns", holder)
        await run_tool("ip", "address", "add", f"{subnet.engine_address}/24", "dev", outer)
        await run_tool("ip", "link", "set", outer, "up")
    inside = (
        ("link", "add", BRIDGE, "type", "bridge", "forward_delay", "0", "stp_state", "0"),
        ("link", "set", UPLINK, "master", BRIDGE, "up"),
        ("address", "add", f"{subnet.host_address}/24", "dev", BRIDGE),
        ("link", "set", BRIDGE, "up"),
        ("route", "add", "default", "via", subnet.engine_address),
    )
    for words in inside:
        await run_tool(*namespaces.inside(["ip", *words]))
    return subnet


async def cut_cable(tag: str) -> None:
    """Removes this machine's end; the other one goes with it."""
    await run_tool("ip", "link", "delete", f"corral{tag}", check=False)


def dhcp_command(folder: LabFolder, subnet: LabSubnet) -> list[str]:
    """dnsmasq on the bridge, addresses only: there are no names to resolve in a lab."""
    first, last = subnet.dhcp_range
    return [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=0",
        f"--interface={BRIDGE}", "--except-interface=lo", "--bind-interfaces", "--user=root", "--group=root",
        "--pid-file=", f"--dhcp-leasefile={folder.host / 'dhcp.leases'}", "--dhcp-authoritative", "--no-ping",
        f"--dhcp-range={first},{last},255.255.255.0,{DHCP_LEASE}", f"--dhcp-option=3,{subnet.engine_address}",
    ]  # fmt: skip


@contextmanager
def _one_chooser() -> Iterator[None]:
    """Labs that start together choose one after the other; a lock on a folder leaves no file behind."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
