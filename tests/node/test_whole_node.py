"""The node's whole tree on the simulated world and a memory wire: commands in, outcomes out, daemons restarted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from actors.kernel.directory import Directory
from actors.kernel.mailbox import codec_carrier
from actors.kernel.ports import Ports, SeededRandom
from node.steps.store import StepStore
from node.world import World, WorldHost
from node.world.faults import CallFault
from node.world.guest import GuestLine
from protocol.errors import Refusal
from protocol.node.commands import (
    ConnectStorageDomain,
    ConsoleData,
    ConsoleOpen,
    CreateVolume,
    DestroyDomain,
    ForgetSteps,
    FreezeDomain,
    RebootDomain,
    RestoreDomain,
    SaveDomain,
    ShutdownDomain,
    StartDomain,
    ThawDomain,
)
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import (
    DomainChanged,
    DomainsSnapshot,
    DomainStarted,
    Done,
    GuestReport,
    GuestSilent,
    HostFacts,
    StatisticsBatch,
    StepNotTried,
    StorageFacts,
    VolumeFacts,
)
from supervisors.tree import running
from tests.engine.machine import simulated_node
from tests.node.engine_side import EngineSide
from tests.node.memory_link import MemoryDial
from tests.node.one_vm import disk_id, domain_spec, storage_domain_id, vm_id, volume

host_id = "00000000-0000-4000-8000-0000000000aa"


@attrs.define
class Lab:
    """One host in a world, its engine's side, and the wire between them."""

    nursery: trio.Nursery
    ports: Ports
    world: World
    host: WorldHost
    engine: EngineSide
    dial: MemoryDial
    store: StepStore = attrs.field(factory=StepStore)

    @contextlib.asynccontextmanager
    async def node(self, **settings: Any) -> AsyncIterator[Any]:
        tree = simulated_node(
            self.world, self.host, host_id, clock=self.ports.clock, dial=self.dial, store=self.store, **settings
        )
        async with running(tree, self.ports, Directory(), carrier=codec_carrier) as alive:
            await self.engine.until(lambda: self.engine.hub.linked(host_id))
            yield alive
        await self.engine.until(lambda: not self.engine.hub.linked(host_id))

    async def step(self, step_id: str, body: Any) -> Any:
        """Commands and waits for the outcome."""
        before = len(self.engine.ear.outcomes(step_id))
        assert self.engine.command(host_id, step_id, body)
        await self.engine.until(lambda: len(self.engine.ear.outcomes(step_id)) > before)
        return self.engine.ear.outcomes(step_id)[-1]

    async def start(self, step_id: str = "start-1") -> Any:
        await self.step("connect", ConnectStorageDomain(storage_domain_id=storage_domain_id, path="/data", create=True))
        await self.step("volume", CreateVolume(volume=volume, size_bytes=1 << 30))
        return await self.step(step_id, StartDomain(spec=domain_spec()))


@pytest.fixture
async def lab(nursery: trio.Nursery) -> Lab:
    ports = Ports.seeded(1)
    world = World(ports.clock, ports.random)
    host = world.add_host("host-a", "00000000-0000-4000-8000-0000000000bb")
    world.add_storage("/data")
    nursery.start_soon(world.run)
    engine = EngineSide(nursery, ports)
    return Lab(nursery, ports, world, host, engine, MemoryDial(engine.accept, ports.clock, SeededRandom(2)))


async def test_a_new_link_hears_facts_domains_and_statistics(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        ear = lab.engine.ear
        await lab.engine.until(lambda: ear.of(HostFacts) and ear.of(DomainsSnapshot) and ear.of(StatisticsBatch))
        assert ear.of(DomainsSnapshot)[0].domains == ()
        await trio.sleep(60)
        assert lab.engine.hub.linked(host_id), "heartbeats keep a quiet link"


async def test_statistics_have_a_row_for_each_device(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        ear = lab.engine.ear
        await lab.engine.until(lambda: any(batch.domains for batch in ear.of(StatisticsBatch)))
        batch = next(batch for batch in ear.of(StatisticsBatch) if batch.domains)
        assert [row[:2] for row in batch.nics] == [(vm_id, "n")]
        assert [row[:2] for row in batch.disks] == [(vm_id, disk_id)]
        assert (batch.cpu_percent, batch.cpu_user_percent) == (1.0, 0.5)


async def test_a_vm_starts_speaks_and_is_destroyed(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        started = await lab.start()
        assert isinstance(started, DomainStarted)
        assert started.domain.status is DomainStatus.RUNNING
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert lab.engine.ear.of(GuestReport)[0].vm_id == vm_id
        assert await lab.step("destroy-1", DestroyDomain(vm_id=vm_id)) == Done()
        await lab.engine.until(lambda: any(c.stopped for c in lab.engine.ear.of(DomainChanged)))
        assert lab.engine.ear.of(DomainChanged)[-1].stopped is StopReason.DESTROYED
    assert not lab.world.running().get(vm_id, ())


async def test_a_repeated_step_gets_the_stored_outcome_and_has_no_second_effect(
    lab: Lab, autojump_clock: object
) -> None:
    async with lab.node():
        first = await lab.start()
        assert await lab.step("start-1", StartDomain(spec=domain_spec())) == first
        await lab.step("destroy-1", DestroyDomain(vm_id=vm_id))
        assert await lab.step("start-1", StartDomain(spec=domain_spec())) == first
        assert len(lab.world.starts) == 1


async def test_a_start_whose_reply_was_lost_is_looked_for_and_not_asked_for_again(
    lab: Lab, autojump_clock: object
) -> None:
    starts: list[str] = []

    def reply_of_starts_lost(_: str, call: str, subject: str) -> CallFault | None:
        if call != "start":
            return None
        starts.append(subject)
        return CallFault(reply_lost=True)

    lab.world.fault_hook = reply_of_starts_lost
    async with lab.node():
        assert isinstance(await lab.start(), DomainStarted)
    assert starts == [vm_id]


async def test_a_step_that_the_engine_let_go_of_stays_without_effect(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.step("destroy-1", DestroyDomain(vm_id=vm_id))
        lab.engine.hub.send(host_id, ForgetSteps(epoch=1, step_ids=("start-1", "destroy-1")))
        lab.engine.command(host_id, "start-1", StartDomain(spec=domain_spec()))
        await trio.sleep(10)
        assert len(lab.world.starts) == 1


async def test_a_lower_epoch_is_refused_and_a_higher_one_stored(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        lab.engine.epoch = 7
        await lab.step("pause", DestroyDomain(vm_id=vm_id))
        assert lab.store.highest_epoch == 7
        lab.engine.command(host_id, "late", DestroyDomain(vm_id=vm_id), epoch=6)
        await lab.engine.until(lambda: lab.engine.ear.of(StepNotTried))
        (declined,) = lab.engine.ear.of(StepNotTried)
        assert (declined.step_id, declined.reason.code) == ("late", "stale_epoch")
        assert lab.engine.ear.outcomes("late") == []
        assert await lab.step("late", DestroyDomain(vm_id=vm_id)) == Done()


async def test_an_engine_that_no_longer_leads_gets_no_link(lab: Lab, autojump_clock: object) -> None:
    lab.store.highest_epoch = 9
    lab.engine.epoch = 8
    tree = simulated_node(lab.world, lab.host, host_id, clock=lab.ports.clock, dial=lab.dial, store=lab.store)
    async with running(tree, lab.ports, Directory()):
        await trio.sleep(30)
        assert lab.engine.ear.links == []
        lab.engine.epoch = 9
        await lab.engine.until(lambda: lab.engine.hub.linked(host_id))


async def test_vms_survive_the_daemon_and_are_found_again(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
    assert lab.world.running().get(vm_id, ())
    lab.engine.ear.heard.clear()
    async with lab.node():
        await lab.engine.until(lambda: lab.engine.ear.of(DomainsSnapshot))
        (domain,) = lab.engine.ear.of(DomainsSnapshot)[0].domains
        assert (domain.vm_id, domain.started_step_id) == (vm_id, "start-1")
        assert lab.engine.ear.outcomes("start-1"), "the outcome is said again until the engine lets go of it"
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        await lab.engine.until(lambda: lab.engine.ear.of(StorageFacts))
        assert await lab.step("destroy-1", DestroyDomain(vm_id=vm_id)) == Done()


async def test_the_end_of_a_vm_is_repeated_on_the_next_link(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        lab.dial.faults.refuses = True
        lab.dial.cut_all("router restarts")
        await lab.engine.until(lambda: not lab.engine.hub.linked(host_id))
        lab.host.kill_qemu(vm_id)
        await trio.sleep(5)
        lab.dial.faults.refuses = False
        await lab.engine.until(lambda: any(c.stopped is StopReason.CRASHED for c in lab.engine.ear.of(DomainChanged)))


async def test_a_half_open_link_is_noticed_by_both_and_replaced(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        lab.dial.faults.up_is_cut = lab.dial.faults.down_is_cut = lab.dial.faults.is_half_open = True
        await trio.sleep(25)
        assert not lab.engine.hub.linked(host_id)
        lab.dial.faults.up_is_cut = lab.dial.faults.down_is_cut = lab.dial.faults.is_half_open = False
        await lab.engine.until(lambda: lab.engine.hub.linked(host_id))


@pytest.mark.parametrize("seed", range(8))
async def test_a_bad_wire_changes_nothing_in_the_end(lab: Lab, seed: int, autojump_clock: object) -> None:
    lab.dial.random = SeededRandom(seed)
    async with lab.node():
        await lab.start()
        faults = lab.dial.faults
        faults.drop, faults.duplicate, faults.reorder, faults.delay_seconds_max = 0.2, 0.3, 0.3, 2.0
        for number in range(5):
            for _ in range(200):
                lab.engine.command(host_id, f"down-{number}", DestroyDomain(vm_id=vm_id))
                await trio.sleep(3)
                if lab.engine.ear.outcomes(f"down-{number}"):
                    break
            for _ in range(200):
                lab.engine.command(host_id, f"up-{number}", StartDomain(spec=domain_spec()))
                await trio.sleep(3)
                if lab.engine.ear.outcomes(f"up-{number}"):
                    break
            assert lab.engine.ear.outcomes(f"up-{number}")
        steps = [start.step_id for start in lab.world.starts]
        assert len(steps) == len(set(steps)), f"seed={seed}"


async def test_shutdown_and_reboot_go_through_the_agent(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert await lab.step("reboot-1", RebootDomain(vm_id=vm_id)) == Done()
        await trio.sleep(10)
        assert lab.world.running().get(vm_id, ())
        assert await lab.step("shutdown-1", ShutdownDomain(vm_id=vm_id)) == Done()
        await lab.engine.until(lambda: any(c.stopped is StopReason.SHUTDOWN for c in lab.engine.ear.of(DomainChanged)))


async def test_freeze_and_thaw_go_through_the_agent_and_may_come_twice(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        refusal = await lab.step("freeze-0", FreezeDomain(vm_id=vm_id))
        assert isinstance(refusal, Refusal)
        assert refusal.code == "conflict"
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        (qemu,) = lab.world.running()[vm_id]
        for number in (1, 2):
            assert await lab.step(f"freeze-{number}", FreezeDomain(vm_id=vm_id)) == Done()
            assert qemu.frozen_until is not None
        for number in (1, 2):
            assert await lab.step(f"thaw-{number}", ThawDomain(vm_id=vm_id)) == Done()
            assert qemu.frozen_until is None
        qemu.shape = attrs.evolve(qemu.shape, freeze_error="/ cannot be frozen")
        refusal = await lab.step("freeze-3", FreezeDomain(vm_id=vm_id))
        assert isinstance(refusal, Refusal)
        assert "/ cannot be frozen" in refusal.reason


async def test_a_frozen_guest_thaws_when_its_node_ends(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert await lab.step("freeze-1", FreezeDomain(vm_id=vm_id)) == Done()
    (qemu,) = lab.world.running()[vm_id]
    assert qemu.frozen_until is None


async def test_a_guest_that_hangs_while_it_freezes_holds_no_stop_back_and_is_thawed(
    lab: Lab, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[str] = []

    def obey(line: object, data: bytes) -> None:
        orders.append(json.loads(data)["type"])

    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        monkeypatch.setattr(GuestLine, "_obey", obey)
        refusal = await lab.step("freeze-1", FreezeDomain(vm_id=vm_id))
        assert isinstance(refusal, Refusal)
        assert "did not freeze its file systems within 20 s" in refusal.reason
        assert orders == ["freeze", "thaw"]
        assert lab.engine.command(host_id, "freeze-2", FreezeDomain(vm_id=vm_id))
        began = trio.current_time()
        assert await lab.step("destroy-1", DestroyDomain(vm_id=vm_id)) == Done()
        assert trio.current_time() - began < 2
        await lab.engine.until(lambda: lab.engine.ear.outcomes("freeze-2"))


async def test_a_guest_that_promises_to_power_off_and_does_not_is_helped_by_the_button(
    lab: Lab, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[float] = []
    really = WorldHost.press_power_button

    def button(host: WorldHost, name: str) -> None:
        pressed.append(trio.current_time())
        if len(pressed) > 1:  # the first is the agent's word, which this guest forgets
            really(host, name)

    monkeypatch.setattr(WorldHost, "press_power_button", button)
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert await lab.step("shutdown-1", ShutdownDomain(vm_id=vm_id)) == Done()
        await lab.engine.until(lambda: any(c.stopped is StopReason.SHUTDOWN for c in lab.engine.ear.of(DomainChanged)))
        assert pressed[1] - pressed[0] >= 20
        assert len(pressed) == 2


async def test_another_run_is_not_ended_by_the_button_meant_for_the_one_before(
    lab: Lab, autojump_clock: object
) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert await lab.step("shutdown-1", ShutdownDomain(vm_id=vm_id)) == Done()
        await lab.engine.until(lambda: any(c.stopped is StopReason.SHUTDOWN for c in lab.engine.ear.of(DomainChanged)))
        assert isinstance(await lab.step("start-2", StartDomain(spec=domain_spec())), DomainStarted)
        await trio.sleep(60)
        assert lab.world.running().get(vm_id, ())


async def test_what_the_agent_said_before_a_reboot_is_not_said_after_it(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        lab.engine.ear.heard.clear()
        lab.host.reboot(vm_id, by_guest=True)
        await lab.engine.until(lambda: any(c.rebooted for c in lab.engine.ear.of(DomainChanged)))
        assert not lab.engine.ear.of(GuestReport), "the guest is still booting"
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        assert lab.engine.ear.of(GuestReport)[-1].fqdn


async def test_a_dead_agent_is_reported_within_thirty_seconds(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        qemu = lab.world.running()[vm_id][0]
        qemu.shape = attrs.evolve(qemu.shape, has_agent=False)
        before = trio.current_time()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestSilent))
        assert trio.current_time() - before < 30
        lab.engine.ear.heard.clear()
        qemu.shape = attrs.evolve(qemu.shape, has_agent=True)
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))


async def test_suspend_and_resume(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        assert await lab.step("save", SaveDomain(vm_id=vm_id, storage_domain_id=storage_domain_id)) == Done()
        assert not lab.world.running().get(vm_id, ())
        body = RestoreDomain(spec=domain_spec(), storage_domain_id=storage_domain_id)
        assert isinstance(await lab.step("restore", body), DomainStarted)
        assert lab.world.running().get(vm_id, ())


async def test_a_console_goes_both_ways_and_ends_with_the_vm(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.start()
        await lab.engine.until(lambda: lab.engine.ear.of(GuestReport))
        lab.engine.hub.send(host_id, ConsoleOpen(epoch=1, stream_id="s", vm_id=vm_id))
        await lab.engine.until(lambda: lab.engine.ear.of(ConsoleData))
        lab.engine.hub.send(host_id, ConsoleData(stream_id="s", data=b"echo hello\r"))
        await lab.engine.until(lambda: b"hello" in b"".join(w.data for w in lab.engine.ear.of(ConsoleData)))
        await lab.step("destroy-1", DestroyDomain(vm_id=vm_id))
        await lab.engine.until(lambda: lab.engine.ear.of(ConsoleData)[-1].closed)


async def test_a_failed_start_is_a_refusal(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        refusal = await lab.step("start-1", StartDomain(spec=domain_spec()))
        assert isinstance(refusal, Refusal)
        assert refusal.code == "not_found"


async def test_volumes(lab: Lab, autojump_clock: object) -> None:
    async with lab.node():
        await lab.step("connect", ConnectStorageDomain(storage_domain_id=storage_domain_id, path="/data", create=True))
        assert isinstance(await lab.step("volume", CreateVolume(volume=volume, size_bytes=1 << 30)), VolumeFacts)
