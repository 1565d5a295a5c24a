"""The machines of a lab's real hosts and the network between them: made together, switched off together."""

from collections.abc import Awaitable, Callable

import trio

from cli.daemons.lab.claims import REAL_HOST_MEMORY_MIB, available_memory_mib, real_hosts_that_fit
from cli.daemons.lab.daemon import DaemonSpec
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.network import DHCP, LabNetwork, switch_off_network, switch_on_network
from cli.daemons.lab.real_host import RealHost, end_guests, switch_off_host, switch_on


class Machines:
    """Those that could be made; their daemons are kept running by the lab."""

    def __init__(self, folder: LabFolder) -> None:
        self._folder = folder
        self._network: LabNetwork | None = None
        self.hosts: list[RealHost] = []

    @property
    def engine_address(self) -> str:
        """This machine's own on the network; empty without a network."""
        return self._network.subnet.engine_address if self._network is not None else ""

    async def switch_on(self, count: int, left_out: Callable[[str, str], None]) -> None:
        """Makes the network and as many hosts as asked; one that cannot be made is left out and named with the reason."""
        wanted = [self._folder.real_host(number) for number in range(1, count + 1)]
        available_mib = available_memory_mib()
        try:
            network = self._network = await switch_on_network(self._folder)
        except LabError as failure:
            for host in wanted:
                left_out(host.name, f"the network of the real hosts cannot be set up: {failure}")
            return
        neighbours = {host.host_name: network.subnet.host_address(host.number) for host in wanted}
        for host in wanted:
            if len(self.hosts) >= real_hosts_that_fit(available_mib):
                needed_mib = (len(self.hosts) + 1) * REAL_HOST_MEMORY_MIB
                left_out(host.name, f"not enough memory: {available_mib} MiB available, {needed_mib} MiB needed")
                continue
            try:
                self.hosts.append(await switch_on(host, network, neighbours))
            except LabError as failure:
                left_out(host.name, str(failure))

    def services(self) -> list[DaemonSpec]:
        """What runs on the machines besides Corral: libvirtd on each host, the DHCP server."""
        network = [self._network.dhcp_server()] if self._network is not None else []
        return [*network, *(host.libvirtd() for host in self.hosts)]

    async def switch_off(self, stop: Callable[[str], Awaitable[None]]) -> None:
        """Ends guests, services and machines; `stop` ends the daemon of that name, which then stays down."""

        async def one(host: RealHost) -> None:
            await end_guests(host.folders)
            await stop(host.libvirtd().name)
            await switch_off_host(host)

        async with trio.open_nursery() as nursery:
            for host in self.hosts:
                nursery.start_soon(one, host)
        if self._network is not None:
            await stop(DHCP)
            await switch_off_network(self._folder)
            await self._network.namespaces.holder.wait()
