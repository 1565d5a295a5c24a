"""What an attribute's effect means beyond one difference: guaranteed memory, CPU models, start paused, consoles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Refusal
from protocol.live.engine import Principal
from protocol.vm.model import Vm
from tests.engine.installation import small_installation
from tests.engine.names import named_id
from tests.gateway.http import Client
from tests.gateway.running import running
from tests.gateway.test_parameters_take_effect import Site

MIB = 1024**2
GIB = 1024**3


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with small_installation(vms=0, hosts=1) as installation:
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield Site(installation, client)


async def add(site: Site, name: str, **more: Any) -> dict[str, Any]:
    answer = await site.post("/vms", {"name": name, "cluster": {"name": "Default"}, **more})
    return dict(answer.json())


async def test_a_host_takes_more_vms_when_less_is_guaranteed(site: Site) -> None:
    """A host of 64 GiB: two VMs of 40 GiB do not fit, unless each is content with 20."""
    for name in ("a", "b"):
        await add(site, name, memory=40 * GIB)
    ids = [vm.id for vm in site.installation.engine.rows.all(Vm)]
    await site.post(f"/vms/{ids[0]}/start", {})
    refused = await site.client.api("POST", f"/vms/{ids[1]}/start", {})
    assert (refused.status, "MiB are free" in refused.text) == (409, True), refused.text
    policy = {"memory_policy": {"guaranteed": 20 * GIB}}
    assert (await site.client.api("PUT", f"/vms/{ids[1]}", policy)).status == 200
    await site.post(f"/vms/{ids[1]}/start", {})


async def test_what_is_guaranteed_follows_the_memory_and_stays_within_it(site: Site) -> None:
    vm = await add(site, "web", memory=256 * MIB)
    assert vm["memory_policy"]["guaranteed"] == str(256 * MIB)
    path = f"/vms/{vm['id']}"
    grown = (await site.client.api("PUT", path, {"memory": 512 * MIB})).json()
    assert grown["memory_policy"]["guaranteed"] == str(512 * MIB)
    assert (await site.client.api("PUT", path, {"memory_policy": {"guaranteed": 400 * MIB}})).status == 200
    more = (await site.client.api("PUT", path, {"memory": GIB})).json()
    assert more["memory_policy"]["guaranteed"] == str(400 * MIB), "what somebody chose stays"
    less = (await site.client.api("PUT", path, {"memory": 300 * MIB})).json()
    assert less["memory_policy"]["guaranteed"] == str(300 * MIB)
    answer = await site.client.api("PUT", path, {"memory_policy": {"guaranteed": GIB}})
    assert (answer.status, "cannot be guaranteed" in answer.json()["reason"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("cpu", "reason"),
    [
        ({"mode": "custom"}, "needs a model"),
        ({"mode": "host_model", "type": "Westmere"}, "takes no model"),
        ({"type": "<x/>"}, "is no CPU model"),
    ],
)
async def test_a_cpu_model_goes_with_custom_alone(site: Site, cpu: dict[str, str], reason: str) -> None:
    vm = await add(site, "web")
    for answer in (
        await site.client.api("PUT", f"/vms/{vm['id']}", {"cpu": cpu}),
        await site.client.api("POST", f"/vms/{vm['id']}/start", {"vm": {"cpu": cpu}}),
        await site.client.api("POST", "/vms", {"name": "other", "cluster": {"name": "Default"}, "cpu": cpu}),
    ):
        assert (answer.status, reason in answer.json()["reason"]) == (400, True), answer.text


async def test_a_vm_that_starts_paused_goes_on_when_it_is_resumed(site: Site) -> None:
    vm = await site.from_tiny("web")
    assert (await site.client.api("PUT", f"/vms/{vm.id}", {"start_paused": True})).status == 200
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "paused")
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    await site.post(f"/vms/{vm.id}/suspend", {})
    await site.is_on(vm, "suspended")
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    (qemu,) = site.installation.world.running()[vm.id]
    assert qemu.status.value == "running", "a suspended VM goes on where it stood"


async def test_a_vm_without_a_console_says_so(site: Site) -> None:
    vm = await site.from_tiny("web")
    assert (await site.client.api("PUT", f"/vms/{vm.id}", {"console": {"enabled": False}})).status == 200
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    principal = Principal(user_id="u", name="admin@internal", administrator=True)
    console = await site.installation.engine.port.open_console(vm.id, principal)
    assert isinstance(console, Refusal)
    assert str(console) == "VM web has no serial console. Update it with console.enabled=true and start it anew."


async def test_the_template_of_a_vm_cannot_be_changed(site: Site) -> None:
    vm = await add(site, "web")
    answer = await site.client.api("PUT", f"/vms/{vm['id']}", {"template": {"id": named_id("tiny")}})
    assert (answer.status, answer.json()["detail"]) == (400, "[template] Leave it out."), answer.text


async def test_an_attachment_does_not_change_its_disk(site: Site) -> None:
    vm = await site.from_tiny("web")
    disk = vm.disk_attachments[0].id
    path = f"/vms/{vm.id}/diskattachments/{disk}"
    answer = await site.client.api("PUT", path, {"disk": {"id": disk, "provisioned_size": 5 * GIB}})
    assert (answer.status, f"PUT /disks/{disk}" in answer.json()["detail"]) == (400, True), answer.text
    same = (await site.client.api("GET", f"/disks/{disk}")).json()
    assert (await site.client.api("PUT", path, {"disk": same})).status == 200


async def test_a_shared_disk_stays_shareable_while_two_vms_have_it(site: Site) -> None:
    where = {"storage_domain": [{"name": "local"}]}
    disk = {"name": "both", "format": "raw", "shareable": True, "provisioned_size": GIB, "storage_domains": where}
    made = (await site.client.api("POST", "/disks", disk, Expect="201-created")).json()
    for name in ("a", "b"):
        vm = await add(site, name)
        await site.post(f"/vms/{vm['id']}/diskattachments", {"interface": "virtio", "disk": {"id": made["id"]}})
    answer = await site.client.api("PUT", f"/disks/{made['id']}", {"shareable": False})
    assert (answer.status, "attached to 2 VMs" in answer.json()["reason"]) == (409, True), answer.text
