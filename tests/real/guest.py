"""A harness around one small guest on a real QEMU: boots it, types in its console, speaks to its agent's port."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from node.hypervisor.libvirt.hypervisor import LibvirtHypervisor
from node.hypervisor.port import ByteStream, Hypervisor
from node.hypervisor.probe.boot import Virtualization
from protocol.node.domain import DomainDisk, DomainObserved, DomainSpec, VolumeRef
from tests.real.boot_files import BootFiles
from tests.real.private_host import PrivateHost

MIB = 1024**2


class RealHarness:
    patience_seconds = 60.0

    def __init__(self, host: PrivateHost, boot: BootFiles, virtualization: Virtualization, folder: Path) -> None:
        self.host = host
        self.boot = boot
        self.virtualization = virtualization
        self.saved_path = str(folder / "saved")
        self.folder = folder
        self.hypervisor: Hypervisor = self.next_incarnation()

    def next_incarnation(self) -> Hypervisor:
        return LibvirtHypervisor(self.host.uri, self.virtualization.platform(), self.virtualization)

    def spec(self, number: int = 1, *, paused: bool = False) -> DomainSpec:
        return DomainSpec(
            vm_id=f"cccccccc-0000-4000-8000-{number:012d}",
            name=f"vm{number}",
            memory_bytes=160 * MIB,
            kernel=str(self.boot.kernel),
            initrd=str(self.boot.initrd),
            cmdline=self.boot.cmdline,
            paused=paused,
        )

    def resolve(self, volume: VolumeRef) -> str:
        return str(self.folder / volume.volume_id)

    def disk(self, number: int) -> DomainDisk:
        volume_id = f"bbbbbbbb-0000-4000-8000-{number:012d}"
        with open(self.folder / volume_id, "wb") as file:
            file.truncate(MIB)
        ref = VolumeRef(
            storage_domain_id="11111111-0000-4000-8000-000000000001",
            image_id=f"aaaaaaaa-0000-4000-8000-{number:012d}",
            volume_id=volume_id,
            format="raw",
        )
        return DomainDisk(disk_id=ref.image_id, volume=ref)

    async def until_up(self, vm_id: str) -> None:
        """The shell answers, which it does after everything else in the guest is set up."""
        await self.shell(vm_id, "echo up-$((40+2))", b"up-42")

    async def reboot_inside(self, vm_id: str) -> None:
        await self.type(vm_id, "/bin/busybox reboot -f")

    async def power_off_inside(self, vm_id: str) -> None:
        await self.type(vm_id, "/bin/busybox poweroff -f")

    async def kill_qemu(self, domain: DomainObserved) -> None:
        os.kill(domain.qemu_pid, signal.SIGKILL)

    async def stop_libvirt(self) -> None:
        await trio.to_thread.run_sync(self.host.kill_libvirtd)
        await trio.sleep(0.3)

    async def start_libvirt(self) -> None:
        await trio.to_thread.run_sync(self.host.start_libvirtd)

    async def type_in_console(self, vm_id: str, line: str) -> bytes:
        return await self.shell(vm_id, line, line.rpartition(" ")[2].encode() + b"\r\n")

    async def speak_to_agent(self, vm_id: str) -> bytes:
        channel = await self.hypervisor.guest_channel(vm_id)
        try:
            with trio.fail_after(20):
                await channel.send_all(b"knock\n")
                output = b""
                while not output.endswith(b"\n"):
                    output += await channel.receive_some()
                assert output == b"heard knock\n"
                return output
        finally:
            await channel.aclose()

    async def type(self, vm_id: str, line: str) -> None:
        """Types a line (shorter than the terminal is wide) and waits for its echo: QEMU looks once a second whether
        somebody opened the terminal."""
        async with self._console(vm_id) as console:
            await console.send_all(line.encode() + b"\r")
            shown = b""
            with trio.fail_after(20):
                while line.encode() not in shown:
                    shown += await console.receive_some()

    async def shell(self, vm_id: str, line: str, answer: bytes) -> bytes:
        """Types a line again and again until the answer shows: a booting guest loses what is typed too early."""
        shown = b""
        async with self._console(vm_id) as console:
            with trio.fail_after(self.patience_seconds):
                while answer not in shown:
                    with contextlib.suppress(OSError):
                        await console.send_all(line.encode() + b"\r")
                    with trio.move_on_after(1):
                        while answer not in shown:
                            got = await console.receive_some()
                            assert got, shown
                            shown += got
        return shown

    @contextlib.asynccontextmanager
    async def _console(self, vm_id: str) -> AsyncIterator[ByteStream]:
        console = await self.hypervisor.open_console(vm_id)
        try:
            yield console
        finally:
            await console.aclose()


@pytest.fixture
async def harness(
    host: PrivateHost, boot: BootFiles, virtualization: Virtualization, tmp_path: Path
) -> AsyncIterator[RealHarness]:
    made = RealHarness(host, boot, virtualization, tmp_path)
    yield made
    left = host.qemu_pids()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == [], "the test left QEMUs behind"
