"""The hypervisor contract on the simulated world, and what only the world can show."""

from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing

from actors.kernel.ports import SeededRandom, TrioClock
from node.hypervisor.port import EventsMissing, Hypervisor
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.world import CallFault, World
from node.world.storage import WorldVolume
from protocol.errors import HostFailed, Unavailable
from protocol.node.domain import DomainDisk, DomainObserved, DomainSpec, VolumeRef
from tests.node.hypervisor.contract import HypervisorContract, opened
from tests.node.simulated_time import on_simulated_time


class SimulatedHarness:
    patience_seconds = 60.0
    saved_path = "/simulated/data/saved/1"

    def __init__(self) -> None:
        self.world = World(TrioClock(), SeededRandom(1))
        self.world.add_storage("/simulated/data")
        self.host = self.world.add_host("h1", "00000000-0000-4000-8000-000000000001")
        self.hypervisor: Hypervisor = self.next_incarnation()

    def next_incarnation(self) -> Hypervisor:
        return SimulatedHypervisor(self.world, self.host)

    def spec(self, number: int = 1, *, paused: bool = False) -> DomainSpec:
        vm_id = f"cccccccc-0000-4000-8000-{number:012d}"
        return DomainSpec(vm_id=vm_id, name=f"vm{number}", memory_bytes=256 * 1024**2, paused=paused)

    def resolve(self, volume: VolumeRef) -> str:
        return f"/simulated/data/images/{volume.image_id}/{volume.volume_id}"

    def disk(self, number: int) -> DomainDisk:
        ref = VolumeRef(
            storage_domain_id="11111111-0000-4000-8000-000000000001",
            image_id=f"aaaaaaaa-0000-4000-8000-{number:012d}",
            volume_id=f"bbbbbbbb-0000-4000-8000-{number:012d}",
            format="raw",
        )
        path = self.resolve(ref)
        volume = WorldVolume(ref=ref, path=path, size_bytes=1024**2, actual_bytes=0, made_by=())
        self.world.storages["/simulated/data"].volumes[path] = volume
        return DomainDisk(disk_id=ref.image_id, volume=ref)

    async def until_up(self, vm_id: str) -> None:
        with trio.fail_after(60):
            while not self.host.qemu(vm_id).agent:  # noqa: ASYNC110 - as a person would look
                await trio.sleep(0.1)

    async def reboot_inside(self, vm_id: str) -> None:
        self.host.reboot(vm_id, by_guest=True)

    async def power_off_inside(self, vm_id: str) -> None:
        self.host.press_power_button(vm_id)

    async def kill_qemu(self, domain: DomainObserved) -> None:
        self.host.kill_qemu(domain.vm_id)

    async def stop_libvirt(self) -> None:
        self.host.stop_libvirt()

    async def start_libvirt(self) -> None:
        self.host.start_libvirt()

    async def type_in_console(self, vm_id: str, line: str) -> bytes:
        stream = await self.hypervisor.open_console(vm_id)
        await stream.send_all(line.encode() + b"\r")
        shown = await stream.receive_some() + await stream.receive_some()
        await stream.aclose()
        return shown

    async def speak_to_agent(self, vm_id: str) -> bytes:
        stream = await self.hypervisor.guest_channel(vm_id)
        await stream.send_all(b'{"type": "refresh", "id": 1}\n')
        output = await stream.receive_some()
        await stream.aclose()
        return output


@on_simulated_time
class TestSimulatedHypervisor(HypervisorContract):
    @pytest.fixture
    async def harness(self) -> SimulatedHarness:
        made = SimulatedHarness()
        trio.lowlevel.spawn_system_task(made.world.run)
        return made


async def test_a_lost_reply_of_a_start_makes_no_second_qemu(autojump_clock: trio.testing.MockClock) -> None:
    harness = SimulatedHarness()
    async with opened(harness.hypervisor) as hypervisor:
        faults = [CallFault(reply_lost=True)]
        harness.world.fault_hook = lambda host, call, subject: faults.pop() if faults else None
        with pytest.raises(Unavailable):
            await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        await hypervisor.start(harness.spec(), "step-1", harness.resolve)
    assert [start.step_id for start in harness.world.starts] == ["step-1"]
    assert harness.world.violations == []


async def test_a_killed_daemon_changes_nothing_any_more(autojump_clock: trio.testing.MockClock) -> None:
    harness = SimulatedHarness()
    harness.world.call_seconds = 1.0
    async with trio.open_nursery() as nursery:
        await harness.hypervisor.connect()
        nursery.start_soon(harness.hypervisor.start, harness.spec(), "step-1", harness.resolve)
        await trio.sleep(0.5)
        harness.host.kill_node()
        await trio.sleep(1_000)
        assert not harness.world.starts
        nursery.cancel_scope.cancel()


async def test_a_daemon_that_dies_after_the_effect_finds_it_in_its_next_incarnation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    harness = SimulatedHarness()
    await harness.hypervisor.connect()
    faults = [CallFault(die_after=True)]
    harness.world.fault_hook = lambda host, call, subject: faults.pop() if faults else None
    with trio.move_on_after(100) as waited:
        await harness.hypervisor.start(harness.spec(), "step-1", harness.resolve)
    assert waited.cancelled_caught
    async with opened(harness.next_incarnation()) as hypervisor:
        (seen,) = await hypervisor.list()
        assert seen.started_step_id == "step-1"


async def test_a_failed_call_has_no_effect(autojump_clock: trio.testing.MockClock) -> None:
    harness = SimulatedHarness()
    async with opened(harness.hypervisor) as hypervisor:
        harness.world.fault_hook = lambda host, call, subject: (
            CallFault(fail=HostFailed("QEMU ended.")) if call == "start" else None
        )
        with pytest.raises(HostFailed):
            await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        assert await hypervisor.list() == ()


async def test_unread_events_become_one_resync(autojump_clock: trio.testing.MockClock) -> None:
    harness = SimulatedHarness()
    async with opened(harness.hypervisor) as hypervisor:
        await hypervisor.start(harness.spec(), "step-1", harness.resolve)
        for _ in range(600):
            await hypervisor.pause(harness.spec().vm_id)
            await hypervisor.resume(harness.spec().vm_id)
        events = []
        with contextlib.suppress(trio.WouldBlock):
            while True:
                events.append(hypervisor.events.receive_nowait())
        assert isinstance(events[-1], EventsMissing)
        assert sum(isinstance(event, EventsMissing) for event in events) == 1
