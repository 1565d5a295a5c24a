"""Every attribute of *at once* and *at next start*, set through REST, changes what reaches a host or placement.

What is compared: the scheduler's input, the domain's document as a host with KVM writes it, whether its CPUs run, the
volumes that are made, and whether the object may be removed. An attribute that only people read is read back instead.
A specification that the node ignores is no difference.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from actors.placement import scheduler
from actors.placement.messages import Place
from actors.placement.policy import choose
from actors.vm.configure.one_run import OF_ONE_RUN
from node.domain_xml import DiskSource, GuestPlatform, domain_xml
from protocol.attributes import WritableAttribute, writable_attributes
from protocol.node.domain import DomainSpec, VolumeRef
from protocol.vm.model import Vm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.http import Client
from tests.gateway.one_attribute import body, merged, other_value, written_classes
from tests.gateway.running import running

MAC: Final = "56:6f:aa:bb:cc:01"
OTHER: Final = "00000000-1111-4222-8333-444444444444"
GIB: Final = 1024**3
MIB: Final = 1024**2
WITHOUT_A_CHOICE: Final = {
    "StorageDomain.type": "data alone is served",
    "StorageDomain.storage.type": "localfs alone is served",
}
FIXED: Final = {
    "Cluster.data_center", "Network.data_center", "VnicProfile.network", "StorageDomain.data_center",
}  # fmt: skip
"""Where an object is: given when it is added and not changed again. It is read back."""


@attrs.define
class Walk:
    """Two hosts, clusters, networks and storage domains; a whole VM has two disks, a NIC and a kernel."""

    installation: Installation
    client: Client
    places: list[Place]
    made: int = 0

    async def post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.api("POST", path, document, Expect="201-created")
        assert answer.status < 300, (path, document, answer.text)
        return dict(answer.json())

    async def put(self, path: str, document: dict[str, Any]) -> None:
        answer = await self.client.api("PUT", path, document)
        assert answer.status == 200, (path, document, answer.text)

    async def get(self, path: str) -> dict[str, Any]:
        return dict((await self.client.api("GET", path)).json())

    def fresh(self, of: str) -> str:
        self.made += 1
        return f"{of}-{self.made}"

    def disk(self, **more: Any) -> dict[str, Any]:
        where = {"storage_domain": [{"id": named_id("local")}]}
        return {"name": self.fresh("disk"), "provisioned_size": GIB, "format": "raw", "storage_domains": where, **more}

    async def attach(self, vm: str, disk: dict[str, Any], **more: Any) -> str:
        document = {"interface": "virtio", "disk": disk, **more}
        attached = await self.post(f"/vms/{vm}/diskattachments", document)
        await self.until_idle(vm)
        return str(attached["id"])

    async def until_idle(self, vm: str) -> None:
        await self.installation.until("vm", vm, lambda each: each.task is None and each.status == "down")

    async def add_vm(self, **more: Any) -> str:
        kernel = {"kernel": "/boot/vmlinuz"}
        document = merged(
            {"name": self.fresh("vm"), "cluster": {"name": "Default"}, "memory": 256 * MIB, "os": kernel}, more
        )
        vm = await self.post("/vms", document)
        await self.until_idle(str(vm["id"]))
        return str(vm["id"])

    async def add_whole_vm(self) -> str:
        vm = await self.add_vm()
        await self.attach(vm, self.disk())
        await self.attach(vm, self.disk())
        await self.add_nic(vm)
        return vm

    async def add_nic(self, vm: str) -> None:
        profile = {"id": self.installation.id_of("vnic_profile", "ovirtmgmt")}
        await self.post(f"/vms/{vm}/nics", {"name": "nic1", "mac": {"address": MAC}, "vnic_profile": profile})

    async def remove_vm(self, vm: str) -> None:
        assert (await self.client.api("DELETE", f"/vms/{vm}")).status == 200
        await self.installation.until_gone("vm", vm)

    async def seen(self, vm: str, start: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """One run of a VM as placement and its host see it, and whether the VM might go after it."""
        self.places.clear()
        answer = await self.client.api("POST", f"/vms/{vm}/start", start or {})
        (place,) = self.places
        placed = attrs.evolve(place, operation_id="", vm_id="", vm_name="")
        if answer.status != 200:
            return placed, answer.json()["reason"], await self.removal(f"/vms/{vm}")
        await self.installation.until("vm", vm, lambda each: each.status in ("up", "powering_up", "paused"))
        (qemu,) = self.installation.world.running()[vm]
        ran = document_of(qemu.spec), qemu.status, len(qemu.volume_paths)
        assert (await self.client.api("POST", f"/vms/{vm}/stop", {})).status == 200
        await self.until_idle(vm)
        return placed, ran, await self.removal(f"/vms/{vm}")

    async def removal(self, path: str) -> int:
        return (await self.client.api("DELETE", f"{path}?dry_run=true")).status

    def volumes(self) -> set[tuple[Any, ...]]:
        storages = self.installation.world.storages.items()
        return {
            (path, volume.path, volume.ref.format, volume.size_bytes, volume.actual_bytes)
            for path, storage in storages
            for volume in storage.volumes.values()
        }

    async def made_volume(self, path: str, document: dict[str, Any]) -> tuple[Any, ...]:
        """The volume that adding this makes: where it is, its format and sizes."""
        before = self.volumes()
        made = await self.post(path, document)
        await self.installation.until("disk", str(made["id"]), lambda disk: disk.status == "ok")
        (volume,) = self.volumes() - before
        return (volume[0], *volume[2:])


def document_of(spec: DomainSpec) -> str:
    """What a host with KVM starts, with the ids of this VM and its disks taken out."""
    disks = tuple(
        attrs.evolve(disk, disk_id=f"disk{index}", serial="", volume=attrs.evolve(disk.volume, image_id=f"disk{index}"))
        for index, disk in enumerate(spec.disks)
    )
    nics = tuple(attrs.evolve(nic, nic_id=f"nic{index}") for index, nic in enumerate(spec.nics))
    plain = attrs.evolve(spec, vm_id=OTHER, name="vm", disks=disks, nics=nics)
    sources: dict[VolumeRef, DiskSource] = {disk.volume: DiskSource(f"/{disk.disk_id}") for disk in disks}
    return domain_xml(plain, "step", sources, GuestPlatform())


@pytest.fixture
async def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Walk]:
    places: list[Place] = []

    def watched(policy: Any, request: Place, hosts: Any) -> Any:
        places.append(request)
        return choose(policy, request, hosts)

    monkeypatch.setattr(scheduler, "choose", watched)
    async with small_installation(vms=0, hosts=2) as installation:
        for path in ("/srv-2", "/srv/elsewhere"):
            installation.world.add_storage(path)
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            made = Walk(installation, client, places)
            await made.post("/clusters", {"name": "other", "data_center": {"name": "Default"}})
            await made.post("/networks", {"name": "blue", "data_center": {"name": "Default"}})
            await made.post("/storagedomains", storage_domain("second", "/srv-2"))
            await installation.until("storage_domain", installation.id_of("storage_domain", "second"), _is_active)
            yield made


def _is_active(document: Any) -> bool:
    return bool(document.status == "active")


def storage_domain(name: str, path: str, host: str = "host-0") -> dict[str, Any]:
    return {"name": name, "type": "data", "host": {"name": host}, "storage": {"type": "localfs", "path": path}}


def effective(cls: str) -> list[WritableAttribute]:
    """What of a class has to show an effect here."""
    (found,) = (each for each in written_classes() if each.__name__ == cls)
    marks = [each for each in writable_attributes(found) if each.effect and not each.effect.is_not_yet]
    return [each for each in marks if each.effect and each.effect.when != "label"]


def unshown(cls: str, *beside: str) -> list[WritableAttribute]:
    return [
        each for each in effective(cls) if each.effect and not each.effect.shown and each.dotted not in beside
    ]  # fmt: skip


def value_for(walk: Walk, each: WritableAttribute, now: Any = None) -> Any:
    """A reference goes to the other object of its kind."""
    named = {"Cluster": ("cluster", "other"), "Network": ("network", "blue"), "VnicProfile": ("vnic_profile", "blue")}
    refers = each.last.about.refers
    if refers in named:
        return {"id": walk.installation.id_of(*named[refers])}
    if refers == "Host":
        return [{"id": named_id("host-1")}] if each.last.many else {"id": named_id("host-1")}
    return other_value(each, now)


CLASSES_HERE: Final = {
    "DataCenter", "Cluster", "Host", "Vm", "Nic", "DiskAttachment", "Disk", "Template", "Network", "VnicProfile",
    "StorageDomain", "Tag", "Event",
}  # fmt: skip


def test_no_class_is_left_out() -> None:
    assert {cls.__name__ for cls in written_classes()} == CLASSES_HERE


def values_now(cls: str) -> dict[str, Any]:
    """What the objects of the walk have, so that the value sent is another one."""
    guest: dict[str, Any] = {
        "memory_policy.ballooning": True, "console.enabled": True, "bios.type": "q35_sea_bios",
        "cpu.topology.sockets": 1, "cpu.topology.cores": 1, "cpu.topology.threads": 1,
    }  # fmt: skip
    now: dict[str, dict[str, Any]] = {
        "Vm": guest,
        "Template": guest,
        "Nic": {"interface": "virtio", "linked": True, "plugged": True},
        "DiskAttachment": {"interface": "ide", "active": True, "pass_discard": True},
        "Cluster": {"bios_type": "q35_sea_bios"},
    }
    return now.get(cls, {})


def changed(walk: Walk, cls: str, each: WritableAttribute) -> dict[str, Any]:
    """The document that sets this attribute otherwise than the object has it."""
    return body(each.path, value_for(walk, each, values_now(cls).get(each.dotted)))


async def test_of_a_vm(walk: Walk) -> None:
    vm = await walk.add_whole_vm()
    assert await walk.seen(vm) == await walk.seen(vm), "two runs alike differ: nothing could be told from them"
    await walk.remove_vm(vm)
    for each in unshown("Vm", "template"):
        vm = await walk.add_whole_vm()
        before = await walk.seen(vm)
        await walk.put(f"/vms/{vm}", changed(walk, "Vm", each))
        assert await walk.seen(vm) != before, f"Vm.{each.dotted} changes nothing"
        await walk.put(f"/vms/{vm}", {"delete_protected": False})
        await walk.remove_vm(vm)


async def test_of_a_vm_for_one_run(walk: Walk) -> None:
    """What may differ for one run changes that run alone; all else is refused by name."""
    vm = await walk.add_whole_vm()
    plain = await walk.seen(vm)
    for each in writable_attributes(Vm):
        if each.dotted == "template" or (each.effect is not None and each.effect.is_not_yet):
            continue  # there is no other template here: the transcripts of a start refuse one
        start = {"vm": changed(walk, "Vm", each)}
        if each.path[0].name in OF_ONE_RUN:
            assert await walk.seen(vm, start) != plain, f"vm.{each.dotted} of a start changes nothing"
        else:
            refused = await walk.client.api("POST", f"/vms/{vm}/start", start)
            assert refused.status == 400, each.dotted
            assert each.path[0].name.replace("_", " ") in refused.text, each.dotted
    assert await walk.seen(vm) == plain


async def test_of_a_vms_template_when_it_is_added(walk: Walk) -> None:
    blank = await walk.seen(await walk.add_vm())
    assert await walk.seen(await walk.add_vm(template={"name": "tiny"})) != blank


async def test_of_a_template(walk: Walk) -> None:
    template = f"/templates/{named_id('tiny')}"
    await walk.put(template, {"os": {"kernel": "/boot/vmlinuz"}})

    async def seen() -> tuple[Any, ...]:
        made = await walk.post(
            "/vms", {"name": walk.fresh("vm"), "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
        )
        await walk.until_idle(str(made["id"]))
        await walk.add_nic(str(made["id"]))
        run = await walk.seen(str(made["id"]))
        await walk.remove_vm(str(made["id"]))
        return (*run, await walk.removal(template))

    for each in unshown("Template"):
        before = await seen()
        await walk.put(template, changed(walk, "Template", each))
        assert await seen() != before, f"Template.{each.dotted} changes nothing"
        if each.dotted == "delete_protected":
            await walk.put(template, {"delete_protected": False})
        elif each.dotted == "cpu.type":
            await walk.put(template, {"cpu": {"type": ""}})


async def test_of_a_nic(walk: Walk) -> None:
    for each in unshown("Nic"):
        vm = await walk.add_whole_vm()
        before = await walk.seen(vm)
        nic = walk.installation.document("vm", vm).nics[0]
        path = f"/vms/{vm}/nics/{nic.id}"
        document = changed(walk, "Nic", each)
        if each.dotted == "network":  # the shorthand counts where no profile was chosen
            assert (await walk.client.api("DELETE", path)).status == 200
            await walk.post(f"/vms/{vm}/nics", {"name": "nic1", "mac": {"address": nic.mac.address}, **document})
        else:
            await walk.put(path, document)
        assert await walk.seen(vm) != before, f"Nic.{each.dotted} changes nothing"
        await walk.remove_vm(vm)


async def test_of_a_disk_attachment(walk: Walk) -> None:
    for each in unshown("DiskAttachment"):
        if each.path[0].name == "disk":
            continue  # a whole disk that is made: the next test
        vm = await walk.add_whole_vm()
        before = await walk.seen(vm)
        second = walk.installation.document("vm", vm).disk_attachments[1].id
        await walk.put(f"/vms/{vm}/diskattachments/{second}", changed(walk, "DiskAttachment", each))
        assert await walk.seen(vm) != before, f"DiskAttachment.{each.dotted} changes nothing"
        await walk.remove_vm(vm)


ON_A_RUN: Final = ("shareable", "propagate_errors")


@pytest.mark.parametrize("as_attachment", [False, True], ids=["floating", "attached"])
async def test_of_a_disk_when_it_is_added(walk: Walk, as_attachment: bool) -> None:
    second = {"id": walk.installation.id_of("storage_domain", "second")}
    for each in unshown("Disk", *ON_A_RUN):
        others: dict[str, dict[str, Any]] = {
            "format": {"format": "cow"},
            "sparse": {"sparse": False, "format": "cow"},
            "provisioned_size": {"provisioned_size": 3 * GIB},
            "storage_domain": {"storage_domain": second, "storage_domains": None},
            "storage_domains": {"storage_domains": {"storage_domain": [second]}},
        }
        other = others[each.dotted]
        base: dict[str, Any] = {"sparse": {"sparse": True, "format": "cow"}}.get(each.dotted) or {}
        path, seen = "/disks", []
        if as_attachment:
            vm = await walk.add_vm()
            path = f"/vms/{vm}/diskattachments"
        for more in (base, other):
            disk = walk.disk(**more)
            document = {"interface": "virtio", "disk": disk} if as_attachment else disk
            seen.append(await walk.made_volume(path, document))
            if as_attachment:
                await walk.until_idle(vm)
        assert seen[0] != seen[1], f"Disk.{each.dotted} changes nothing"


async def test_of_a_disk(walk: Walk) -> None:
    vm = await walk.add_whole_vm()
    disk = walk.installation.document("vm", vm).disk_attachments[0].id
    for name in ON_A_RUN:
        before = await walk.seen(vm)
        await walk.put(f"/disks/{disk}", {name: True})
        assert await walk.seen(vm) != before, f"Disk.{name} changes nothing"
        await walk.put(f"/disks/{disk}", {name: False})
    volumes = walk.volumes()
    await walk.put(f"/disks/{disk}", {"provisioned_size": 3 * GIB})
    await walk.installation.until("disk", disk, lambda each: each.status == "ok" and each.provisioned_size == 3 * GIB)
    assert walk.volumes() != volumes


async def test_of_a_network_and_a_cluster(walk: Walk) -> None:
    vm = await walk.add_whole_vm()
    for cls, path in (
        ("Network", f"/networks/{walk.installation.id_of('network', 'ovirtmgmt')}"),
        ("Cluster", f"/clusters/{walk.installation.id_of('cluster', 'Default')}"),
        ("DataCenter", ""),
        ("VnicProfile", ""),
    ):
        for each in unshown(cls):
            before = await walk.seen(vm)
            await walk.put(path, changed(walk, cls, each))
            assert await walk.seen(vm) != before, f"{cls}.{each.dotted} changes nothing"


async def test_of_a_host(walk: Walk) -> None:
    assert [each.dotted for each in unshown("Host")] == ["cluster"]
    vm = await walk.add_vm(placement_policy={"hosts": {"host": [{"id": named_id("host-1")}]}})
    before = await walk.seen(vm)
    host = f"/hosts/{named_id('host-1')}"
    await walk.client.api("POST", f"{host}/deactivate", {})
    await walk.installation.until_status("host", "host-1", "maintenance")
    await walk.put(host, {"cluster": {"name": "other"}})
    await walk.client.api("POST", f"{host}/activate", {})
    await walk.installation.until_status("host", "host-1", "up")
    after = await walk.seen(vm)
    assert isinstance(after[1], str), "it started all the same"
    assert after != before


async def test_of_a_storage_domain(walk: Walk) -> None:
    def connected() -> dict[str, str]:
        return {path: storage.storage_domain_id for path, storage in walk.installation.world.storages.items()}

    left = [each for each in unshown("StorageDomain") if f"StorageDomain.{each.dotted}" not in WITHOUT_A_CHOICE]
    assert {each.dotted for each in left} == {"storage.path", "host"}
    assert connected()["/srv/elsewhere"] == ""
    made = await walk.post("/storagedomains", storage_domain("third", "/srv/elsewhere", "host-1"))
    assert connected()["/srv/elsewhere"] == made["id"]
    vm = await walk.add_vm()
    disk = {"name": "far", "provisioned_size": GIB, "storage_domains": {"storage_domain": [{"id": made["id"]}]}}
    await walk.attach(vm, disk)
    await walk.seen(vm)
    assert walk.places[-1].required_host_ids == (named_id("host-1"),)


def read_back(cls: str) -> list[WritableAttribute]:
    return [each for each in effective(cls) if each.effect and each.effect.shown]


async def test_what_is_only_read_can_be_read(walk: Walk) -> None:
    vm = await walk.add_whole_vm()
    document = walk.installation.document("vm", vm)
    paths = {
        "DataCenter": f"/datacenters/{walk.installation.id_of('data_center', 'Default')}",
        "Cluster": f"/clusters/{walk.installation.id_of('cluster', 'Default')}",
        "Host": f"/hosts/{named_id('host-0')}",
        "Vm": f"/vms/{vm}",
        "Nic": f"/vms/{vm}/nics/{document.nics[0].id}",
        "Disk": f"/disks/{document.disk_attachments[0].id}",
        "Template": f"/templates/{named_id('tiny')}",
        "Network": f"/networks/{walk.installation.id_of('network', 'blue')}",
        "VnicProfile": f"/vnicprofiles/{walk.installation.id_of('vnic_profile', 'blue')}",
        "StorageDomain": f"/storagedomains/{walk.installation.id_of('storage_domain', 'second')}",
    }
    for cls, path in paths.items():
        for each in read_back(cls):
            now = await walk.get(path)
            if f"{cls}.{each.dotted}" in FIXED:
                assert now[each.last.xml]["id"]
                continue
            value = value_for(walk, each)
            value = f"{value}-{each.dotted}" if isinstance(value, str) else value
            assert now.get(each.last.xml) != value
            await walk.put(path, body(each.path, value))
            again = (await walk.get(path))[each.last.xml]
            assert (again["id"] if isinstance(again, dict) else again) == (
                value["id"] if isinstance(value, dict) else value
            ), f"{cls}.{each.dotted} is not shown"


async def test_an_event_shows_what_was_sent(walk: Walk) -> None:
    vm = await walk.add_vm()
    references = {
        "vm": vm, "host": named_id("host-0"),
        "template": named_id("tiny"), "cluster": walk.installation.id_of("cluster", "Default"),
        "data_center": walk.installation.id_of("data_center", "Default"), "storage_domain": named_id("local"),
    }  # fmt: skip
    sent: dict[str, Any] = {name: {"id": id} for name, id in references.items()}
    for each in effective("Event"):
        if each.last.name not in references:
            sent[each.last.xml] = other_value(each)
    event = await walk.post("/events", sent)
    shown = await walk.get(f"/events/{event['id']}")
    for name, value in sent.items():
        found = shown[name]
        assert (found["id"] if isinstance(found, dict) else found) == (
            value["id"] if isinstance(value, dict) else str(value)
        ), name
