"""What the REST API answers, over real TLS: documents, refusals, names for ids, parameters, status codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from lxml import etree

from protocol.commands.vm import AddVm, RemoveVm, StartVm, UpdateVm
from protocol.errors import Refusal
from protocol.model.types import Ref
from tests.gateway.fake_engine import FakeEngine, named_id, samples_of, small_engine
from tests.gateway.http import Client
from tests.gateway.running import running


@attrs.frozen
class World:
    engine: FakeEngine
    client: Client


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = small_engine(vms=5)
    async with running(engine, tmp_path) as gateway:
        client = Client(gateway)
        assert (await client.login()).status == 200
        yield World(engine, client)


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
    assert plain["cluster"] == {"href": f"/ovirt-engine/api/clusters/{named_id('cluster')}", "id": named_id("cluster")}
    assert {"href": f"{plain['href']}/nics", "rel": "nics"} in plain["link"]
    assert {"href": f"{plain['href']}/start", "rel": "start"} in plain["actions"]["link"]
    assert "nics" not in plain
    listed = (await world.client.api("GET", "/vms?max=2")).json()
    assert [vm["name"] for vm in listed["vm"]] == ["vm-0", "vm-1"]


async def test_names_become_ids_and_the_new_object_is_read_back(world: World) -> None:
    body = "<vm><name>new</name><cluster><name>Default</name></cluster><template><name>tiny</name></template></vm>"
    answer = await world.client.api("POST", "/vms?clone=true", body)
    assert answer.status == 202, answer.text
    root = etree.fromstring(answer.body)
    assert answer.headers["location"] == root.get("href")
    command = world.engine.submitted[-1].command
    assert isinstance(command, AddVm)
    assert command.clone
    assert command.document.cluster == Ref(id=named_id("cluster"))
    assert command.document.template == Ref(id=named_id("tiny"))
    assert (await world.client.api("GET", "/vms?search=name%3Dnew", "")).text.count("<vm ") == 1


async def test_expect_created_and_correlation_id_reach_the_engine(world: World) -> None:
    body = {"name": "n", "cluster": {"name": "Default"}}
    await world.client.api("POST", "/vms", body, Expect="201-created", Correlation_Id="mine")
    assert world.engine.submitted[-1].wait_seconds > 0
    assert world.engine.submitted[-1].correlation_id == "mine"
    await world.client.api("POST", f"/vms/{named_id('vm-1')}/start?correlation_id=query", {})
    assert world.engine.submitted[-1].correlation_id == "query"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"cluster": {"name": "Default"}}, 400, "'name'"),
        ({"name": "x", "cluster": {"name": "Nowhere"}}, 404, "no cluster named 'Nowhere'"),
        ({"name": "x", "cluster": {"id": "1"}}, 404, "no cluster with the id '1'"),
        ({"name": "x", "cluster": {}}, 400, "neither id nor name"),
        ({"name": "x", "cluster": {"name": "Default"}, "usb": {"enabled": True}}, 400, "not supported in this release"),
        ({"name": "x", "cluster": {"name": "Default"}, "memry": 1}, 400, "Did you mean 'memory'?"),
        ({"name": "x", "cluster": {"name": "Default"}, "memory": "much"}, 400, "no integer"),
        ({"name": "x", "cluster": {"name": "Default"}, "memory": 1024}, 400, "The least is 16777216 bytes."),
        ({"name": "x", "cluster": {"name": "Default"}, "type": "toaster"}, 400, "desktop, high_performance, server"),
        ({"name": "x", "cluster": {"name": "Default"}, "stateless": "maybe"}, 400, "no boolean"),
        ({"name": "x" * 256, "cluster": {"name": "Default"}}, 400, "256 characters"),
        ({"name": "x\u0000", "cluster": {"name": "Default"}}, 400, "control characters"),
        ({"name": "x", "cluster": "Default"}, 400, "reference"),
        ({"name": "x", "cluster": {"name": "Default"}, "cpu": {"topology": {"cores": 0}}}, 400, "cpu.topology.cores"),
    ],
)
async def test_refused_input_says_why_and_what_to_do(world: World, body: Any, status: int, reason: str) -> None:
    before = len(world.engine.submitted)
    answer = await world.client.api("POST", "/vms", body)
    assert answer.status == status, answer.text
    fault = answer.json()
    assert reason in fault["reason"] + " " + fault.get("detail", ""), fault
    assert len(world.engine.submitted) == before


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
    command = world.engine.submitted[-1].command
    assert isinstance(command, UpdateVm)
    assert command.document.status is None
    assert command.document.nics is None
    assert command.document.id is None


async def test_remove_answers_200_with_a_body(world: World) -> None:
    id = named_id("vm-1")
    answer = await world.client.api("DELETE", f"/vms/{id}?detach_only=true", "")
    assert (answer.status, etree.fromstring(answer.body).findtext("status")) == (200, "complete")
    command = world.engine.submitted[-1].command
    assert isinstance(command, RemoveVm)
    assert command.detach_only
    assert (await world.client.api("GET", f"/vms/{id}", "")).status == 404


async def test_engine_refusal_becomes_a_fault(world: World) -> None:
    answer = await world.client.api("DELETE", f"/vms/{named_id('vm-0')}")
    assert answer.status == 409
    assert answer.json() == {"reason": "The VM runs.", "detail": "Stop it first."}
    world.engine.refuse_next = Refusal(code="no_host_fits", reason="No host fits.", reasons=("a: full", "b: off"))
    answer = await world.client.api("POST", f"/vms/{named_id('vm-1')}/start", {})
    assert answer.json()["detail"] == "a: full b: off"


async def test_action_with_parameters(world: World) -> None:
    id = named_id("vm-1")
    body = (
        "<action><async>true</async><use_cloud_init>false</use_cloud_init><pause>true</pause>"
        "<vm><memory>2147483648</memory></vm></action>"
    )
    answer = await world.client.api("POST", f"/vms/{id}/start", body)
    assert answer.status == 200, answer.text
    command = world.engine.submitted[-1].command
    assert isinstance(command, StartVm)
    assert command.pause
    assert command.vm is not None
    assert command.vm.memory == 2**31
    refused = await world.client.api("POST", f"/vms/{id}/start", "<action><use_sysprep>true</use_sysprep></action>")
    assert (refused.status, "not supported" in refused.text) == (400, True)
    ticket = await world.client.api("POST", f"/vms/{id}/ticket", {})
    assert ticket.json()["ticket"] == {"value": "secret", "expiry": "120"}


async def test_sub_collections(world: World) -> None:
    vm = f"/vms/{named_id('vm-0')}"
    nics = (await world.client.api("GET", f"{vm}/nics")).json()["nic"]
    assert nics[0]["vm"]["id"] == named_id("vm-0")
    assert nics[0]["href"] == f"/ovirt-engine/api{vm}/nics/{named_id('nic-0')}"
    added = await world.client.api("POST", f"{vm}/nics", {"name": "two", "vnic_profile": {"name": "ovirtmgmt"}})
    assert added.status == 201, added.text
    one = added.json()["href"].removeprefix("/ovirt-engine/api")
    assert (await world.client.api("PUT", one, {"linked": False})).json()["linked"] == "false"
    assert (await world.client.api("GET", f"{one}/reporteddevices")).json() == {"reported_device": []}
    assert (await world.client.api("DELETE", one)).status == 200
    assert (await world.client.api("GET", one)).status == 404
    assert (await world.client.api("GET", f"{vm}/nonsense")).status == 404
    clusters = (await world.client.api("GET", f"/datacenters/{named_id('dc')}/clusters")).json()["cluster"]
    assert clusters[0]["name"] == "Default"
    networks = (await world.client.api("GET", f"/clusters/{named_id('cluster')}/networks")).json()["network"]
    assert networks[0]["name"] == "ovirtmgmt"


async def test_follow_embeds_links(world: World) -> None:
    path = f"/vms/{named_id('vm-0')}?follow=nics.vnic_profile.network,cluster,statistics,reporteddevices"
    plain = (await world.client.api("GET", path)).json()
    assert plain["nics"]["nic"][0]["vnic_profile"]["network"]["name"] == "ovirtmgmt"
    assert plain["cluster"]["name"] == "Default"
    assert plain["reported_devices"]["reported_device"][0]["ips"]["ip"][0]["address"] == "10.1.0.0"
    assert {item["name"] for item in plain["statistics"]["statistic"]} >= {"memory.used", "cpu.current.total"}
    everything = (await world.client.api("GET", f"/vms/{named_id('vm-0')}", All_Content="true")).json()
    assert everything["nics"]["nic"][0]["name"] == "nic1"
    assert "name" not in everything["cluster"]


async def test_statistics_come_from_the_latest_sample(world: World) -> None:
    world.engine.sample(samples_of(world.engine))
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
        world.engine.event(f"event {number}")
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


async def test_unavailable_engine_refuses_commands_but_reads_go_on(world: World) -> None:
    world.engine.ready = False
    assert (await world.client.api("POST", f"/vms/{named_id('vm-1')}/start", {})).status == 503
    assert (await world.client.api("GET", "/vms")).status == 200
    assert (await world.client.send("GET", "/health/ready")).status == 503
    assert (await world.client.send("GET", "/health/live")).status == 200
    world.engine.ready = True
    assert (await world.client.send("GET", "/health/ready")).status == 200
    assert "corral_gateway_requests_total" in (await world.client.send("GET", "/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404), ("GET", "/vms/no-such", 404), ("PATCH", "/vms", 405), ("DELETE", "/vms", 405),
        ("POST", "/templates", 404), ("GET", "/vms?search=bogus%3D1", 400), ("GET", "/vms?max=lots", 400),
        ("GET", "/jobs", 200), ("GET", "/?schema", 200),
    ],
)  # fmt: skip
async def test_status_codes(world: World, method: str, path: str, status: int) -> None:
    answer = await world.client.api(method, path)
    assert answer.status == status, answer.text


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
