"""Nothing is accepted that has no effect: every attribute and parameter of *not yet* is refused by its name, through
REST, unless it is set to its default or to what the object has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.rest.describe.openapi import openapi
from protocol.attributes import WritableAttribute, effects_of, writable_attributes
from protocol.command import Command
from protocol.inventory.model import ROOT_TAG_ID
from protocol.registry import RESOURCES
from protocol.resource import actions_below
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.http import Answer, Client
from tests.gateway.one_attribute import body, merged, other_value, written_classes
from tests.gateway.running import running


@attrs.frozen
class Site:
    """One VM with a disk and a NIC, one host, and an object of every kind that can be written."""

    installation: Installation
    client: Client

    def path(self, name: str) -> str:
        """Where an object of this class lives."""
        vm = self.installation.document("vm", named_id("vm-0"))
        ids = {
            "DataCenter": f"/datacenters/{self.installation.id_of('data_center', 'Default')}",
            "Cluster": f"/clusters/{self.installation.id_of('cluster', 'Default')}",
            "Host": f"/hosts/{named_id('host-0')}",
            "Vm": f"/vms/{vm.id}",
            "Nic": f"/vms/{vm.id}/nics/{vm.nics[0].id}",
            "DiskAttachment": f"/vms/{vm.id}/diskattachments/{vm.disk_attachments[0].id}",
            "Disk": f"/disks/{vm.disk_attachments[0].id}",
            "Template": f"/templates/{named_id('tiny')}",
            "Network": f"/networks/{self.installation.id_of('network', 'blue')}",
            "VnicProfile": f"/vnicprofiles/{self.installation.id_of('vnic_profile', 'blue')}",
            "StorageDomain": f"/storagedomains/{named_id('local')}",
            "Tag": f"/tags/{ROOT_TAG_ID}",
        }
        return ids[name]

    def new(self, name: str) -> dict[str, Any]:
        """The least that an *add* of this class needs."""
        default = {"name": "Default"}
        disk = {"provisioned_size": 1024**3, "storage_domains": {"storage_domain": [{"name": "local"}]}}
        documents: dict[str, dict[str, Any]] = {
            "DataCenter": {"name": "new", "local": False},
            "Cluster": {"name": "new", "data_center": default},
            "Host": {"name": "new", "address": "10.0.0.99"},
            "Vm": {"name": "new", "cluster": default},
            "Nic": {"name": "new"},
            "DiskAttachment": {"interface": "virtio", "disk": disk},
            "Disk": {"name": "new", **disk},
            "Network": {"name": "new", "data_center": default},
            "VnicProfile": {"name": "new", "network": {"name": "ovirtmgmt"}},
            "StorageDomain": {
                "name": "new", "type": "data", "host": {"name": "host-0"},
                "storage": {"type": "localfs", "path": "/srv-2"},
            },
        }  # fmt: skip
        return documents[name]

    async def add(self, name: str, document: dict[str, Any]) -> Answer:
        collection = self.path(name).rpartition("/")[0]
        return await self.client.api("POST", f"{collection}?dry_run=true", merged(self.new(name), document))

    async def update(self, name: str, document: dict[str, Any]) -> Answer:
        return await self.client.api("PUT", f"{self.path(name)}?dry_run=true", document)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with small_installation(vms=0, hosts=1) as installation:
        installation.world.add_storage("/srv-2")
        await installation.add_vm("vm-0")
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            new = {"name": "d", "provisioned_size": 1024**3, "storage_domains": {"storage_domain": [{"name": "local"}]}}
            attach = {"interface": "virtio", "disk": new}
            assert (await client.api("POST", f"/vms/{named_id('vm-0')}/diskattachments", attach)).status < 300
            await installation.until("vm", named_id("vm-0"), lambda vm: vm.disk_attachments and vm.task is None)
            blue = {"name": "blue", "data_center": {"name": "Default"}}
            assert (await client.api("POST", "/networks", blue)).status == 201
            yield Site(installation, client)


def not_yet(cls: type[Any]) -> list[WritableAttribute]:
    return [each for each in writable_attributes(cls) if each.effect is not None and each.effect.is_not_yet]


def refuses(answer: Answer, path: str) -> None:
    assert answer.status == 400, (path, answer.text)
    said = answer.json()
    assert path in said["reason"], answer.text
    assert "(" not in said["reason"], f"no class of ours: {answer.text}"
    assert "not supported yet" in said["reason"], answer.text
    assert "Leave it out" in said["detail"], answer.text


async def test_an_attribute_of_not_yet_is_refused_by_its_name(site: Site) -> None:
    checked = 0
    for cls, roles in written_classes().items():
        for each in not_yet(cls):
            for role in roles:
                if role == "update" and each.last.about.link:
                    continue  # members of sub-collections are changed there
                assert each.effect is not None
                value = [{"interface": "virtio"}] if each.last.about.link else other_value(each)
                send = site.add if role == "add" else site.update
                document = body(each.path, value)
                if each.last.about.link:
                    document = {"disk_attachments": {"disk_attachment": value}}
                refuses(await send(cls.__name__, document), each.dotted)
                checked += 1
    assert checked > 50


async def test_its_default_is_accepted(site: Site) -> None:
    for cls, roles in written_classes().items():
        for each in not_yet(cls):
            if each.effect is None or not each.effect.accepted or each.last.about.link:
                continue
            document = body(each.path, each.effect.accepted[0])
            if "add" in roles:
                answer = await site.add(cls.__name__, document)
                assert answer.status < 300, (cls.__name__, each.dotted, answer.text)
            if "update" in roles and not _is_differing(site, cls.__name__, each):
                answer = await site.update(cls.__name__, document)
                assert answer.status < 300, (cls.__name__, each.dotted, answer.text)


def _is_differing(site: Site, name: str, each: WritableAttribute) -> bool:
    """A disk that is raw has no version of qcow; an attachment does not change its disk."""
    return each.dotted == "qcow_version" or (name == "DiskAttachment" and each.path[0].name == "disk")


async def test_a_choice_of_a_later_release_is_refused_by_its_name(site: Site) -> None:
    for cls, roles in written_classes().items():
        for each in writable_attributes(cls):
            for later in each.last.about.later:
                document = body(each.path, (later,) if each.last.many else later)
                send = site.add if "add" in roles else site.update
                answer = await send(cls.__name__, document)
                assert answer.status == 400, (cls.__name__, each.dotted, later, answer.text)
                assert f"{each.dotted}: {later} is not supported yet" in answer.json()["reason"]


async def test_who_sends_back_what_they_got_is_not_refused(site: Site) -> None:
    """The management network has usages, `required` and `display` that nobody can give another one."""
    management = f"/networks/{site.installation.id_of('network', 'ovirtmgmt')}"
    paths = [site.path(cls.__name__) for cls, roles in written_classes().items() if "update" in roles]
    for path in (*paths, management):
        got = (await site.client.api("GET", path)).json()
        answer = await site.client.api("PUT", path, got)
        assert answer.status == 200, (path, answer.text)
        assert (await site.client.api("GET", path)).json() == got


def parameters() -> list[Any]:
    """Every parameter of *not yet*: of actions, and of what travels in the query."""
    found: list[Any] = []
    for resource in RESOURCES:
        commands: list[tuple[str, type[Command]]] = [(action.name, action.command) for action in resource.actions]
        commands += [(role, getattr(resource, role)) for role in ("add", "update", "remove") if getattr(resource, role)]
        for verb, command in commands:
            for name, mark in effects_of(command).items():
                if mark.is_not_yet and resource.kind != "event":
                    found.append(pytest.param(resource.cls.__name__, verb, name, id=f"{resource.rel}/{verb}?{name}"))
    return found


@pytest.mark.parametrize(("of", "verb", "name"), parameters())
async def test_a_parameter_of_not_yet_is_refused_by_its_name(site: Site, of: str, verb: str, name: str) -> None:
    if verb == "remove":
        answer = await site.client.api("DELETE", f"{site.path(of)}?{name}=true&dry_run=true")
    else:
        answer = await site.client.api("POST", f"{site.path(of)}/{verb}?dry_run=true", {name: True})
    refuses(answer, name)


async def test_hosts_need_no_approval(site: Site) -> None:
    answer = await site.client.api("POST", f"{site.path('Host')}/approve", {})
    assert (answer.status, "`approve` is not supported yet" in answer.json()["reason"]) == (400, True), answer.text
    assert "enrols with its token" in answer.json()["detail"]


async def test_the_user_level_view_is_refused(site: Site) -> None:
    answer = await site.client.api("GET", "/vms", Filter="true")
    assert (answer.status, "Filter: true" in answer.json()["reason"]) == (400, True), answer.text
    assert (await site.client.api("GET", "/vms", Filter="false")).status == 200


async def test_a_run_once_is_held_to_it_too(site: Site) -> None:
    start = {"vm": {"high_availability": {"enabled": True}}}
    answer = await site.client.api("POST", f"{site.path('Vm')}/start?dry_run=true", start)
    refuses(answer, "vm.high_availability.enabled")


def test_every_attribute_that_can_be_written_says_when_it_takes_effect() -> None:
    for cls in written_classes():
        for each in writable_attributes(cls):
            assert each.effect is not None, f"{cls.__name__}.{each.dotted}: give it effect=..."


def test_every_parameter_says_when_it_takes_effect() -> None:
    for resource in RESOURCES:
        for action in actions_below(resource):
            for parameter in action.parameters:
                is_document = attrs.has(parameter.type)
                assert is_document or action.effect_of(parameter) is not None, f"{action.name}: {parameter.name}"


async def test_descriptions_say_when_an_attribute_takes_effect(site: Site) -> None:
    rsdl = (await site.client.api("GET", "?rsdl")).json()
    (update,) = (
        link
        for link in rsdl["links"]["link"]
        if link["rel"] == "update" and link["href"].endswith("/vms/{vm:id}")
    )  # fmt: skip
    when = {each["name"]: each.get("takes_effect") for each in update["request"]["body"]["parameters_set"]["parameter"]}
    assert (when["memory"], when["stateless"], when["type"]) == ("at next start", "not yet", "label")
    assert when["high_availability.enabled"] == "not yet"
    vm = openapi("0")["components"]["schemas"]["Vm"]["properties"]
    assert (vm["stateless"]["x-takes-effect"], vm["delete_protected"]["x-takes-effect"]) == ("not yet", "at once")
    assert vm["stateless"]["description"] == "Not supported yet: only false is accepted."
