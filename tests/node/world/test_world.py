"""The simulated world: what it allows, what it records, and that a large one is cheap."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing

from actors.kernel.ports import SeededRandom, TrioClock
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.world import GuestShape, HostShape, World, WorldHost
from node.world.agenda import Agenda
from protocol.errors import HostFailed
from protocol.node.domain import DomainDisk, DomainSpec, VolumeRef

VOLUME = VolumeRef(storage_domain_id="s", image_id="i", volume_id="v", format="raw")
PATH = "/data/images/i/v"


def world(hosts: int = 2) -> tuple[World, list[WorldHost]]:
    made = World(TrioClock(), SeededRandom(1))
    return made, [made.add_host(f"h{n}", f"uuid-{n}") for n in range(hosts)]


def spec(vm_id: str = "vm", **fields: object) -> DomainSpec:
    fields.setdefault("memory_bytes", 1024**3)
    return DomainSpec(vm_id=vm_id, name=vm_id, **fields)  # type: ignore[arg-type]


async def test_two_qemus_of_one_vm_are_possible_and_recorded() -> None:
    made, (first, second) = world()
    first.start(spec(), "step-1", ())
    assert made.violations == []
    second.start(spec(), "step-2", ())
    assert [violation.split()[0] for violation in made.violations] == ["S1"]
    assert len(made.running().get("vm", ())) == 2
    second.kill_qemu("vm")
    assert len(made.running()["vm"]) == 1


async def test_a_step_that_starts_twice_is_recorded() -> None:
    made, (host, _) = world()
    host.start(spec(), "step-1", ())
    host.destroy("vm")
    host.start(spec(), "step-1", ())
    assert [violation.split()[0] for violation in made.violations] == ["S6"]


async def test_two_writers_of_a_volume_are_recorded() -> None:
    from node.world import WorldVolume

    made, (first, second) = world()
    storage = made.add_storage("/data")
    storage.volumes[PATH] = WorldVolume(ref=VOLUME, path=PATH, size_bytes=1, actual_bytes=1, made_by=())
    disk = DomainDisk(disk_id="i", volume=VOLUME)
    first.start(spec("a", disks=(disk,)), "step-1", (PATH,))
    second.start(spec("b", disks=(disk,)), "step-2", (PATH,))
    assert [violation.split()[0] for violation in made.violations] == ["S2"]
    first.power_off()
    assert len(storage.volumes[PATH].writers) == 1


async def test_qemus_outlive_their_daemon_and_not_the_power() -> None:
    made, (host, _) = world()
    host.start(spec(), "step-1", ())
    host.kill_node()
    assert len(made.running().get("vm", ())) == 1
    host.power_off()
    assert made.running() == {}
    host.power_on()
    assert host.qemus == {}


async def test_a_host_cut_off_from_its_storage_starts_nothing_from_it() -> None:
    from node.world import WorldVolume

    made, (host, _) = world()
    storage = made.add_storage("/data")
    storage.volumes[PATH] = WorldVolume(ref=VOLUME, path=PATH, size_bytes=1, actual_bytes=1, made_by=())
    storage.cut_off.add(host.name)
    with pytest.raises(HostFailed, match="cannot be reached"):
        host.start(spec(disks=(DomainDisk(disk_id="i", volume=VOLUME),)), "step-1", (PATH,))
    assert made.running() == {}


async def test_a_deaf_guest_ignores_the_power_button(autojump_clock: trio.testing.MockClock) -> None:
    made = World(TrioClock(), SeededRandom(1))
    deaf = made.add_host("deaf", "u1", HostShape(guests=GuestShape(ignores_power_button=True)))
    polite = made.add_host("polite", "u2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        deaf.start(spec("a"), "step-1", ())
        polite.start(spec("b"), "step-2", ())
        polite.press_power_button("b")  # still booting: not heard
        await trio.sleep(5)
        deaf.press_power_button("a")
        polite.press_power_button("b")
        await trio.sleep(100)
        assert set(made.running()) == {"a"}
        nursery.cancel_scope.cancel()


async def test_the_agenda_keeps_order_under_a_clock_with_an_odd_rate(autojump_clock: trio.testing.MockClock) -> None:
    agenda = Agenda(TrioClock(rate=1.0000371))
    fired: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agenda.run)
        for seconds, name in ((3.3, "d"), (0.1, "b"), (0.0, "a"), (0.1, "c")):
            agenda.after(seconds, lambda name=name: fired.append(name))  # type: ignore[misc]
        await trio.sleep(2)
        agenda.after(0.5, lambda: fired.append("between"))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert fired == ["a", "b", "c", "between", "d"]


async def test_two_thousand_hosts_with_their_ports_are_cheap(autojump_clock: trio.testing.MockClock) -> None:
    made = World(TrioClock(), SeededRandom(1))
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        for n in range(2_000):
            hypervisor = SimulatedHypervisor(made, made.add_host(f"h{n}", f"u{n}"))
            await hypervisor.connect()
            for vm in range(5):
                await hypervisor.start(spec(f"vm-{n}-{vm}"), f"step-{n}-{vm}", lambda _: "")
        await trio.sleep(10)
        assert len(made.running()) == 10_000
        assert all(qemu.agent for qemus in made.running().values() for qemu in qemus)
        assert made.violations == []
        nursery.cancel_scope.cancel()
    assert time.perf_counter() - began < 30  # seen: under 2
