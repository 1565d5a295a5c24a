"""One real host of a lab as a machine: namespaces, a cable to the lab's network, libvirtd; its node daemon is not part of it."""

from collections.abc import Mapping

import attrs
import trio

from cli.daemons.lab.daemon import DaemonSpec, report
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import RealHostFolders
from cli.daemons.lab.machine_files import lay_out
from cli.daemons.lab.namespaces import Namespaces, kill_everything_inside, open_namespaces
from cli.daemons.lab.network import LabNetwork
from cli.daemons.lab.private_libvirt import (
    destroy_guests,
    forget_sockets,
    libvirtd_command,
    wait_until_serving,
    write_configuration,
)
from cli.daemons.lab.process_notes import forget_note, write_note

LIBVIRTD, HOLDER = "libvirtd", "namespaces"


@attrs.frozen
class RealHost:
    """A machine that is switched on: it has an address and namespaces; its services are kept running by the lab."""

    folders: RealHostFolders
    namespaces: Namespaces
    address: str

    @property
    def name(self) -> str:
        return self.folders.name

    def libvirtd(self) -> DaemonSpec:
        async def command() -> list[str]:
            return self.namespaces.inside(libvirtd_command())

        async def serving(pid: int) -> None:
            await wait_until_serving(self.folders)

        name = self.folders.process(LIBVIRTD)
        return DaemonSpec(name, command, serving, start_seconds=20.0, stop_seconds=2.0)


async def switch_on(folders: RealHostFolders, network: LabNetwork, neighbours: Mapping[str, str]) -> RealHost:
    """Makes the machine, after everything that an earlier lab of this folder left running in it has ended.

    `neighbours`: names and addresses of the lab's real hosts. Raises LabError when it cannot be made; then nothing
    of it is left.
    """
    await switch_off(folders)
    log = folders.lab.log(folders.process(HOLDER))
    namespaces = None
    try:
        mounts = await trio.to_thread.run_sync(lay_out, folders, neighbours)
        forget_sockets(folders)
        namespaces = await open_namespaces(folders.machine, folders.host_name, log, mounts)
        write_note(folders.lab, folders.process(HOLDER), namespaces.holder.pid)
        await network.plug_in(folders.number, namespaces)
        host = RealHost(folders, namespaces, network.subnet.host_address(folders.number))
        write_configuration(folders, host.address)
    except BaseException as failure:
        with trio.CancelScope(shield=True):
            await switch_off(folders)
            if namespaces is not None:
                await namespaces.holder.wait()
        if isinstance(failure, OSError):
            raise LabError(f"its files cannot be written: {failure}") from failure
        raise
    return host


async def switch_off_host(host: RealHost) -> None:
    """Switches off a machine that this process made, and reaps its holder."""
    await switch_off(host.folders)
    await host.namespaces.holder.wait()


async def end_guests(folders: RealHostFolders, timeout_seconds: float = 6.0) -> None:
    """Destroys the guests while libvirtd still serves, so that it writes down that they ended."""
    left = await destroy_guests(folders, timeout_seconds)
    if left.reason is not None:
        report(f"killed the guests of {folders.name} instead of destroying them: {left.reason}")
    elif left.count:
        report(f"destroyed {left.count} guests of {folders.name}")


async def switch_off(folders: RealHostFolders) -> None:
    """Ends whatever runs inside, guests included; the cable goes with the last process, only the machine's data stays."""
    try:
        await kill_everything_inside(folders.machine)
    except LabError as failure:
        report(str(failure))
    forget_sockets(folders)
    forget_note(folders.lab, folders.process(HOLDER))
