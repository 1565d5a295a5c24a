"""Every parameter of *at once* of an action, an add, an update or a removal does what it says, through REST.

`SHOWN_BY` names the test of each; one that nobody wrote fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from node.world.faults import CallFault
from protocol.attributes import effects_of
from protocol.codec import decode
from protocol.message import message_type_of
from protocol.node.commands import ReportNow
from protocol.registry import RESOURCES
from protocol.resource import below, commands_of
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.http import Answer, Client
from tests.gateway.running import running

SHOWN_BY: Final = {
    "command.vm.add clone": "test_a_clone_rests_on_nothing",
    "command.vm.update next_run": "test_next_run_lets_everything_wait",
    "command.vm.remove detach_only": "test_disks_stay_when_they_are_only_detached",
    "command.disk_attachment.remove detach_only": "test_disks_stay_when_they_are_only_detached",
    "command.vm.start pause": "test_a_start_with_pause_is_paused",
    "command.vm.start vm": "test_what_is_said_of_one_run_is_of_that_run_alone",
    "command.vm.stop reason": "test_a_reason_is_shown",
    "command.vm.shutdown reason": "test_a_reason_is_shown",
    "command.host.deactivate reason": "test_a_reason_is_shown",
    "command.vm.shutdown force": "test_a_forced_shutdown_takes_the_place_of_what_runs",
    "command.vm.keep_run host": "test_of_two_runs_the_one_on_the_host_is_kept",
    "command.vm.disregard_run host": "test_what_the_host_claims_is_disregarded",
    "command.host.fence fence_type": "test_only_a_manual_fence_is_served",
}


def test_every_parameter_has_a_test() -> None:
    found = set()
    for resource in RESOURCES:
        commands = [command for owner in (resource, *below(resource)) for command in commands_of(owner)]
        for command in commands:
            tag = message_type_of(command).tag
            found |= {f"{tag} {name}" for name, mark in effects_of(command).items() if mark.when == "at once"}
    assert found == set(SHOWN_BY)
    assert set(SHOWN_BY.values()) <= set(globals())


@attrs.frozen
class Site:
    installation: Installation
    client: Client

    async def post(self, path: str, body: dict[str, Any]) -> Answer:
        answer = await self.client.api("POST", path, body)
        assert answer.status < 300, (path, answer.text)
        return answer

    async def from_tiny(self, name: str, query: str = "") -> Any:
        body = {"name": name, "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
        id = (await self.post(f"/vms{query}", body)).json()["id"]
        return await self.installation.until("vm", id, lambda vm: vm.status == "down" and vm.task is None)

    async def is_on(self, vm: Any, status: str) -> Any:
        return await self.installation.until("vm", vm.id, lambda each: each.status == status)

    async def said(self) -> str:
        """The last events, in one text."""
        listed = (await self.client.api("GET", "/events?max=20")).json()
        return " ".join(event["description"] for event in listed["event"])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with small_installation(vms=0, hosts=1) as installation:
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield Site(installation, client)


async def test_a_clone_rests_on_nothing(site: Site) -> None:
    backing = {}
    for name, query in (("thin", ""), ("whole", "?clone=true")):
        vm = await site.from_tiny(name, query)
        (volume,) = (
            volume
            for storage in site.installation.world.storages.values()
            for volume in storage.volumes.values()
            if volume.ref.image_id == vm.disk_attachments[0].id
        )
        backing[name] = volume.backing
    assert backing["thin"]
    assert not backing["whole"]


async def test_next_run_lets_everything_wait(site: Site) -> None:
    vm = await site.from_tiny("web")
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    change = {"delete_protected": True, "comment": "now"}
    assert (await site.client.api("PUT", f"/vms/{vm.id}?next_run=true", change)).status == 200
    now = site.installation.document("vm", vm.id)
    assert (now.comment, now.delete_protected, now.next_run_configuration_exists) == ("now", False, True)
    await site.post(f"/vms/{vm.id}/stop", {})
    down = await site.is_on(vm, "down")
    assert (down.delete_protected, down.next_run_configuration_exists) == (True, False)


async def test_disks_stay_when_they_are_only_detached(site: Site) -> None:
    vm = await site.from_tiny("web")
    disk = vm.disk_attachments[0].id
    path = f"/vms/{vm.id}/diskattachments/{disk}?detach_only=true"
    assert (await site.client.api("DELETE", path)).status == 200
    await site.installation.until("vm", vm.id, lambda each: not each.disk_attachments and each.task is None)
    assert site.installation.document("disk", disk) is not None
    await site.post(f"/vms/{vm.id}/diskattachments", {"interface": "virtio", "disk": {"id": disk}})
    await site.installation.until("vm", vm.id, lambda each: each.disk_attachments and each.task is None)
    assert (await site.client.api("DELETE", f"/vms/{vm.id}?detach_only=true")).status == 200
    await site.installation.until_gone("vm", vm.id)
    assert site.installation.document("disk", disk) is not None
    other = await site.from_tiny("other")
    assert (await site.client.api("DELETE", f"/vms/{other.id}")).status == 200
    await site.installation.until_gone("disk", other.disk_attachments[0].id)


async def test_a_start_with_pause_is_paused(site: Site) -> None:
    vm = await site.from_tiny("web")
    await site.post(f"/vms/{vm.id}/start", {"pause": True})
    await site.is_on(vm, "paused")


async def test_what_is_said_of_one_run_is_of_that_run_alone(site: Site) -> None:
    """Each attribute by itself: `test_takes_effect.py`."""
    vm = await site.from_tiny("web")
    for start, memory in (({"vm": {"memory": 2**29}}, 2**29), ({}, vm.memory)):
        await site.post(f"/vms/{vm.id}/start", start)
        await site.is_on(vm, "up")
        (qemu,) = site.installation.world.running()[vm.id]
        assert qemu.spec.memory_bytes == memory
        await site.post(f"/vms/{vm.id}/stop", {})
        await site.is_on(vm, "down")


@pytest.mark.parametrize("verb", ["stop", "shutdown"])
async def test_a_reason_is_shown(site: Site, verb: str) -> None:
    vm = await site.from_tiny("web")
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    await site.post(f"/vms/{vm.id}/{verb}", {"reason": "a new kernel"})
    assert (await site.is_on(vm, "down")).stop_reason == "a new kernel"
    await site.post(f"/hosts/{named_id('host-0')}/deactivate", {"reason": "a new disk"})
    await site.client.read_up_to(site.installation.sequence)
    said = await site.said()
    assert "(reason: a new kernel)" in said
    assert "(reason: a new disk)" in said


async def test_a_forced_shutdown_takes_the_place_of_what_runs(site: Site) -> None:
    vm = await site.from_tiny("web")
    await site.post(f"/vms/{vm.id}/start", {})
    await site.is_on(vm, "up")
    site.installation.world.fault_hook = lambda _, call, __: CallFault(delay_seconds=60.0) if call == "pause" else None
    await site.post(f"/vms/{vm.id}/pause", {})
    path = f"/vms/{vm.id}/shutdown?dry_run=true"
    refused = await site.client.api("POST", path, {"force": False})
    assert (refused.status, "'Pausing VM web' runs on it" in refused.json()["reason"]) == (409, True), refused.text
    assert (await site.client.api("POST", path, {"force": True})).status == 200


async def test_only_a_manual_fence_is_served(site: Site) -> None:
    path = f"/hosts/{named_id('host-0')}/fence"
    for kind, reason in (("manual", "non responsive"), ("restart", "'restart' is not part of this release")):
        answer = await site.client.api("POST", path, {"fence_type": kind})
        assert answer.status >= 400
        assert reason in answer.json()["reason"]


async def with_copy(site: Site) -> Any:
    """vm-0 runs on host-0, and host-1 runs a QEMU of it that it was never asked for."""
    installation = site.installation
    vm_id, other = named_id("vm-0"), installation.machines[1]
    row = installation.engine.rows.row("vm", vm_id)
    assert row is not None
    spec = decode(row.state).spec
    other.host.start(spec, "vm/x:old:0", ())
    installation.engine.hub.send(named_id("host-1"), ReportNow(epoch=installation.engine.epoch))
    return await installation.until("vm", vm_id, lambda vm: vm.copies)


@pytest.fixture
async def two_hosts(tmp_path: Path) -> AsyncIterator[Site]:
    async with small_installation(vms=1, hosts=2) as installation:
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield Site(installation, client)


async def test_of_two_runs_the_one_on_the_host_is_kept(two_hosts: Site) -> None:
    vm = await with_copy(two_hosts)
    other = two_hosts.installation.machines[1].host
    refused = await two_hosts.client.api("POST", f"/vms/{vm.id}/keeprun", {"host": {"name": "host-1"}})
    assert (refused.status, "never asked to start" in refused.text) == (400, True), refused.text
    assert vm.id in other.qemus
    await two_hosts.post(f"/vms/{vm.id}/keeprun", {"host": {"name": "host-0"}})
    await two_hosts.installation.until("vm", vm.id, lambda each: not each.copies)
    assert vm.id not in other.qemus
    assert vm.id in two_hosts.installation.machines[0].host.qemus


async def test_what_the_host_claims_is_disregarded(two_hosts: Site) -> None:
    vm = await with_copy(two_hosts)
    await two_hosts.post(f"/vms/{vm.id}/disregardrun", {"host": {"name": "host-1"}})
    await two_hosts.installation.until("vm", vm.id, lambda each: not each.copies)
    assert vm.id in two_hosts.installation.machines[1].host.qemus, "nobody has ended it"
    assert "disregards that host host-1 claims to run VM vm-0" in await two_hosts.said()
