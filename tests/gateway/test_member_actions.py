"""Actions below an object: of its parts, and of objects that have an address and an actor of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from actors import command_router
from gateway.rest.requests import resources
from protocol.command import Command
from protocol.host.commands import ActivateHost, DeactivateHost, RemoveHost
from protocol.host.model import Host
from protocol.message import message
from protocol.registry import BY_KIND
from protocol.resource import Action, SubCollection
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.fake_engine import FakeEngine
from tests.gateway.http import Client
from tests.gateway.running import running

OFF, RUNS, HOST = named_id("vm-1"), named_id("vm-0"), named_id("host-0")


@attrs.frozen
class World:
    """vm-0 runs, vm-1 does not."""

    site: Installation
    engine: FakeEngine
    client: Client

    def nic(self, vm: str) -> str:
        return f"/vms/{vm}/nics/{self.site.document('vm', vm).nics[0].id}"

    async def post(self, path: str, status: int = 200, body: Any = None) -> Any:
        answer = await self.client.api("POST", path, body or {})
        assert answer.status == status, answer.text
        return answer.json()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with small_installation(vms=2, hosts=1) as site:
        engine = FakeEngine(site.engine.port)
        async with running(engine, tmp_path) as gateway:
            made = World(site, engine, Client(gateway))
            await made.client.login()
            yield made


async def test_an_unplugged_nic_has_no_link_at_the_next_start(world: World) -> None:
    async def linked() -> bool:
        await world.site.start("vm-1")
        (qemu,) = world.site.world.running()[OFF]
        await world.site.stop("vm-1")
        return bool(qemu.spec.nics[0].linked)

    path = world.nic(OFF)
    assert await linked()
    assert (await world.post(f"{path}/deactivate"))["status"] == "complete"
    shown = (await world.client.api("GET", path)).json()
    assert shown["plugged"] == "false"
    assert not await linked()
    await world.post(f"{path}/activate")
    assert await linked()
    rels = {link["rel"]: link["href"] for link in shown["actions"]["link"]}
    assert rels == {name: f"/ovirt-engine/api{path}/{name}" for name in ("activate", "deactivate")}


async def test_what_cannot_be_done_says_why(world: World) -> None:
    fault = await world.post(f"{world.nic(RUNS)}/deactivate", 409)
    assert fault["reason"] == "Cannot change the NICs of VM vm-0: it is up; it must be down."
    for path in (f"{world.nic(OFF)}/nothing", f"/vms/{OFF}/nics/none/activate", f"{world.nic(OFF)}/activate/again"):
        await world.post(path, 404)
    assert (await world.client.api("PUT", f"{world.nic(OFF)}/activate", {})).status == 404
    await world.post(f"{world.nic(OFF)}/activate", 400, {"nothing": "x"})


async def test_descriptions_name_them(world: World) -> None:
    path = "/vms/{vm_id}/nics/{nic_id}/activate"
    assert "post" in (await world.client.send("GET", "/openapi.json")).json()["paths"][path]
    rsdl = (await world.client.api("GET", "?rsdl")).json()
    assert "/ovirt-engine/api/vms/{vm:id}/nics/{nic:id}/activate" in {link["href"] for link in rsdl["links"]["link"]}


@message("test.look_at_device")
@attrs.frozen(kw_only=True)
class LookAtDevice(Command):
    """On a part of a part; no engine serves it."""

    member_ids: tuple[str, ...] = ()


async def test_a_command_on_a_part_of_a_part_knows_all_that_it_lies_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.site.until("vm", RUNS, lambda vm: vm.reported_devices)
    looking = Action(name="look", command=LookAtDevice)
    vm = BY_KIND["vm"]
    nics, *others = vm.sub
    devices, statistics = nics.sub
    nics = attrs.evolve(nics, sub=(attrs.evolve(devices, actions=(looking,)), statistics))
    monkeypatch.setitem(resources.BY_REL, "vms", attrs.evolve(vm, sub=(nics, *others)))
    path = f"{world.nic(RUNS)}/reporteddevices"
    (device,) = (await world.client.api("GET", path)).json()["reported_device"]
    await world.post(f"{path}/{device['id']}/look", 400)
    nic_id = world.nic(RUNS).rpartition("/")[2]
    command = world.engine.submitted[-1].command
    assert command == LookAtDevice(id=device["id"], parent_id=RUNS, member_ids=(nic_id,))


HOSTS = SubCollection(
    rel="hosts", tag="hosts", item=Host, source="filter", kind="host", by="cluster", add=ActivateHost, remove=RemoveHost,
    actions=(Action(name="deactivate", command=DeactivateHost),),
)  # fmt: skip


async def test_what_has_an_actor_of_its_own_gets_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a storage domain in a data center will: the relation and its status are its own, the address is the holder's."""
    cluster = attrs.evolve(BY_KIND["cluster"], sub=(*BY_KIND["cluster"].sub, HOSTS))
    monkeypatch.setitem(resources.BY_REL, "clusters", cluster)
    assert command_router._server_of_member(cluster, HOSTS) == command_router._server_of(BY_KIND["host"])
    hosts = f"/clusters/{world.site.id_of('cluster', 'Default')}/hosts"
    await world.site.stop("vm-0")
    await world.post(f"{hosts}/{HOST}/deactivate")
    await world.site.until_status("host", "host-0", "maintenance")
    given = await world.post(hosts, 201, {"name": "host-0"})
    assert given["href"] == f"/ovirt-engine/api/hosts/{HOST}"
    await world.site.until_status("host", "host-0", "up")
    assert (await world.client.api("GET", f"{hosts}/{HOST}")).json()["status"] == "up"
    refused = await world.client.api("DELETE", f"{hosts}/{HOST}")
    assert refused.status == 409, refused.text
