"""The lab's real host as a machine: a private libvirtd, guests with addresses, and nothing left behind."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from cli.daemons.lab.daemon import Daemon
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder, open_folder
from cli.daemons.lab.namespaces import kill_everything_inside, processes_inside
from cli.daemons.lab.real_host import RealHost, end_guests, switch_off_host, switch_on
from cli.daemons.lab.tools import poll_until, run_tool
from cli.daemons.tiny_image import build, default_cache_dir

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(shutil.which("libvirtd", path="/usr/sbin") is None, reason="./dev setup installs libvirtd"),
]
BOOT_SECONDS = 60.0
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
      <target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><source bridge='ovirtmgmt'/><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.corral.guest.0'/></channel>
    <serial type='file'><source path='{console}'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
"""


@pytest.fixture
def folder() -> Iterator[LabFolder]:
    """pytest's own folders are too deep for sockets."""
    path = Path(tempfile.mkdtemp(prefix="lab-"))
    yield open_folder(path)
    shutil.rmtree(path)


@asynccontextmanager
async def running_host(folder: LabFolder) -> AsyncIterator[RealHost]:
    async def nothing(name: str) -> None:
        await trio.lowlevel.checkpoint()

    host = await switch_on(folder)
    daemons = [Daemon(folder, spec, nothing) for spec in host.services()]
    async with trio.open_nursery() as nursery:
        try:
            for daemon in daemons:
                await nursery.start(daemon.keep_running)
            yield host
        finally:
            with trio.CancelScope(shield=True):
                await end_guests(folder)
                for daemon in reversed(daemons):
                    await daemon.stop()
                await switch_off_host(host)


async def start_guest(folder: LabFolder, name: str) -> Path:
    """Starts a transient guest on a layer over the image and returns its console's file."""
    image = await trio.to_thread.run_sync(build, default_cache_dir())
    disk, console = folder.storage / f"{name}.qcow2", folder.storage / f"{name}.console"
    await run_tool("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(disk))
    document = folder.path / f"{name}.xml"
    document.write_text(DOMAIN.format(name=name, disk=disk, console=console))
    await virsh(folder, "create", str(document))
    return console


async def virsh(folder: LabFolder, *words: str) -> str:
    return await run_tool("virsh", "--quiet", "--connect", folder.libvirt_uri, *words)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(BOOT_SECONDS):
        await poll_until(condition)


def processes_named(name: str, folder: LabFolder) -> list[int]:
    return [pid for pid in processes_inside(folder) if Path(f"/proc/{pid}/comm").read_text().strip() == name]


def machine(folder: LabFolder) -> tuple[object, ...]:
    """What a lab must leave as it was. Interfaces of other labs, which may come and go meanwhile, do not count."""
    interfaces = sorted(
        name for name in os.listdir("/sys/class/net") if not name.startswith("corral") or folder.tag in name
    )
    configuration = [
        (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(Path("/etc/libvirt").rglob("*"))
        if path.is_file()
    ]
    sockets = sorted(str(path) for path in Path("/run/libvirt").rglob("*")) if Path("/run/libvirt").exists() else []
    mounts = sorted(
        subprocess.run(["cat", "/proc/mounts"], capture_output=True, text=True, check=True).stdout.split("\n")
    )
    accounts = Path("/etc/passwd").read_text() + Path("/etc/group").read_text()
    return interfaces, configuration, sockets, mounts, accounts


async def test_guests_boot_with_addresses_and_nothing_is_left(folder: LabFolder) -> None:
    before = machine(folder)
    async with running_host(folder) as host:
        assert (await virsh(folder, "hostname")).startswith("real.lab-")
        assert "max_client_requests" in (folder.host / "etc" / "libvirtd.conf").read_text()
        consoles = [await start_guest(folder, name) for name in ("one", "two")]
        leases = folder.host / "dhcp.leases"
        await until(lambda: leases.exists() and len(leases.read_text().splitlines()) == 2)
        address = leases.read_text().split()[2]
        assert address.startswith(host.subnet.network.network_address.exploded.rpartition(".")[0])
        await until(lambda: all("tiny:~#" in console.read_text(errors="replace") for console in consoles))
        with trio.socket.socket() as probe, trio.fail_after(BOOT_SECONDS), pytest.raises(ConnectionRefusedError):
            await probe.connect((address, 9))

        await virsh(folder, "shutdown", "one", "--mode", "acpi")
        await until(lambda: len(processes_named("qemu-system-x86", folder)) == 1)
        assert processes_inside(folder)
    assert processes_inside(folder) == []
    assert machine(folder) == before


async def test_a_power_cut_ends_guests_and_services_start_again(folder: LabFolder) -> None:
    async with running_host(folder) as host:
        uuid = (folder.host / "uuid").read_text()
        await start_guest(folder, "one")
        holder = frozenset({host.namespaces.holder.pid})
        assert await kill_everything_inside(folder, spare=holder, once=True) >= 3
        with trio.fail_after(BOOT_SECONDS):
            while True:
                try:
                    assert "one" not in (await virsh(folder, "list", "--name")).split()
                    break
                except LabError:
                    await trio.sleep(0.2)
        assert (folder.host / "uuid").read_text() == uuid


async def test_a_killed_lab_leaves_a_host_that_the_next_one_ends(folder: LabFolder) -> None:
    before = machine(folder)
    killed = await switch_on(folder)
    assert processes_inside(folder) == [killed.namespaces.holder.pid]
    again = await switch_on(folder)
    assert again.subnet.outer_interface in os.listdir("/sys/class/net")
    assert processes_inside(folder) == [again.namespaces.holder.pid]
    await killed.namespaces.holder.wait()
    await switch_off_host(again)
    assert machine(folder) == before


async def test_two_labs_run_beside_each_other(folder: LabFolder) -> None:
    other = open_folder(folder.path / "b")
    async with running_host(folder) as one, running_host(other) as two:
        assert one.subnet.network != two.subnet.network
        assert await virsh(folder, "hostname") != await virsh(other, "hostname")
        assert (folder.host / "uuid").read_text() != (other.host / "uuid").read_text()
