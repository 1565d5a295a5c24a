"""What REST shows of a NIC, a disk and a host: their own figures, and none that is not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from cli.daemons.engine.config import EngineTimes
from protocol.document import Ref
from protocol.live.engine import HostSamples
from protocol.storage.commands import AddDisk
from protocol.storage.model import Disk
from protocol.vm.commands import RemoveVm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.engine.samples import host_samples
from tests.gateway.http import Client
from tests.gateway.running import running

VM, HOST, DISK = named_id("vm-0"), named_id("host-0"), named_id("disk")


@attrs.frozen
class World:
    """Five VMs: vm-0, vm-2 and vm-4 run, all on host-0. Nobody but a test says what they do."""

    site: Installation
    client: Client
    nic: str

    @property
    def nic_path(self) -> str:
        return f"/vms/{VM}/nics/{self.nic}/statistics"

    async def get(self, path: str) -> Any:
        answer = await self.client.api("GET", path)
        assert answer.status == 200, answer.text
        return answer.json()

    async def figures(self, path: str) -> dict[str, str]:
        return figures((await self.get(path)).get("statistic", []))

    def samples(self, **changes: Any) -> HostSamples:
        return attrs.evolve(host_samples(HOST, [VM], [(VM, self.nic)]), **changes)

    def publish(self, **changes: Any) -> None:
        self.site.engine.services.publish(self.samples(**changes))

    async def summaries(self) -> list[dict[str, str]]:
        """Of host-0 and of host-1, as the list shows them."""
        hosts = sorted((await self.get("/hosts"))["host"], key=lambda host: str(host["name"]))
        return [host["summary"] for host in hosts]

    async def shown(self) -> None:
        """The gateway has read what the engine has made durable."""
        await self.client.read_up_to(self.site.sequence)

    async def stop(self, name: str) -> None:
        await self.site.stop(name)
        await self.shown()

    async def silence(self) -> None:
        """Host-0 is not heard of any more, and what its VMs do is not known."""
        self.site.machines[0].unplug()
        await self.site.until_status("vm", "vm-0", "unknown")
        await self.site.until_status("vm", "vm-2", "unknown")
        await self.site.until_status("vm", "vm-4", "unknown")
        await self.shown()

    async def add_disk(self, *vms: str) -> None:
        """A disk that all of these use at once."""
        disk = Disk(
            name="data", provisioned_size=1024**2, format="raw", shareable=True,
            storage_domains=(Ref(id=named_id("local")),),
        )  # fmt: skip
        await self.site.ask(AddDisk(document=disk), id=DISK)
        await self.site.until_status("disk", "disk", "ok")
        for name in vms:
            await self.site.attach(name, DISK)
        await self.shown()


def figures(statistics: list[Any]) -> dict[str, str]:
    return {item["name"]: item["values"]["value"][0]["datum"] for item in statistics}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    times = EngineTimes(silent_after_seconds=0.2)
    async with small_installation(vms=5, hosts=2, times=times) as site:
        async with running(site.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield World(site, client, site.document("vm", VM).nics[0].id)


# --- NICs ---------------------------------------------------------------------------------------------------------


async def test_a_nic_shows_its_own_figures(world: World) -> None:
    world.publish()
    assert await world.figures(world.nic_path) == {
        "data.current.rx": "900", "data.current.tx": "400", "data.current.rx.bps": "7200",
        "data.current.tx.bps": "3200", "data.total.rx": "9000", "data.total.tx": "4000", "errors.total.rx": "1",
        "errors.total.tx": "2", "drops.total.rx": "3", "drops.total.tx": "4",
    }  # fmt: skip
    total = await world.get(f"{world.nic_path}/data.total.rx")
    assert (total["kind"], total["type"], total["unit"], total["nic"]["id"]) == (
        "counter",
        "integer",
        "bytes",
        world.nic,
    )
    assert (await world.figures(f"/vms/{VM}/statistics"))["data.current.rx"] == "1000", "all of the VM's"


async def test_a_nic_that_is_followed_shows_the_same(world: World) -> None:
    world.publish()
    (nic,) = (await world.get(f"/vms/{VM}?follow=nics.statistics"))["nics"]["nic"]
    assert figures(nic["statistics"]["statistic"]) == await world.figures(world.nic_path)


async def test_a_rate_that_is_not_known_is_left_out(world: World) -> None:
    assert await world.figures(world.nic_path) == {}, "no report yet"
    world.publish(nics=((VM, world.nic, -1.0, -1.0, 9000, 4000, 1, 2, 3, 4),))
    shown = await world.figures(world.nic_path)
    assert shown["data.total.rx"] == "9000"
    assert not any(name.startswith("data.current") for name in shown)
    assert (await world.client.api("GET", f"{world.nic_path}/data.current.rx")).status == 404


async def test_nothing_flows_through_a_nic_of_a_vm_that_is_down(world: World) -> None:
    world.publish()
    await world.stop("vm-0")
    assert set((await world.figures(world.nic_path)).values()) == {"0"}


async def test_of_a_vm_on_a_silent_host_nothing_is_known(world: World) -> None:
    world.publish()
    await world.silence()
    assert await world.figures(world.nic_path) == {}


# --- disks --------------------------------------------------------------------------------------------------------


async def test_a_disk_shows_its_own_figures(world: World) -> None:
    await world.add_disk("vm-0")
    world.publish(disks=((VM, "other", 1.0, 1.0, 1.0, 1.0), (VM, DISK, 4096.0, 512.0, 1.5, 0.5)))
    assert await world.figures(f"/disks/{DISK}/statistics") == {
        "data.current.read": "4096", "data.current.write": "512", "data.current.read_ops": "1.5",
        "data.current.write_ops": "0.5",
    }  # fmt: skip


async def test_a_shared_disk_shows_what_all_do_with_it(world: World) -> None:
    await world.add_disk("vm-0", "vm-1", "vm-2")
    one, another = (VM, DISK, 4096.0, 512.0, 1.0, 1.0), (named_id("vm-2"), DISK, 4.0, 5.0, 1.0, 1.0)
    world.publish(disks=(one,))
    assert await world.figures(f"/disks/{DISK}/statistics") == {}, "vm-2 runs and has not said anything"
    world.publish(disks=(one, another))
    shown = await world.figures(f"/disks/{DISK}/statistics")
    assert (shown["data.current.read"], shown["data.current.write"]) == ("4100", "517")


async def test_a_disk_that_nobody_uses_is_still(world: World) -> None:
    await world.add_disk()
    assert set((await world.figures(f"/disks/{DISK}/statistics")).values()) == {"0"}
    await world.site.attach("vm-1", DISK)  # it is down
    await world.shown()
    assert set((await world.figures(f"/disks/{DISK}/statistics")).values()) == {"0"}


async def test_a_disk_seen_for_the_first_time_has_no_rate(world: World) -> None:
    await world.add_disk("vm-0")
    world.publish(disks=((VM, DISK, -1.0, -1.0, -1.0, -1.0),))
    assert await world.figures(f"/disks/{DISK}/statistics") == {}


# --- hosts --------------------------------------------------------------------------------------------------------


async def test_the_processor_of_a_host_is_split(world: World) -> None:
    world.publish()
    shown = await world.figures(f"/hosts/{HOST}/statistics")
    assert [shown[f"cpu.current.{part}"] for part in ("user", "system", "idle")] == ["20", "10", "70"]


async def test_a_host_counts_its_vms(world: World) -> None:
    assert (await world.get(f"/hosts/{HOST}"))["summary"] == {"active": "3", "migrating": "0", "total": "3"}
    assert [counted["total"] for counted in await world.summaries()] == ["3", "0"]
    await world.site.stop("vm-2")
    await world.site.start("vm-2", host="host-1")
    await world.stop("vm-4")
    assert await world.summaries() == [
        {"active": "1", "migrating": "0", "total": "1"}, {"active": "1", "migrating": "0", "total": "1"},
    ]  # fmt: skip
    await world.stop("vm-0")
    await world.site.ask(RemoveVm(id=VM))
    await world.shown()
    assert [counted["total"] for counted in await world.summaries()] == ["0", "1"]


async def test_a_vm_that_migrates_is_active_and_counted_as_such(world: World) -> None:
    vm = world.site.document("vm", named_id("vm-4"))
    await world.site.put("vm", attrs.evolve(vm, status="migrating"))  # no operation brings this about yet
    await world.shown()
    assert (await world.summaries())[0] == {"active": "3", "migrating": "1", "total": "3"}


async def test_a_vm_that_is_not_heard_of_counts_and_is_not_active(world: World) -> None:
    await world.silence()
    assert (await world.summaries())[0] == {"active": "0", "migrating": "0", "total": "3"}


async def test_a_hosts_entity_tag_follows_its_vms(world: World) -> None:
    async def tag() -> str:
        return (await world.client.api("GET", f"/hosts/{HOST}")).headers["etag"]

    first = await tag()
    await world.site.touch("vm-0")
    await world.shown()
    assert await tag() == first
    await world.stop("vm-0")
    assert (await world.client.api("GET", f"/hosts/{HOST}", If_None_Match=first)).status == 200
    assert await tag() != first
