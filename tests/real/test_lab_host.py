"""The lab's real hosts as machines: private libvirtds, guests with addresses, and nothing left behind."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import trio

from cli.daemons.lab.claims import REAL_HOST_MEMORY_MIB
from cli.daemons.lab.daemon import Daemon
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder, RealHostFolders, open_folder
from cli.daemons.lab.leftovers import end_leftovers
from cli.daemons.lab.machines import Machines
from cli.daemons.lab.namespaces import kill_everything_inside, processes_inside
from cli.daemons.lab.real_host import RealHost
from cli.daemons.lab.tools import poll_until, run_tool
from cli.daemons.tiny_image import build, default_cache_dir

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(shutil.which("libvirtd", path="/usr/sbin") is None, reason="./dev setup installs libvirtd"),
]
BOOT_SECONDS = 60.0
REFUSED_BY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=30)
except ConnectionRefusedError:
    sys.exit()
sys.exit("somebody listens there")
"""
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
async def running_hosts(folder: LabFolder, count: int = 1) -> AsyncIterator[Machines]:
    async def nothing() -> None:
        await trio.lowlevel.checkpoint()

    machines = Machines(folder)
    daemons: dict[str, Daemon] = {}

    async def stop(name: str) -> None:
        if name in daemons:
            await daemons[name].stop()

    async with trio.open_nursery() as nursery:
        try:
            await machines.switch_on(count, _never)
            for spec in machines.services():
                daemon = daemons[spec.name] = Daemon(folder, spec, nothing)
                await nursery.start(daemon.keep_running)
                assert daemon.problem is None
            yield machines
        finally:
            with trio.CancelScope(shield=True):
                await machines.switch_off(stop)


async def start_guest(host: RealHost, name: str) -> Path:
    """Starts a transient guest on a layer over the image and returns its console's file."""
    image = await trio.to_thread.run_sync(build, default_cache_dir())
    storage = host.folders.storage
    disk, console = storage / f"{name}.qcow2", storage / f"{name}.console"
    await run_tool("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(disk))
    document = storage / f"{name}.xml"
    document.write_text(DOMAIN.format(name=name, disk=disk, console=console))
    await virsh(host.folders, "create", str(document))
    return console


async def virsh(host: RealHostFolders, *words: str) -> str:
    return await run_tool("virsh", "--quiet", "--connect", host.libvirt_uri, *words)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(BOOT_SECONDS):
        await poll_until(condition)


def processes_named(name: str, host: RealHost) -> list[int]:
    inside = processes_inside(host.folders.machine)
    return [pid for pid in inside if Path(f"/proc/{pid}/comm").read_text().strip() == name]


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


async def test_guests_of_two_hosts_boot_with_addresses_and_nothing_is_left(folder: LabFolder) -> None:
    before = machine(folder)
    async with running_hosts(folder, 2) as machines:
        one, two = machines.hosts
        names = [(await virsh(host.folders, "hostname")).strip() for host in machines.hosts]
        assert names == [f"real.lab-{folder.tag}", f"real-2.lab-{folder.tag}"]
        uuids = {(host.folders.machine / "uuid").read_text() for host in machines.hosts}
        assert len(uuids) == 2
        assert "max_client_requests" in (two.folders.machine / "etc" / "libvirtd.conf").read_text()
        assert f"{one.address} " in await run_tool(*two.namespaces.inside(["getent", "ahostsv4", "real"]))

        consoles = [await start_guest(host, host.name) for host in machines.hosts]
        leases = folder.network / "dhcp.leases"
        await until(lambda: leases.exists() and len(leases.read_text().splitlines()) == 2)
        addresses = [line.split()[2] for line in leases.read_text().splitlines()]
        assert all(IPv4Address(address) in IPv4Network(f"{one.address}/24", strict=False) for address in addresses)
        await until(lambda: all("tiny:~#" in console.read_text(errors="replace") for console in consoles))
        for address in addresses:  # both are reached from this machine, which is not one of the hosts
            with trio.socket.socket() as probe, trio.fail_after(BOOT_SECONDS), pytest.raises(ConnectionRefusedError):
                await probe.connect((address, 9))
        for address in (*addresses, one.address):
            await run_tool(*two.namespaces.inside([sys.executable, "-c", REFUSED_BY, address]))

        (folder.shared / "from-here").write_text("seen")
        for host in machines.hosts:
            assert await run_tool(*host.namespaces.inside(["cat", f"{folder.shared}/from-here"])) == "seen"
            assert f" {folder.shared} " in await run_tool(*host.namespaces.inside(["cat", "/proc/mounts"]))
        assert str(folder.shared) not in await run_tool("cat", "/proc/mounts")

        await virsh(one.folders, "shutdown", one.name, "--mode", "acpi")
        await until(lambda: processes_named("qemu-system-x86", one) == [])
        assert len(processes_named("qemu-system-x86", two)) == 1
    for root in (one.folders.machine, two.folders.machine, folder.network):
        assert processes_inside(root) == []
    assert machine(folder) == before


async def test_a_power_cut_ends_the_guests_of_one_host_and_its_services_start_again(folder: LabFolder) -> None:
    async with running_hosts(folder, 2) as machines:
        one, two = machines.hosts
        uuid = (two.folders.machine / "uuid").read_text()
        for host in machines.hosts:
            await start_guest(host, host.name)
        untouched = processes_named("libvirtd", one) + processes_named("qemu-system-x86", one)
        holder = frozenset({two.namespaces.holder.pid})
        assert await kill_everything_inside(two.folders.machine, spare=holder, once=True) >= 2
        with trio.fail_after(BOOT_SECONDS):
            while True:
                try:
                    assert "real-2" not in (await virsh(two.folders, "list", "--name")).split()
                    break
                except LabError:
                    await trio.sleep(0.2)
        assert (two.folders.machine / "uuid").read_text() == uuid
        assert processes_named("libvirtd", one) + processes_named("qemu-system-x86", one) == untouched


async def test_a_killed_lab_leaves_hosts_that_the_next_one_ends(folder: LabFolder) -> None:
    before = machine(folder)
    killed = Machines(folder)
    await killed.switch_on(2, _never)
    holders = [host.namespaces.holder for host in killed.hosts]
    assert [processes_inside(host.folders.machine) for host in killed.hosts] == [[one.pid] for one in holders]
    assert await end_leftovers(folder) == 3, "two hosts and the network"
    assert machine(folder) == before
    await killed.switch_off(_no_daemon)
    async with running_hosts(folder) as again:
        assert len(again.hosts) == 1
    assert machine(folder) == before


async def test_two_labs_run_beside_each_other(folder: LabFolder) -> None:
    other = open_folder(folder.path / "b")
    async with running_hosts(folder) as here, running_hosts(other) as there:
        (one,), (two,) = here.hosts, there.hosts
        assert IPv4Address(two.address) not in IPv4Network(f"{one.address}/24", strict=False)
        assert await virsh(one.folders, "hostname") != await virsh(two.folders, "hostname")
        assert (one.folders.machine / "uuid").read_text() != (two.folders.machine / "uuid").read_text()


async def test_a_host_that_cannot_be_made_is_named_and_leaves_the_others(folder: LabFolder) -> None:
    before = machine(folder)
    (folder.real_host(2).machine / "etc" / "qemu.conf").mkdir(parents=True)
    left_out: dict[str, str] = {}
    machines = Machines(folder)
    await machines.switch_on(3, left_out.__setitem__)
    assert [host.name for host in machines.hosts] == ["real", "real-3"]
    assert list(left_out) == ["real-2"]
    assert "qemu.conf" in left_out["real-2"]
    assert processes_inside(folder.real_host(2).machine) == []
    await machines.switch_off(_no_daemon)
    assert machine(folder) == before


async def test_hosts_for_which_memory_is_short_are_named(folder: LabFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.daemons.lab.machines.available_memory_mib", lambda: 2 * REAL_HOST_MEMORY_MIB - 1)
    left_out: dict[str, str] = {}
    machines = Machines(folder)
    await machines.switch_on(3, left_out.__setitem__)
    assert [host.name for host in machines.hosts] == ["real"]
    reason = "not enough memory: 1023 MiB available, 1024 MiB needed"
    assert left_out == {"real-2": reason, "real-3": reason}
    await machines.switch_off(_no_daemon)


async def _no_daemon(name: str) -> None:
    """Nobody kept one running."""


def _never(name: str, reason: str) -> None:
    raise AssertionError(f"without {name}: {reason}")
