"""What REST shows of a NIC, a disk and a host: their own figures, and none that is not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from protocol.engine_messages import HostSamples
from protocol.model.storage import Disk
from protocol.model.types import Ref
from tests.gateway.fake_engine import FakeEngine, named_id, samples_of, small_engine
from tests.gateway.http import Client
from tests.gateway.running import running

VM, NIC, HOST, DISK = named_id("vm-0"), named_id("nic-0"), named_id("host-0"), named_id("disk")
NIC_PATH = f"/vms/{VM}/nics/{NIC}/statistics"


@attrs.frozen
class World:
    engine: FakeEngine
    client: Client

    async def get(self, path: str) -> Any:
        answer = await self.client.api("GET", path)
        assert answer.status == 200, answer.text
        return answer.json()

    async def figures(self, path: str) -> dict[str, str]:
        return figures((await self.get(path)).get("statistic", []))

    def change_vm(self, number: int, **changes: Any) -> None:
        document = self.engine.of("vm", named_id(f"vm-{number}"))
        self.engine.put("vm", attrs.evolve(document, **changes))

    def add_disk(self, *vms: int) -> None:
        users = tuple(Ref(id=named_id(f"vm-{number}")) for number in vms)
        self.engine.put("disk", Disk(id=DISK, name="data", alias="data", status="ok", vms=users))


def figures(statistics: list[Any]) -> dict[str, str]:
    return {item["name"]: item["values"]["value"][0]["datum"] for item in statistics}


def samples(**changes: Any) -> HostSamples:
    return attrs.evolve(samples_of(small_engine(vms=1)), **changes)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = small_engine(vms=5)
    async with running(engine, tmp_path) as gateway:
        client = Client(gateway)
        assert (await client.login()).status == 200
        yield World(engine, client)


# --- NICs ---------------------------------------------------------------------------------------------------------


async def test_a_nic_shows_its_own_figures(world: World) -> None:
    world.engine.sample(samples())
    assert await world.figures(NIC_PATH) == {
        "data.current.rx": "900", "data.current.tx": "400", "data.current.rx.bps": "7200",
        "data.current.tx.bps": "3200", "data.total.rx": "9000", "data.total.tx": "4000", "errors.total.rx": "1",
        "errors.total.tx": "2", "drops.total.rx": "3", "drops.total.tx": "4",
    }  # fmt: skip
    total = await world.get(f"{NIC_PATH}/data.total.rx")
    assert (total["kind"], total["type"], total["unit"], total["nic"]["id"]) == ("counter", "integer", "bytes", NIC)
    assert (await world.figures(f"/vms/{VM}/statistics"))["data.current.rx"] == "1000", "all of the VM's"


async def test_a_nic_that_is_followed_shows_the_same(world: World) -> None:
    world.engine.sample(samples())
    (nic,) = (await world.get(f"/vms/{VM}?follow=nics.statistics"))["nics"]["nic"]
    assert figures(nic["statistics"]["statistic"]) == await world.figures(NIC_PATH)


async def test_a_rate_that_is_not_known_is_left_out(world: World) -> None:
    assert await world.figures(NIC_PATH) == {}, "no report yet"
    world.engine.sample(samples(nics=((VM, NIC, -1.0, -1.0, 9000, 4000, 1, 2, 3, 4),)))
    shown = await world.figures(NIC_PATH)
    assert shown["data.total.rx"] == "9000"
    assert not any(name.startswith("data.current") for name in shown)
    assert (await world.client.api("GET", f"{NIC_PATH}/data.current.rx")).status == 404


async def test_nothing_flows_through_a_nic_of_a_vm_that_is_down(world: World) -> None:
    world.engine.sample(samples())
    world.change_vm(0, status="down", host=None)
    assert set((await world.figures(NIC_PATH)).values()) == {"0"}


async def test_of_a_vm_on_a_silent_host_nothing_is_known(world: World) -> None:
    world.engine.sample(samples())
    world.change_vm(0, status="unknown")
    assert await world.figures(NIC_PATH) == {}


# --- disks --------------------------------------------------------------------------------------------------------


async def test_a_disk_shows_its_own_figures(world: World) -> None:
    world.add_disk(0)
    world.engine.sample(samples(disks=((VM, "other", 1.0, 1.0, 1.0, 1.0), (VM, DISK, 4096.0, 512.0, 1.5, 0.5))))
    assert await world.figures(f"/disks/{DISK}/statistics") == {
        "data.current.read": "4096", "data.current.write": "512", "data.current.read_ops": "1.5",
        "data.current.write_ops": "0.5",
    }  # fmt: skip


async def test_a_shared_disk_shows_what_all_do_with_it(world: World) -> None:
    world.add_disk(0, 1, 2)
    world.change_vm(2, host=Ref(id=named_id("host-1")))
    here, there = (VM, DISK, 4096.0, 512.0, 1.0, 1.0), (named_id("vm-2"), DISK, 4.0, 5.0, 1.0, 1.0)
    world.engine.sample(samples(disks=(here,)))
    assert await world.figures(f"/disks/{DISK}/statistics") == {}, "vm-2 runs and has not said anything"
    world.engine.sample(samples(host_id=named_id("host-1"), vms=(), nics=(), disks=(there,)))
    shown = await world.figures(f"/disks/{DISK}/statistics")
    assert (shown["data.current.read"], shown["data.current.write"]) == ("4100", "517")


async def test_a_disk_that_nobody_uses_is_still(world: World) -> None:
    world.add_disk()
    assert set((await world.figures(f"/disks/{DISK}/statistics")).values()) == {"0"}
    world.add_disk(1)  # vm-1 is down
    assert set((await world.figures(f"/disks/{DISK}/statistics")).values()) == {"0"}


async def test_a_disk_seen_for_the_first_time_has_no_rate(world: World) -> None:
    world.add_disk(0)
    world.engine.sample(samples(disks=((VM, DISK, -1.0, -1.0, -1.0, -1.0),)))
    assert await world.figures(f"/disks/{DISK}/statistics") == {}


# --- hosts --------------------------------------------------------------------------------------------------------


async def test_the_processor_of_a_host_is_split(world: World) -> None:
    world.engine.sample(samples())
    shown = await world.figures(f"/hosts/{HOST}/statistics")
    assert [shown[f"cpu.current.{part}"] for part in ("user", "system", "idle")] == ["20", "10", "70"]


async def test_a_host_counts_its_vms(world: World) -> None:
    assert (await world.get(f"/hosts/{HOST}"))["summary"] == {"active": "3", "migrating": "0", "total": "3"}
    listed = (await world.get("/hosts"))["host"]
    assert [host["summary"]["total"] for host in listed] == ["3", "0"]
    world.change_vm(2, host=Ref(id=named_id("host-1")), status="migrating")
    world.change_vm(4, status="unknown")
    summaries = [host["summary"] for host in (await world.get("/hosts"))["host"]]
    assert summaries == [
        {"active": "1", "migrating": "0", "total": "2"}, {"active": "1", "migrating": "1", "total": "1"},
    ]  # fmt: skip
    world.engine.drop("vm", VM)
    assert (await world.get(f"/hosts/{HOST}"))["summary"]["total"] == "1"


async def test_a_hosts_entity_tag_follows_its_vms(world: World) -> None:
    async def tag() -> str:
        return (await world.client.api("GET", f"/hosts/{HOST}")).headers["etag"]

    first = await tag()
    world.change_vm(0, comment="nothing that is counted")
    assert await tag() == first
    world.change_vm(0, status="down", host=None)
    assert (await world.client.api("GET", f"/hosts/{HOST}", If_None_Match=first)).status == 200
    assert await tag() != first
