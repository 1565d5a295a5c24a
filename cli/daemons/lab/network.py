"""The network between a lab's real hosts: one bridge in a namespace of its own, its DHCP server, a cable to each host.

    this machine  corral<tag> ---+        +--- eth0 on bridge ovirtmgmt of `real`, with its guests
                                 lan bridge
    DHCP server   on the bridge -+        +--- eth0 on bridge ovirtmgmt of `real-2`, with its guests

The bridge does not stand in this machine's own namespace: firewalls that filter bridged frames would cut it. So
this machine gets a single interface, its end of one cable.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from cli.daemons.lab.daemon import DaemonSpec
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.namespaces import Namespaces, kill_everything_inside, open_namespaces
from cli.daemons.lab.process_notes import forget_note, write_note
from cli.daemons.lab.subnet import LabSubnet, choose_subnet
from cli.daemons.lab.tools import routed_networks, run_tool

LAN = "lan"
UPLINK = "eth0"
HOST_BRIDGE = "ovirtmgmt"  # the name that oVirt gives to the bridge of its management network
DHCP, HOLDER = "dhcp", "network"
DHCP_LEASE = "12h"
_plain_bridge = ("type", "bridge", "forward_delay", "0", "stp_state", "0")


@attrs.frozen
class LabNetwork:
    """The network of a lab that has real hosts."""

    folder: LabFolder
    namespaces: Namespaces
    subnet: LabSubnet

    def dhcp_server(self) -> DaemonSpec:
        async def command() -> list[str]:
            return self.namespaces.inside(dhcp_command(self.folder, self.subnet))

        return DaemonSpec(DHCP, command, _serving_at_once, start_seconds=5.0, stop_seconds=1.0)

    async def plug_in(self, number: int, host: Namespaces) -> None:
        """Joins a host to the bridge by a cable, and gives it a bridge for its guests and its address."""
        plug, switch = f"{host.holder.pid}", f"{self.namespaces.holder.pid}"
        port = f"host{number}"
        await run_tool(
            "ip", "link", "add", UPLINK, "netns", plug, "type", "veth", "peer", "name", port, "netns", switch
        )
        await _configure(self.namespaces, ("link", "set", port, "master", LAN, "up"))
        await _configure(
            host,
            ("link", "add", HOST_BRIDGE, *_plain_bridge),
            ("link", "set", UPLINK, "master", HOST_BRIDGE, "up"),
            ("address", "add", f"{self.subnet.host_address(number)}/24", "dev", HOST_BRIDGE),
            ("link", "set", HOST_BRIDGE, "up"),
            ("route", "add", "default", "via", self.subnet.engine_address),
        )


async def switch_on_network(folder: LabFolder) -> LabNetwork:
    """Makes the bridge and joins this machine to it, after an earlier lab's of this folder is gone.

    Raises LabError when it cannot be made; then nothing of it is left.
    """
    await switch_off_network(folder)
    namespaces = None
    try:
        namespaces = await open_namespaces(folder.network, f"network.lab-{folder.tag}", folder.log(HOLDER), {})
        write_note(folder, HOLDER, namespaces.holder.pid)
        await _configure(namespaces, ("link", "add", LAN, *_plain_bridge))
        subnet = await _lay_cable(folder.tag, namespaces)
        await _configure(
            namespaces,
            ("link", "set", UPLINK, "master", LAN, "up"),
            ("address", "add", f"{subnet.dhcp_address}/24", "dev", LAN),
            ("link", "set", LAN, "up"),
        )
    except BaseException:
        with trio.CancelScope(shield=True):
            await switch_off_network(folder)
            if namespaces is not None:
                await namespaces.holder.wait()
        raise
    return LabNetwork(folder, namespaces, subnet)


async def switch_off_network(folder: LabFolder) -> None:
    """Ends what runs inside and removes this machine's end of the cable; the other end goes with it.

    Raises LabError when a process outlives SIGKILL.
    """
    try:
        await kill_everything_inside(folder.network)
    finally:
        await run_tool("ip", "link", "delete", f"corral{folder.tag}", check=False)
        forget_note(folder, HOLDER)


def dhcp_command(folder: LabFolder, subnet: LabSubnet) -> list[str]:
    """dnsmasq on the bridge, addresses only: there are no names to resolve in a lab."""
    first, last = subnet.dhcp_range
    return [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=0",
        f"--interface={LAN}", "--except-interface=lo", "--bind-interfaces", "--user=root", "--group=root",
        "--pid-file=", f"--dhcp-leasefile={folder.network / 'dhcp.leases'}", "--dhcp-authoritative", "--no-ping",
        f"--dhcp-range={first},{last},255.255.255.0,{DHCP_LEASE}", f"--dhcp-option=3,{subnet.engine_address}",
    ]  # fmt: skip


async def _lay_cable(tag: str, namespaces: Namespaces) -> LabSubnet:
    with _one_chooser():
        subnet = choose_subnet(tag, await routed_networks())
        outer, holder = subnet.outer_interface, f"{namespaces.holder.pid}"
        await run_tool("ip", "link", "add", outer, "type", "veth", "peer", "name", UPLINK, "netns", holder)
        await run_tool("ip", "address", "add", f"{subnet.engine_address}/24", "dev", outer)
        await run_tool("ip", "link", "set", outer, "up")
    return subnet


async def _configure(namespaces: Namespaces, *commands: tuple[str, ...]) -> None:
    for words in commands:
        await run_tool(*namespaces.inside(["ip", *words]))


async def _serving_at_once(pid: int) -> None:
    """dnsmasq says nothing when it serves; an early end within this time is what can be seen."""
    await trio.sleep(0.2)


@contextmanager
def _one_chooser() -> Iterator[None]:
    """Labs that start together choose one after the other; a lock on a folder leaves no file behind."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
