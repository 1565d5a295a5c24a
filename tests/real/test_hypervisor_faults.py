"""What only real QEMUs show: devices, tickets, full disks, daemons that race, a libvirtd that hangs."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import attrs
import pytest
import trio
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from node.hypervisor.port import EventsMissing, Hypervisor
from node.hypervisor.probe.boot import find_virtualization
from node.storage.directory.storage import DirectoryStorage
from protocol.errors import BadInput, Busy, Conflict, CorralError, HostFailed, Unavailable
from protocol.node.domain import DomainDisk, DomainNic, DomainObserved, DomainSpec, DomainStatus, VolumeRef
from tests.node.hypervisor.contract import end_of, next_change, opened
from tests.real.guest import MIB, RealHarness, harness

pytestmark = pytest.mark.real

__all__ = ["harness"]

HOST = "00000000-0000-4000-8000-000000000001"
DOMAIN = "11111111-0000-4000-8000-000000000001"


def ref(number: int, volume_format: str = "qcow2") -> VolumeRef:
    return VolumeRef(
        storage_domain_id=DOMAIN,
        image_id=f"aaaaaaaa-0000-4000-8000-{number:012d}",
        volume_id=f"bbbbbbbb-0000-4000-8000-{number:012d}",
        format=volume_format,
    )


def disk(number: int, *, interface: str = "virtio", slot: int = 0, volume_format: str = "qcow2") -> DomainDisk:
    volume = ref(number, volume_format)
    return DomainDisk(disk_id=volume.image_id, volume=volume, interface=interface, slot=slot)


async def storage_in(folder: Path) -> DirectoryStorage:
    made = DirectoryStorage(HOST)
    await made.connect_storage_domain(DOMAIN, str(folder), create=True)
    return made


async def test_the_probe_finds_out_in_seconds(tmp_path: Path) -> None:
    with trio.fail_after(20):
        found = await find_virtualization(tmp_path / "finding.json")
    assert found.kind == "kvm" or found.reason
    with trio.fail_after(1):
        assert await find_virtualization(tmp_path / "finding.json") == found


# --- devices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["q35", "pc"])
async def test_every_device_is_accepted(harness: RealHarness, machine: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    storage = await storage_in(folder)
    interfaces = ["virtio", "virtio_scsi", "sata", "virtio"] + ([] if machine == "q35" else ["ide"])
    disks = []
    for number, interface in enumerate(interfaces, 1):
        volume_format = "raw" if number % 2 else "qcow2"
        await storage.create_volume(ref(number, volume_format), MIB)
        slot = 22 if number == 4 else number - 1
        disks.append(disk(number, interface=interface, slot=slot, volume_format=volume_format))
    models = ("virtio", "e1000", "rtl8139") + (("e1000e",) if machine == "q35" else ())
    nics = tuple(
        DomainNic(nic_id=f"dddddddd-0000-4000-8000-{n:012d}", mac=f"52:54:00:00:00:{n:02x}", model=model, slot=n * 9)
        for n, model in enumerate(models)
    )
    iso = tmp_path / "empty.iso"
    iso.write_bytes(b"\0" * MIB)
    spec = attrs.evolve(
        harness.spec(paused=True), machine=machine, disks=tuple(disks), nics=nics, cdrom_path=str(iso), boot_menu=True
    )
    async with opened(harness.hypervisor) as hypervisor:
        await hypervisor.start(spec, "step-1", storage.path_of)
        with pytest.raises(Busy):
            await storage.remove_image(DOMAIN, ref(1).image_id)
        counters = await hypervisor.statistics()
        assert len(counters.domains) == 1
        assert {row[1] for row in counters.nics} == {nic.nic_id for nic in nics}
        assert {row[1] for row in counters.disks} == {one.disk_id for one in disks}, "and not the CD drive"
        await hypervisor.destroy(spec.vm_id)
    await storage.remove_image(DOMAIN, ref(1).image_id)


async def test_bad_configurations_are_refused_clearly_and_leave_nothing(harness: RealHarness) -> None:
    spec = harness.spec()
    card = DomainNic(nic_id="dddddddd-0000-4000-8000-000000000001", mac="52:54:00:00:00:01")
    broken: tuple[tuple[DomainSpec, type[CorralError]], ...] = (
        (attrs.evolve(spec, cmdline="\x00"), BadInput),
        (attrs.evolve(spec, machine="no-such-machine"), BadInput),
        (attrs.evolve(spec, nics=(attrs.evolve(card, mac="nonsense"),)), BadInput),
        (attrs.evolve(spec, kernel="/no/such/kernel"), HostFailed),
        (attrs.evolve(spec, nics=(attrs.evolve(card, bridge="nosuchbridge"),)), HostFailed),
        (attrs.evolve(spec, cdrom_path="/no/such.iso"), HostFailed),
    )
    async with opened(harness.hypervisor) as hypervisor:
        for number, (one, expected) in enumerate(broken):
            with pytest.raises(expected) as caught:
                await hypervisor.start(one, f"step-{number}", harness.resolve)
            assert caught.value.refusal.remedy or caught.value.refusal.reason
            assert await hypervisor.list() == ()
            assert harness.host.qemu_pids() == []


async def test_bridges_of_the_hosts_own_network_are_seen(harness: RealHarness) -> None:
    harness.host.run("ip", "link", "add", "corral0", "type", "bridge")
    try:
        card = DomainNic(nic_id="dddddddd-0000-4000-8000-000000000001", mac="52:54:00:00:00:01", bridge="corral0")
        async with opened(harness.hypervisor) as hypervisor:
            assert (await hypervisor.facts()).bridges == ("corral0",)
            spec = attrs.evolve(harness.spec(paused=True), nics=(card,))
            await hypervisor.start(spec, "step-1", harness.resolve)
            assert "vnet" in harness.host.run("ip", "-o", "link", "show", "master", "corral0")
            await hypervisor.destroy(spec.vm_id)
            assert "vnet" not in harness.host.run("ip", "-o", "link")
    finally:
        harness.host.run("ip", "link", "del", "corral0")


# --- display ------------------------------------------------------------------------------------------------------


async def enters(hypervisor: Hypervisor, vm_id: str, password: str) -> bool:
    """Whether a VNC client with this password gets in (RFB 3.8, DES challenge)."""
    stream = await hypervisor.open_display(vm_id)
    try:
        received = b""

        async def take(count: int) -> bytes:
            nonlocal received
            while len(received) < count:
                got = await stream.receive_some()
                assert got
                received += got
            taken, received = received[:count], received[count:]
            return taken

        with trio.fail_after(10):
            assert await take(12) == b"RFB 003.008\n"
            await stream.send_all(b"RFB 003.008\n")
            kinds = await take((await take(1))[0])
            assert kinds == b"\x02", "VNC must ask for a password, and for nothing less"
            await stream.send_all(b"\x02")
            challenge = await take(16)
            await stream.send_all(answer(challenge, password))
            return await take(4) == b"\0\0\0\0"
    finally:
        await stream.aclose()


def answer(challenge: bytes, password: str) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()


async def test_a_ticket_opens_the_display_until_it_expires(harness: RealHarness) -> None:
    spec = harness.spec(paused=True)
    async with opened(harness.hypervisor) as hypervisor:
        await hypervisor.start(spec, "step-1", harness.resolve)
        assert not await enters(hypervisor, spec.vm_id, "none")
        assert not await enters(hypervisor, spec.vm_id, "")
        await hypervisor.set_ticket(spec.vm_id, "s3cret-and-longer", 4)
        assert await enters(hypervisor, spec.vm_id, "s3cret-a")
        assert not await enters(hypervisor, spec.vm_id, "wrong")
        await trio.sleep(5)
        assert not await enters(hypervisor, spec.vm_id, "s3cret-a")
        await hypervisor.destroy(spec.vm_id)


# --- storage ------------------------------------------------------------------------------------------------------


async def test_a_guest_writes_to_its_disk_and_a_full_storage_pauses_it(harness: RealHarness, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    harness.host.run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder))
    # libvirtd has a mount namespace of its own: the test makes its volumes through that one.
    inside = harness.host.inside(folder)
    try:
        storage = await storage_in(inside)
        await storage.create_volume(ref(1), 64 * MIB)
        spec = attrs.evolve(harness.spec(), disks=(disk(1),))

        def resolve(volume: VolumeRef) -> str:
            return str(folder / Path(storage.path_of(volume)).relative_to(inside))

        async with opened(harness.hypervisor) as hypervisor:
            await hypervisor.start(spec, "step-1", resolve)
            await harness.until_up(spec.vm_id)
            await harness.type(spec.vm_id, "busybox dd if=/dev/zero of=/dev/vda bs=1M count=32 conv=fsync")
            change = await next_change(hypervisor, lambda c: c.domain.reason == "io_error", 60)
            assert change.domain.status is DomainStatus.PAUSED
            assert "enospc" in change.detail
            harness.host.run("mount", "-o", "remount,size=128m", str(folder))
            await hypervisor.resume(spec.vm_id)
            await harness.shell(spec.vm_id, "echo still-$((40+2))", b"still-42")  # dd has ended
            counters = await hypervisor.statistics()
            assert counters.domains[0][9] >= 32 * MIB
            assert counters.disks[0][3] >= 32 * MIB
            await hypervisor.destroy(spec.vm_id)
    finally:
        harness.host.run("umount", str(folder))


async def test_a_save_that_fails_leaves_the_domain_running(harness: RealHarness, tmp_path: Path) -> None:
    async with opened(harness.hypervisor) as hypervisor:
        spec = harness.spec()
        started = await hypervisor.start(spec, "step-1", harness.resolve)
        with pytest.raises(HostFailed):
            await hypervisor.save(spec.vm_id, str(tmp_path / "no" / "such" / "folder" / "saved"))
        seen = await hypervisor.observe(spec.vm_id)
        assert (seen.status, seen.qemu_pid) == (DomainStatus.RUNNING, started.qemu_pid)
        await hypervisor.destroy(spec.vm_id)


# --- races and faults ---------------------------------------------------------------------------------------------


async def test_two_daemons_never_start_two_qemus(harness: RealHarness) -> None:
    """Two incarnations of a daemon at once: the old one's thread may still be starting when the new one is asked."""
    spec = harness.spec(paused=True)
    outcomes: list[DomainObserved | CorralError] = []

    async def start(hypervisor: Hypervisor, step_id: str) -> None:
        try:
            outcomes.append(await hypervisor.start(spec, step_id, harness.resolve))
        except CorralError as error:
            outcomes.append(error)

    async with opened(harness.hypervisor) as first, opened(harness.next_incarnation()) as second:
        for round_number in range(3):
            outcomes.clear()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(start, first, f"old-{round_number}")
                nursery.start_soon(start, second, f"new-{round_number}")
            assert len(harness.host.qemu_pids()) == 1
            (made,) = [outcome for outcome in outcomes if isinstance(outcome, DomainObserved)]
            (refused,) = [outcome for outcome in outcomes if isinstance(outcome, CorralError)]
            assert isinstance(refused, Conflict)
            (seen,) = await second.list()
            assert seen.started_step_id == made.started_step_id
            await first.destroy(spec.vm_id)


async def test_a_start_that_was_given_up_is_found_by_its_repetition(harness: RealHarness) -> None:
    spec = harness.spec(paused=True)
    async with opened(harness.hypervisor) as hypervisor:
        with trio.move_on_after(0.1) as given_up:
            await hypervisor.start(spec, "step-1", harness.resolve)
        assert given_up.cancelled_caught
        again = await hypervisor.start(spec, "step-1", harness.resolve)
        assert harness.host.qemu_pids() == [again.qemu_pid]
        await hypervisor.destroy(spec.vm_id)


async def test_a_libvirtd_killed_in_the_middle_of_a_start(harness: RealHarness) -> None:
    """Nothing is known then; the repetition finds the QEMU or starts one, and there is one."""
    spec = harness.spec(paused=True)
    async with opened(harness.hypervisor) as hypervisor:
        for round_number, delay in enumerate((0.05, 0.2, 0.35)):
            step_id = f"step-{round_number}"
            async with trio.open_nursery() as nursery:

                async def start(step_id: str = step_id) -> None:
                    with contextlib.suppress(Unavailable, HostFailed):
                        await hypervisor.start(spec, step_id, harness.resolve)

                nursery.start_soon(start)
                await trio.sleep(delay)
                await harness.stop_libvirt()
            await harness.start_libvirt()
            with trio.fail_after(30):
                async for event in hypervisor.events:
                    if isinstance(event, EventsMissing):
                        break
            again = await hypervisor.start(spec, step_id, harness.resolve)
            assert again.started_step_id == step_id
            assert harness.host.qemu_pids() == [again.qemu_pid]
            await hypervisor.destroy(spec.vm_id)


@pytest.mark.slow
async def test_a_libvirtd_that_hangs_is_given_up_and_found_again(harness: RealHarness) -> None:
    spec = harness.spec(paused=True)
    async with opened(harness.hypervisor) as hypervisor:
        started = await hypervisor.start(spec, "step-1", harness.resolve)
        os.kill(harness.host.libvirtd_pid, signal.SIGSTOP)
        try:
            with trio.move_on_after(1) as limit:
                await hypervisor.list()
            assert limit.cancelled_caught, "a caller's deadline holds"
            with trio.fail_after(60):
                with pytest.raises(Unavailable):
                    await hypervisor.list()
        finally:
            os.kill(harness.host.libvirtd_pid, signal.SIGCONT)
        with trio.fail_after(60):
            async for event in hypervisor.events:
                if isinstance(event, EventsMissing):
                    break
        (seen,) = await hypervisor.list()
        assert seen.qemu_pid == started.qemu_pid
        await hypervisor.destroy(spec.vm_id)


async def test_a_qemu_that_ends_by_itself_leaves_its_last_words(harness: RealHarness) -> None:
    async with opened(harness.hypervisor) as hypervisor:
        spec = harness.spec()
        started = await hypervisor.start(spec, "step-1", harness.resolve)
        os.kill(started.qemu_pid, signal.SIGABRT)
        end = await end_of(hypervisor, spec.vm_id)
        assert end.stopped is not None
        assert "reason=crashed" in end.detail or end.detail == ""


async def test_a_foreign_domain_is_neither_listed_nor_touched(harness: RealHarness, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.xml"
    foreign.write_text(
        "<domain type='qemu'><name>foreign</name><uuid>cccccccc-0000-4000-8000-000000000001</uuid>"
        "<memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os></domain>"
    )
    virsh = ["virsh", "-q", "-c", harness.host.uri]
    await trio.run_process([*virsh, "create", str(foreign)])
    try:
        async with opened(harness.hypervisor) as hypervisor:
            assert await hypervisor.list() == ()
            with pytest.raises(Conflict, match="not managed by Corral"):
                await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            await hypervisor.destroy(harness.spec().vm_id)
            assert len(harness.host.qemu_pids()) == 1
    finally:
        await trio.run_process([*virsh, "destroy", "foreign"])
