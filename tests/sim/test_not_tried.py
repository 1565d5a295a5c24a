"""A step that a host has not tried is no failed step: it is asked again, and what was accepted ends done."""

from __future__ import annotations

import pytest
import trio

from node.storage import actor as storage_actor
from protocol.document import Ref
from protocol.storage.commands import AddDisk
from protocol.storage.model import Disk
from protocol.vm.commands import StartVm, StopVm
from tests.sim.cluster import Cluster
from tests.sim.scenario import run_script
from tests.sim.scripts import MiB, accepted, add_vm, slow, well


async def add_disks(cluster: Cluster, count: int) -> list[str]:
    storage_domain = next(id for kind, id in cluster.tables.folder.states if kind == "storage_domain")
    ids = []
    for number in range(count):
        disk = Disk(
            name=f"disk-{number}", provisioned_size=MiB, format="raw", storage_domains=(Ref(id=storage_domain),)
        )
        ids.append((await accepted(cluster, AddDisk(document=disk))).id)
    return ids


def disk_statuses(cluster: Cluster, ids: list[str]) -> list[str]:
    states = cluster.tables.folder.states
    return [states[("disk", id)].status if ("disk", id) in states else "gone" for id in ids]


def test_ten_disks_with_four_slots_outlive_a_restart_of_the_engine() -> None:
    async def script(cluster: Cluster) -> None:
        cluster.world.fault_hook = slow("create_volume", 20.0)
        ids = await add_disks(cluster, 10)
        await trio.sleep(5.0)
        cluster.engines[0].kill()
        await trio.sleep(120.0)
        assert disk_statuses(cluster, ids) == ["ok"] * 10

    well(run_script(script))


def test_more_disks_than_a_host_has_room_for_are_all_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_actor, "jobs_waiting_max", 6)

    async def script(cluster: Cluster) -> None:
        cluster.world.fault_hook = slow("create_volume", 20.0)
        ids = await add_disks(cluster, 20)
        await trio.sleep(200.0)
        assert disk_statuses(cluster, ids) == ["ok"] * 20

    well(run_script(script))


def test_a_stop_that_waits_for_a_slow_start_outlives_a_restart_of_the_engine() -> None:
    async def script(cluster: Cluster) -> None:
        cluster.world.fault_hook = slow("start", 20.0)
        vm_id = await add_vm(cluster)
        await trio.sleep(1.0)
        await accepted(cluster, StartVm(id=vm_id))
        await trio.sleep(1.0)
        stop = await accepted(cluster, StopVm(id=vm_id))
        await trio.sleep(1.0)
        cluster.engines[0].kill()
        await trio.sleep(60.0)
        assert cluster.tables.endings[stop.job_id] == [("done", "")]

    well(run_script(script))
