"""The storage contract on the simulated world, and what only the world can show."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.ports import SeededRandom, TrioClock
from node.storage.simulated import SimulatedStorage
from node.world import CallFault, World
from protocol.errors import HostFailed, Unavailable
from protocol.node.domain import VolumeRef
from tests.node.simulated_time import on_simulated_time
from tests.node.storage.contract import DOMAIN, MIB, StorageContract, volume


class SimulatedHarness:
    def __init__(self) -> None:
        self.world = World(TrioClock(), SeededRandom(1))
        self.host = self.world.add_host("h1", "00000000-0000-4000-8000-000000000001")
        self.path = "/simulated/data"
        self.missing_path = "/simulated/none"
        self.world.add_storage(self.path)
        self.storage = self.next_incarnation()

    def next_incarnation(self) -> SimulatedStorage:
        return SimulatedStorage(self.world, self.host, copy_bytes_per_second=1e6)

    def image_file(self) -> str:
        return "/images/tiny.raw"

    async def die_while_copying(self, source: VolumeRef, target: VolumeRef) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.storage.copy_volume, source, target)
            await trio.sleep(20)
            self.host.kill_node()
            assert self.world.storages[self.path].half_made
            await trio.sleep(1000)
            nursery.cancel_scope.cancel()

    def files(self) -> set[str]:
        storage = self.world.storages[self.path]
        return {*storage.volumes, *storage.half_made}

    def is_copying(self) -> bool:
        return bool(self.storage._making)

    def vanish(self) -> None:
        self.world.storages[self.path].vanished = True

    def come_back(self) -> None:
        self.world.storages[self.path].vanished = False


@on_simulated_time
class TestSimulatedStorage(StorageContract):
    @pytest.fixture
    def harness(self) -> SimulatedHarness:
        return SimulatedHarness()


async def test_a_full_storage_refuses_and_says_what_helps() -> None:
    harness = SimulatedHarness()
    harness.world.storages[harness.path].capacity_bytes = 10 * MIB
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    with pytest.raises(HostFailed, match="full") as caught:
        await harness.storage.create_volume(volume(1), 20 * MIB, preallocate=True)
    assert caught.value.refusal.remedy
    assert harness.world.volume_paths() == frozenset()


async def test_a_lost_reply_leaves_the_effect_and_a_repetition_finds_it() -> None:
    harness = SimulatedHarness()
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    faults = [CallFault(reply_lost=True)]
    harness.world.fault_hook = lambda host, call, subject: faults.pop() if faults else None
    with pytest.raises(Unavailable):
        await harness.storage.create_volume(volume(1), MIB)
    made = await harness.storage.create_volume(volume(1), MIB)
    assert harness.world.volume_paths() == {harness.storage.path_of(made.volume)}
