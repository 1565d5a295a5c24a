"""The life-cycle part of the hypervisor contract on libvirt's test driver: libvirt-python and our threads, no QEMU."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio

from node.domain_xml import GuestPlatform
from node.hypervisor.port import Hypervisor
from node.hypervisor.probe.boot import Virtualization
from protocol.errors import NotLegal, Unavailable
from protocol.node.domain import DomainDisk, DomainSpec, DomainStatus, VolumeRef
from tests.node.hypervisor.contract import HypervisorContract, opened

pytest.importorskip("libvirt", reason="needs libvirt-python")

from node.hypervisor.libvirt.hypervisor import LibvirtHypervisor

NODE = "<node><cpu><mhz>1000</mhz><model>x86_64</model><active>2</active></cpu><memory>8388608</memory></node>"


def open_test_driver(path: Path) -> LibvirtHypervisor:
    path.write_text(NODE)
    platform = GuestPlatform(accelerator="test", cpu_model="qemu64")
    return LibvirtHypervisor(f"test://{path}", platform, Virtualization(kind="tcg"))


class TestDriverHarness:
    __test__ = False
    patience_seconds = 5.0

    def __init__(self, path: Path) -> None:
        self.hypervisor: Hypervisor = open_test_driver(path)
        self.saved_path = str(path) + ".saved"

    def spec(self, number: int = 1, *, paused: bool = False) -> DomainSpec:
        vm_id = f"cccccccc-0000-4000-8000-{number:012d}"
        return DomainSpec(vm_id=vm_id, name=f"vm{number}", memory_bytes=256 * 1024**2, paused=paused)

    def resolve(self, volume: VolumeRef) -> str:
        return f"/nowhere/{volume.volume_id}"

    def disk(self, number: int) -> DomainDisk:
        raise NotImplementedError("the test driver counts nothing, so no test asks for a disk")

    async def until_up(self, vm_id: str) -> None:
        await trio.lowlevel.checkpoint()


class TestLibvirtTestDriver(HypervisorContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> TestDriverHarness:
        return TestDriverHarness(tmp_path / "host.xml")


async def test_a_cpu_that_the_host_cannot_give_is_refused_with_the_reason(tmp_path: Path) -> None:
    harness = TestDriverHarness(tmp_path / "host.xml")
    async with opened(harness.hypervisor) as hypervisor:
        spec = attrs.evolve(harness.spec(), cpu_mode="host_passthrough")
        with pytest.raises(NotLegal, match="emulates CPUs") as caught:
            await hypervisor.start(spec, "step-1", harness.resolve)
        assert "Leave cpu.mode out" in caught.value.refusal.remedy
        assert await hypervisor.list() == ()


async def test_domains_of_others_are_not_seen(tmp_path: Path) -> None:
    harness = TestDriverHarness(tmp_path / "host.xml")
    async with opened(harness.hypervisor) as hypervisor:
        foreign = "<domain type='test'><name>foreign</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        assert isinstance(hypervisor, LibvirtHypervisor)
        await hypervisor._host.query(lambda connection: connection.createXML(foreign, 0), "start")
        assert await hypervisor.list() == ()
        await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        assert len(await hypervisor.list()) == 1


async def test_nothing_answers_before_a_connection(tmp_path: Path) -> None:
    harness = TestDriverHarness(tmp_path / "host.xml")
    with pytest.raises(Unavailable):
        await harness.hypervisor.list()
    missing = LibvirtHypervisor(
        f"qemu+unix:///system?socket={tmp_path}/none", GuestPlatform(), Virtualization(kind="kvm")
    )
    with pytest.raises(Unavailable, match="connect"):
        await missing.connect()


async def test_a_callers_deadline_ends_the_wait_and_not_the_call(tmp_path: Path) -> None:
    harness = TestDriverHarness(tmp_path / "host.xml")
    async with opened(harness.hypervisor) as hypervisor:
        with trio.move_on_after(0):
            await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        again = await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        assert again.status is DomainStatus.RUNNING
        assert len(await hypervisor.list()) == 1
