"""What the REST API answers, over real TLS: documents, refusals, names for ids, parameters, status codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio.testing
from lxml import etree

from protocol import limits
from protocol.activity.model import Event
from protocol.errors import Refusal
from protocol.vm.commands import UpdateVm
from protocol.vm.model import Vm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.engine.samples import host_samples
from tests.gateway.fake_engine import FakeEngine
from tests.gateway.http import Client
from tests.gateway.running import running


@attrs.frozen
class World:
    """Five VMs: vm-0, vm-2 and vm-4 run."""

    site: Installation
    engine: FakeEngine
    client: Client

    def vm(self, name: str) -> Any:
        return self.site.document("vm", named_id(name))

    def nic_id(self, name: str) -> str:
        return str(self.vm(name).nics[0].id)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with small_installation(vms=5, hosts=2) as site:
        engine = FakeEngine(site.engine.port)
        async with running(engine, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield World(site, engine, client)


async def test_entry_point_has_product_summary_and_links(world: World) -> None:
    answer = await world.client.api("GET", "", "")
    root = etree.fromstring(answer.body)
    assert root.tag == "api"
    assert root.findtext("product_info/name") == "Corral"
    assert root.findtext("product_info/version/major") == "4"
    assert root.findtext("summary/vms/total") == "5"
    assert root.findtext("summary/hosts/active") == "2"
    rels = {link.get("rel"): link.get("href") for link in root.findall("link")}
    assert rels["vms"] == "/ovirt-engine/api/vms"
    assert rels["vms/search"] == "/ovirt-engine/api/vms?search={query}"
    assert root.find("special_objects/blank_template").get("id") == "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("base", ["/api", "/rhevm-api"])
async def test_other_base_paths_have_hrefs_of_their_own(world: World, base: str) -> None:
    answer = await world.client.send("GET", f"{base}/vms", headers={"Accept": "application/xml"})
    assert answer.status == 200
    assert f'href="{base}/vms/{named_id("vm-0")}"' in answer.text
    assert "/ovirt-engine" not in answer.text


async def test_json_is_ovirts(world: World) -> None:
    answer = await world.client.api("GET", f"/vms/{named_id('vm-0')}")
    plain = answer.json()
    assert plain["memory"] == "1073741824"
    assert plain["stateless"] == "false"
    cluster_id = world.site.id_of("cluster", "Default")
    assert plain["cluster"] == {"href": f"/ovirt-engine/api/clusters/{cluster_id}", "id": cluster_id}
    assert {"href": f"{plain['href']}/nics", "rel": "nics"} in plain["link"]
    assert {"href": f"{plain['href']}/start", "rel": "start"} in plain["actions"]["link"]
    assert "nics" not in plain
    listed = (await world.client.api("GET", "/vms?max=2")).json()
    whole = (await world.client.api("GET", "/vms")).json()
    assert [vm["name"] for vm in listed["vm"]] == [vm["name"] for vm in whole["vm"]][:2]
    assert {vm["name"] for vm in whole["vm"]} == {f"vm-{number}" for number in range(5)}


async def test_names_become_ids_and_the_new_object_is_read_back(world: World) -> None:
    body = "<vm><name>new</name><cluster><name>Default</name></cluster><template><name>tiny</name></template></vm>"
    answer = await world.client.api("POST", "/vms?clone=true", body)
    assert answer.status == 202, answer.text
    root = etree.fromstring(answer.body)
    assert answer.headers["location"] == root.get("href")
    made = await world.site.until("vm", str(root.get("id")), lambda vm: vm.status == "down")
    assert made.cluster.id == world.site.id_of("cluster", "Default")
    assert made.template.id == named_id("tiny")
    (attachment,) = made.disk_attachments
    (volume,) = (volume for volume in volumes(world) if volume.ref.image_id == attachment.disk.id)
    assert volume.backing == "", "a clone is a full copy"
    assert (await world.client.api("GET", "/vms?search=name%3Dnew", "")).text.count("<vm ") == 1


def volumes(world: World) -> list[Any]:
    (storage,) = world.site.world.storages.values()
    return list(storage.volumes.values())


async def test_what_is_made_from_a_template_is_thin(world: World) -> None:
    body = {"name": "thin", "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
    made = (await world.client.api("POST", "/vms", body)).json()
    vm = await world.site.until("vm", made["id"], lambda vm: vm.status == "down")
    (volume,) = (volume for volume in volumes(world) if volume.ref.image_id == vm.disk_attachments[0].disk.id)
    (template,) = world.site.document("template", named_id("tiny")).disk_attachments
    assert template.disk.id in volume.backing


async def test_who_expects_the_object_to_be_made_waits_for_it(world: World) -> None:
    body = {"name": "n", "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
    at_once = await world.client.api("POST", "/vms", {**body, "name": "m"})
    assert (at_once.status, at_once.json()["status"]) == (202, "image_locked")
    made = await world.client.api("POST", "/vms", body, Expect="201-created")
    assert (made.status, made.json()["status"]) == (201, "down")


async def test_who_expects_an_object_that_cannot_be_made_is_told_why(world: World) -> None:
    (storage,) = world.site.world.storages.values()
    storage.capacity_bytes = storage.used_bytes
    body = {"name": "n", "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
    answer = await world.client.api("POST", "/vms", body, Expect="201-created")
    assert (answer.status, "is full" in answer.json()["reason"]) == (409, True), answer.text
    assert answer.json()["detail"].startswith("See job ")
    assert (await world.client.api("GET", "/vms?search=name%3Dn")).json() == {"vm": []}


async def test_the_correlation_id_is_on_every_change_of_a_command(world: World) -> None:
    def kinds(correlation_id: str) -> set[str]:
        return {row.kind for row in world.site.store.tables.journal if row.correlation_id == correlation_id}

    body = {"name": "n", "cluster": {"name": "Default"}}
    await world.client.api("POST", "/vms", body, Correlation_Id="mine")
    assert {"vm", "event"} <= kinds("mine")
    await world.client.api("POST", f"/vms/{named_id('vm-1')}/start?correlation_id=query", {})
    await world.site.until_status("vm", "vm-1", "up")
    assert {"vm", "event", "job"} <= kinds("query")


async def test_a_request_repeated_under_its_key_is_done_once(world: World) -> None:
    body = {"name": "keyed", "cluster": {"name": "Default"}}
    first = await world.client.api("POST", "/vms", body, Idempotency_Key="k1")
    again = await world.client.api("POST", "/vms", body, Idempotency_Key="k1")
    assert first.json()["id"] == again.json()["id"]
    assert len(world.site.engine.rows.named(Vm, "keyed")) == 1
    other = await world.client.api("POST", "/vms", body | {"name": "other"}, Idempotency_Key="k1")
    assert other.status == 409
    assert "was used for another request" in other.text
    assert world.site.engine.rows.named(Vm, "other") == []
    assert "k1" not in (first.json()["id"], named_id("k1")), "key, command, object and job have ids of their own"
    long = await world.client.api("POST", "/vms", body | {"name": "long"}, Idempotency_Key="k" * 256)
    assert long.status == 400


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        (f"/vms/{named_id('vm-1')}", {"name": "vm-1"}, {"name": "other"}),
        (f"/vms/{named_id('vm-1')}?dry_run=false", {}, {"comment": "other"}),
        ("/clusters/{Default}", {"name": "Default"}, {"name": "other"}),
    ],
)
async def test_the_key_of_what_changed_nothing_is_used_too(world: World, path: str, body: Any, other: Any) -> None:
    path = path.replace("{Default}", world.site.id_of("cluster", "Default"))
    for sent, status in ((body, 200), (body, 200), (other, 409)):
        answer = await world.client.api("PUT", path, sent, Idempotency_Key="k1")
        assert answer.status == status, answer.text
    assert "was used for another request" in answer.text


async def test_an_attach_that_was_refused_in_the_end_is_refused_again(world: World) -> None:
    disk = {"name": "d", "provisioned_size": 1024**3, "storage_domains": {"storage_domain": [{"name": "local"}]}}
    id = (await world.client.api("POST", "/disks", disk, Expect="201-created")).json()["id"]
    body = {"interface": "virtio", "disk": {"id": id}}
    for name, status in (("vm-1", 201), ("vm-3", 409), ("vm-3", 409)):
        path = f"/vms/{named_id(name)}/diskattachments"
        answer = await world.client.api("POST", path, body, Idempotency_Key=f"k-{name}", Expect="201-created")
        assert (answer.status, "attached to the VM vm-1" in answer.text) == (status, status == 409), answer.text


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"cluster": {"name": "Default"}}, 400, "'name'"),
        ({"name": "x", "cluster": {"name": "Nowhere"}}, 404, "no cluster named 'Nowhere'"),
        ({"name": "x", "cluster": {"id": "1"}}, 404, "no cluster with id '1'"),
        (
            {"name": "x", "template": {"id": named_id("tiny"), "name": "huge"}, "cluster": {"name": "Default"}},
            400,
            "'template': the template with id",
        ),
        ({"name": "x", "cluster": {}}, 400, "neither id nor name"),
        ({"name": "x", "cluster": {"name": "Default"}, "usb": {"enabled": True}}, 400, "not supported in this release"),
        ({"name": "x", "cluster": {"name": "Default"}, "memry": 1}, 400, "Did you mean 'memory'?"),
        ({"name": "x", "cluster": {"name": "Default"}, "memory": "much"}, 400, "not an integer"),
        ({"name": "x", "cluster": {"name": "Default"}, "memory": 1024}, 400, "The minimum is 16 MiB."),
        ({"name": "x", "cluster": {"name": "Default"}, "type": "toaster"}, 400, "desktop, high_performance, server"),
        ({"name": "x", "cluster": {"name": "Default"}, "stateless": "maybe"}, 400, "not a boolean"),
        ({"name": "x" * 256, "cluster": {"name": "Default"}}, 400, "256 characters"),
        ({"name": "x\u0000", "cluster": {"name": "Default"}}, 400, "control characters"),
        ({"name": "x", "cluster": "Default"}, 400, "reference"),
        (
            {"name": "x", "cluster": {"name": "Default"}, "os": {"type": "cp_m"}},
            400,
            "Choose one of: other, other_linux",
        ),
        ({"name": "x", "cluster": {"name": "Default"}, "cpu": {"topology": {"cores": 0}}}, 400, "cpu.topology.cores"),
    ],
)
async def test_refused_input_says_why_and_what_to_do(world: World, body: Any, status: int, reason: str) -> None:
    answer = await world.client.api("POST", "/vms", body)
    assert answer.status == status, answer.text
    fault = answer.json()
    assert reason in fault["reason"] + " " + fault.get("detail", ""), fault
    assert world.engine.submitted == []


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE vm [<!ENTITY x SYSTEM "file:///etc/passwd">]><vm><name>&x;</name></vm>',
        "<vm><name>unclosed</vm>",
        "<host><name>x</name></host>",
        "<vm>" + "<cpu>" * 100 + "</cpu>" * 100 + "</vm>",
        "<vm><name>a</name><name>b</name></vm>",
    ],
)
async def test_hostile_or_broken_xml_is_bad_input(world: World, body: str) -> None:
    answer = await world.client.api("POST", "/vms", body)
    assert answer.status == 400
    assert etree.fromstring(answer.body).tag == "fault"


async def test_update_ignores_read_only_and_links_sent_back(world: World) -> None:
    id = named_id("vm-1")
    document = (await world.client.api("GET", f"/vms/{id}")).json()
    document["memory"] = 2 * 1024**3
    answer = await world.client.api("PUT", f"/vms/{id}", document)
    assert answer.status == 200, answer.text
    assert answer.json()["memory"] == str(2 * 1024**3)
    assert world.vm("vm-1").memory == 2 * 1024**3
    assert (world.vm("vm-1").status, len(world.vm("vm-1").nics)) == ("down", 1)
    command = world.engine.submitted[-1].command
    assert isinstance(command, UpdateVm)
    assert command.document.status is None
    assert command.document.nics is None
    assert command.document.id is None


async def test_an_update_of_another_object_than_its_address_is_refused(world: World) -> None:
    document = {"id": named_id("vm-3"), "comment": "mine"}
    answer = await world.client.api("PUT", f"/vms/{named_id('vm-1')}", document)
    assert (answer.status, "send the update to the address" in answer.text) == (400, True), answer.text
    assert (await world.client.api("PUT", f"/vms/{named_id('vm-3')}", document)).status == 200


async def test_remove_answers_200_with_a_body(world: World) -> None:
    body = {"name": "n", "cluster": {"name": "Default"}, "template": {"name": "tiny"}}
    ids = []
    for name in ("kept", "gone"):
        id = (await world.client.api("POST", "/vms", {**body, "name": name}, Expect="201-created")).json()["id"]
        ids.append((id, world.site.document("vm", id).disk_attachments[0].disk.id))
    for (id, _), query in zip(ids, ("?detach_only=true", ""), strict=True):
        answer = await world.client.api("DELETE", f"/vms/{id}{query}", "", Expect="201-created")
        assert (answer.status, etree.fromstring(answer.body).findtext("status")) == (200, "complete")
        await world.site.until_gone("vm", id)
        assert (await world.client.api("GET", f"/vms/{id}", "")).status == 404
    found = [(await world.client.api("GET", f"/disks/{disk_id}")).status for _, disk_id in ids]
    assert found == [200, 404]


async def test_engine_refusal_becomes_a_fault(world: World) -> None:
    answer = await world.client.api("DELETE", f"/vms/{named_id('vm-0')}")
    assert answer.status == 409
    assert answer.json() == {
        "reason": "Cannot remove VM vm-0: it is up; it must be down.", "detail": "[status] Stop it first.",
    }  # fmt: skip
    put = await world.client.api("PUT", f"/vms/{named_id('vm-1')}", {"memory": 100 * 1024**3})
    assert put.status == 200, put.text
    answer = await world.client.api("POST", f"/vms/{named_id('vm-1')}/start", {})
    assert answer.status == 409
    for host in ("host-0", "host-1"):
        assert f"{host}: " in answer.json()["detail"]


async def test_an_engine_in_trouble_is_a_503_that_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start = f"/vms/{named_id('vm-1')}/start"
    world.engine.refuse_next = Refusal(
        code="overloaded",
        status=503,
        retryable=True,
        reason="Too much waits.",
        reasons=("a: 9", "b: 8"),
        remedy="Wait.",
    )
    refused = await world.client.api("POST", start, {})
    assert (refused.status, refused.json()) == (503, {"reason": "Too much waits.", "detail": "a: 9\nb: 8\nWait."})
    world.engine.is_stuck = True
    monkeypatch.setattr(limits, "ask_timeout_seconds", 0.1)
    late = await world.client.api("POST", start, {}, Correlation_Id="mine")
    assert (late.status, late.json()["reason"]) == (
        503,
        "The engine did not answer in time; the command may still take effect.",
    )
    assert "mine" in late.json()["detail"]


async def test_action_with_parameters(world: World) -> None:
    id = named_id("vm-1")
    body = (
        "<action><async>true</async><use_cloud_init>false</use_cloud_init><pause>true</pause>"
        "<vm><memory>2147483648</memory></vm></action>"
    )
    answer = await world.client.api("POST", f"/vms/{id}/start", body)
    assert answer.status == 200, answer.text
    await world.site.until_status("vm", "vm-1", "paused")
    (qemu,) = world.site.world.running()[id]
    assert qemu.spec.memory_bytes == 2**31, "of this run alone"
    assert world.vm("vm-1").memory == (1024 + 1) * 1024**2
    refused = await world.client.api("POST", f"/vms/{id}/start", "<action><use_sysprep>true</use_sysprep></action>")
    assert (refused.status, "not supported" in refused.text) == (400, True)


async def test_a_ticket_is_that_of_the_running_qemu(world: World) -> None:
    ticket = await world.client.api("POST", f"/vms/{named_id('vm-0')}/ticket", {})
    (qemu,) = world.site.world.running()[named_id("vm-0")]
    assert ticket.json()["ticket"] == {"value": qemu.ticket, "expiry": "120"}
    assert len(qemu.ticket) >= 8
    own = await world.client.api("POST", f"/vms/{named_id('vm-0')}/ticket", {"ticket": {"value": "mine", "expiry": 5}})
    assert own.json()["ticket"] == {"value": "mine", "expiry": "5"}
    for wrong in ({"expiry": 10**15}, {"expiry": 0}, {"value": "nine char"}):
        answer = await world.client.api("POST", f"/vms/{named_id('vm-0')}/ticket", {"ticket": wrong})
        assert answer.status == 400, answer.text
    assert qemu.ticket == "mine"
    assert (await world.client.api("POST", f"/vms/{named_id('vm-1')}/ticket", {})).status == 409


async def test_sub_collections(world: World) -> None:
    vm = f"/vms/{named_id('vm-1')}"
    nics = (await world.client.api("GET", f"{vm}/nics")).json()["nic"]
    assert nics[0]["vm"]["id"] == named_id("vm-1")
    assert nics[0]["href"] == f"/ovirt-engine/api{vm}/nics/{world.nic_id('vm-1')}"
    added = await world.client.api("POST", f"{vm}/nics", {"name": "two", "vnic_profile": {"name": "ovirtmgmt"}})
    assert added.status == 201, added.text
    one = added.json()["href"].removeprefix("/ovirt-engine/api")
    assert (await world.client.api("PUT", one, {"linked": False})).json()["linked"] == "false"
    assert [nic.linked for nic in world.vm("vm-1").nics] == [True, False]
    assert (await world.client.api("GET", f"{one}/reporteddevices")).json() == {"reported_device": []}
    assert (await world.client.api("DELETE", one)).status == 200
    assert (await world.client.api("GET", one)).status == 404
    assert (await world.client.api("GET", f"{vm}/nonsense")).status == 404
    clusters = (
        await world.client.api("GET", f"/datacenters/{world.site.id_of('data_center', 'Default')}/clusters")
    ).json()["cluster"]
    assert clusters[0]["name"] == "Default"
    networks = (await world.client.api("GET", f"/clusters/{world.site.id_of('cluster', 'Default')}/networks")).json()[
        "network"
    ]
    assert networks[0]["name"] == "ovirtmgmt"


async def test_follow_embeds_links(world: World) -> None:
    path = f"/vms/{named_id('vm-0')}?follow=nics.vnic_profile.network,cluster,statistics,reporteddevices"
    plain = (await world.client.api("GET", path)).json()
    assert plain["nics"]["nic"][0]["vnic_profile"]["network"]["name"] == "ovirtmgmt"
    assert plain["cluster"]["name"] == "Default"
    (address,) = world.vm("vm-0").reported_devices[0].ips
    assert plain["reported_devices"]["reported_device"][0]["ips"]["ip"][0]["address"] == address.address
    assert {item["name"] for item in plain["statistics"]["statistic"]} >= {"memory.used", "cpu.current.total"}
    everything = (await world.client.api("GET", f"/vms/{named_id('vm-0')}", All_Content="true")).json()
    assert everything["nics"]["nic"][0]["name"] == "nic1"
    assert "name" not in everything["cluster"]


async def test_statistics_come_from_the_latest_sample(world: World) -> None:
    world.site.engine.services.publish(host_samples(named_id("host-0"), [named_id("vm-0")]))
    path = f"/vms/{named_id('vm-0')}/statistics"
    figures = {
        item["name"]: item["values"]["value"][0]["datum"]
        for item in (await world.client.api("GET", path)).json()["statistic"]
    }
    assert figures["memory.used"] == str(512 * 1024**2)
    assert figures["cpu.current.total"] == "12.5"
    host = (await world.client.api("GET", f"/hosts/{named_id('host-0')}/statistics/memory.free")).json()
    assert host["values"]["value"][0]["datum"] == str(48 * 1024**3)


async def test_events_newest_first_from_and_max(world: World) -> None:
    for number in range(3):
        world.site.engine.audit(Event(severity="normal", code=1, description=f"event {number}"))
    await trio.testing.wait_all_tasks_blocked()
    await world.client.read_up_to(world.site.sequence)
    events = (await world.client.api("GET", "/events?max=2")).json()["event"]
    assert [event["description"] for event in events] == ["event 2", "event 1"]
    later = (await world.client.api("GET", f"/events;from={events[1]['index']}")).json()["event"]
    assert [event["description"] for event in later] == ["event 2"]
    added = await world.client.api(
        "POST", "/events", {"description": "backup done", "severity": "normal", "origin": "backup", "custom_id": 7}
    )
    assert added.status == 201, added.text
    assert added.json()["custom_id"] == "7"
    found = (await world.client.api("GET", "/events?search=message%3D*backup*")).json()["event"]
    assert [event["id"] for event in found] == [added.json()["id"]]


async def test_entity_tags(world: World) -> None:
    path = f"/vms/{named_id('vm-0')}"
    tag = (await world.client.api("GET", path)).headers["etag"]
    assert (await world.client.api("GET", path, If_None_Match=tag)).status == 304


async def test_commands_are_refused_while_the_database_is_away_and_reads_go_on(world: World) -> None:
    start = f"/vms/{named_id('vm-1')}/start"
    world.site.store.away = True
    assert (await world.client.api("POST", start, {})).status == 503
    world.site.engine.audit(Event(severity="normal", code=1, description="what the engine cannot keep"))
    await world.client.until_health(lambda answer: answer.status == 503)
    refused = await world.client.api("POST", start, {})
    assert (refused.status, world.vm("vm-1").status) == (503, "down")
    assert (await world.client.api("GET", "/vms")).status == 200
    assert (await world.client.send("GET", "/health/live")).status == 200
    world.site.store.away = False
    await world.client.until_health(lambda answer: answer.status == 200)
    assert (await world.client.api("POST", start, {})).status == 200
    assert "corral_gateway_requests_total" in (await world.client.send("GET", "/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404), ("GET", "/vms/no-such", 404), ("PATCH", "/vms", 405), ("DELETE", "/vms", 405),
        ("POST", "/templates", 404), ("GET", "/vms?search=bogus%3D1", 400), ("GET", "/vms?max=lots", 400),
        ("GET", "/jobs", 200), ("GET", "/?schema", 200), ("GET", "/vms?max=1&max=2", 400), ("GET", "/vms;max=1?max=2", 400),
    ],
)  # fmt: skip
async def test_status_codes(world: World, method: str, path: str, status: int) -> None:
    answer = await world.client.api(method, path)
    assert answer.status == status, answer.text


async def test_jobs_are_listed_newest_first(world: World) -> None:
    for name, verb in (("vm-1", "start"), ("vm-0", "stop"), ("vm-2", "stop")):
        answer = await world.client.api("POST", f"/vms/{named_id(name)}/{verb}", {})
        assert answer.status == 200, answer.text
    about = [f"vm/{named_id(name)}" for name in ("vm-2", "vm-0", "vm-1")]
    for query in ("", "?search=description%3D*vm*"):
        jobs = (await world.client.api("GET", f"/jobs{query}")).json()["job"]
        assert [job["object"] for job in jobs][:3] == about
        assert len(jobs) > 3, "those that made the installation are older"
    (newest,) = (await world.client.api("GET", "/jobs?max=1")).json()["job"]
    assert newest["object"] == about[0]


@pytest.mark.parametrize("path", ["/", "/ovirt-engine"])
async def test_who_opens_the_address_alone_is_told_where_things_are(world: World, path: str) -> None:
    answer = await world.client.send("GET", path)
    assert answer.status == 200
    assert "/ovirt-engine/api " in answer.text
    assert "/openapi.json " in answer.text


async def test_descriptions(world: World) -> None:
    rsdl = etree.fromstring((await world.client.api("GET", "?rsdl", "")).body)
    adds = rsdl.xpath("//link[@href='/ovirt-engine/api/vms' and @rel='add']")
    names = {
        p.findtext("name"): p.findtext("required") for p in adds[0].iter("parameter") if p.find("required") is not None
    }
    assert names["name"] == "true"
    assert names["memory"] == "false"
    description = (await world.client.send("GET", "/openapi.json")).json()
    assert description["openapi"] == "3.1.0"
    assert "/vms/{vm_id}/nics/{nic_id}" in description["paths"]
    ids = [op["operationId"] for path in description["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))
