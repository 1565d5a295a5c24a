"""The lab's real host as a machine: namespaces, cable, libvirtd and DHCP; its node daemon is not part of it."""

import attrs
import trio

from cli.daemons.lab.daemon import DaemonSpec, report
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.namespaces import HostNamespaces, kill_everything_inside, open_namespaces
from cli.daemons.lab.network import cut_cable, dhcp_command, lay_cable
from cli.daemons.lab.private_libvirt import (
    destroy_guests,
    forget_sockets,
    libvirtd_command,
    wait_until_serving,
    write_configuration,
)
from cli.daemons.lab.process_notes import forget_note, write_note
from cli.daemons.lab.subnet import LabSubnet

LIBVIRTD, DHCP, HOLDER = "libvirtd", "dhcp", "namespaces"


@attrs.frozen
class RealHost:
    """A machine that is switched on: it has addresses and namespaces; its services are kept running by the lab."""

    folder: LabFolder
    namespaces: HostNamespaces
    subnet: LabSubnet

    def services(self) -> tuple[DaemonSpec, DaemonSpec]:
        """libvirtd and the DHCP server, in the order in which they start."""
        return (
            DaemonSpec(LIBVIRTD, self._libvirtd, self._libvirtd_serving, start_seconds=20.0, stop_seconds=2.0),
            DaemonSpec(DHCP, self._dhcp, _serving_at_once, start_seconds=5.0, stop_seconds=1.0),
        )

    async def _libvirtd(self) -> list[str]:
        return self.namespaces.inside(libvirtd_command())

    async def _libvirtd_serving(self, pid: int) -> None:
        await wait_until_serving(self.folder)

    async def _dhcp(self) -> list[str]:
        return self.namespaces.inside(dhcp_command(self.folder, self.subnet))


async def switch_on(folder: LabFolder) -> RealHost:
    """Makes the machine, after everything that an earlier lab of this folder left running in it has ended.

    Raises LabError when it cannot be made; then nothing of it is left.
    """
    await switch_off(folder)
    folder.host.mkdir(parents=True, exist_ok=True)
    folder.storage.mkdir(parents=True, exist_ok=True)
    forget_sockets(folder)
    try:
        namespaces = await open_namespaces(folder)
        write_note(folder, HOLDER, namespaces.holder.pid)
        subnet = await lay_cable(namespaces)
        write_configuration(folder, subnet.host_address)
    except BaseException:
        with trio.CancelScope(shield=True):
            await switch_off(folder)
        raise
    return RealHost(folder, namespaces, subnet)


async def switch_off_host(host: RealHost) -> None:
    """Switches off a machine that this process made, and reaps its holder."""
    await switch_off(host.folder)
    await host.namespaces.holder.wait()


async def end_guests(folder: LabFolder, timeout_seconds: float = 6.0) -> None:
    """Destroys the guests while libvirtd still serves, so that it writes down that they ended."""
    left = await destroy_guests(folder, timeout_seconds)
    if left.reason is not None:
        report(f"guests are killed instead of destroyed: {left.reason}")
    elif left.count:
        report(f"destroyed {left.count} guests")


async def switch_off(folder: LabFolder) -> None:
    """Ends whatever runs inside, guests included, and removes the cable; only the machine's data is left."""
    try:
        await kill_everything_inside(folder)
    except LabError as failure:
        report(str(failure))
    await cut_cable(folder.tag)
    forget_sockets(folder)
    forget_note(folder, HOLDER)


async def _serving_at_once(pid: int) -> None:
    """dnsmasq says nothing when it serves; an early end within this time is what can be seen."""
    await trio.sleep(0.2)
