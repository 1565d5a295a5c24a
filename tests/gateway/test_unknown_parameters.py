"""No parameter of a request is ignored: what is not read is refused by its name, before anything is done."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.rest.describe.walk import Link, walk_links
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.http import Client
from tests.gateway.running import running

VM = f"/vms/{named_id('vm-0')}"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Installation, Client]]:
    async with small_installation(vms=1, hosts=1) as installation:
        async with running(installation.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            made = await client.api("POST", "/tags", {"name": "t"})
            assert (await client.api("POST", f"{VM}/tags", {"id": made.json()["id"]})).status == 201
            yield installation, client


async def found(client: Client, link: Link) -> str:
    """The link with the ids of objects that are there; an id of nobody where there is none."""
    path = ""
    for part in link.path.split("/"):
        if part.startswith("{"):
            listed = next(iter((await client.api("GET", path)).json().values()), [])
            part = listed[0]["id"] if listed else "nobody"
        path += f"/{part}"
    return path


async def test_a_parameter_that_nobody_knows_is_refused_on_every_link(site: tuple[Installation, Client]) -> None:
    _, client = site
    refused = 0
    for link in walk_links():
        path = await found(client, link)
        answer = await client.api(link.method, f"{path}?serch=x", {} if link.method in ("POST", "PUT") else None)
        if answer.status == 404 and "nobody" in path:
            continue
        assert (answer.status, "'serch'" in answer.json()["reason"]) == (400, True), (link.method, path, answer.text)
        assert re.search(r"Known here|nothing is known", answer.json()["detail"]), answer.text
        refused += 1
    assert refused > 70


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("DELETE", f"{VM}?detach_onlyy=true", "Did you mean 'detach_only'?"),
        ("PUT", f"{VM}?nextrun=true", "Did you mean 'next_run'?"),
        ("PUT", f"{VM}?memory=1", "Send it in the body"),
        ("POST", f"{VM}/shutdown?force=true", "Send it in the body"),
        ("POST", f"{VM}/shutdown?vm=x", "Known here: async, dry_run."),
        ("POST", "/vms?name=x", "Send it in the body"),
        ("POST", "/vms?seal=true", "Leave it out or send false."),
        ("POST", "/hosts?activate=false", "Leave it out or send true."),
        ("DELETE", "/storagedomains/{local}?format=true", "Leave it out or send false."),
        ("GET", "/hosts?migration_target_of=x", "Leave it out."),
        ("GET", f"{VM}?max=1", "Known here: all_content, follow, next_run."),
        ("GET", f"{VM}/nics?search=name%3Dx", "Known here: all_content, follow, max."),
        ("GET", "/vms?dry_run=true", "Known here"),
        ("GET", "/vms?from=1", "Known here"),
        ("GET", f"{VM}?follow=nicz", "Did you mean 'nics'?"),
        ("GET", "/vms?follow=nics.vnic_profile.name", "Known here: network."),
        ("GET", f"{VM}/nics?follow=cluster", "Known here: mac, network, reported_devices, statistics, template, vm"),
        ("GET", f"{VM}?follow=permissions", "Leave it out."),
        ("GET", f"{VM}?follow=name", "Known here"),
        ("GET", "?follow=x", "Known here: openapi.json, rsdl, schema."),
    ],
)
async def test_what_would_be_ignored_is_refused(
    site: tuple[Installation, Client], method: str, path: str, said: str
) -> None:
    installation, client = site
    path = path.replace("{local}", installation.id_of("storage_domain", "local"))
    answer = await client.api(method, path, {} if method in ("POST", "PUT") else None)
    assert (answer.status, said in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/vms?filter=false&correlation_id=x&case_sensitive=true&ovf_as_ova=false&max=-1", 200),
        ("GET", f"{VM}?next_run=false&all_content=true", 200),
        ("GET", f"{VM}/graphicsconsoles?current=true", 200),
        ("GET", "/vms?follow=nics.vnic_profile.network.data_center,disk_attachments.disk.vms.host,tags.parent", 200),
        ("GET", "/datacenters?follow=clusters.networks,storage_domains.disks.statistics", 200),
        ("PUT", f"{VM}?async=true&correlation_id=x", 200),
        ("POST", f"{VM}/shutdown?async=true&dry_run=true", 200),
        ("DELETE", "/storagedomains/{local}?host=host-0&format=false&async=true&dry_run=true", 409),
    ],
)
async def test_what_ovirts_clients_send_is_accepted(
    site: tuple[Installation, Client], method: str, path: str, status: int
) -> None:
    installation, client = site
    path = path.replace("{local}", installation.id_of("storage_domain", "local"))
    answer = await client.api(method, path, {} if method in ("POST", "PUT") else None)
    assert answer.status in (status, 200), answer.text


async def test_a_removal_reads_its_parameters_in_the_body_too(site: tuple[Installation, Client]) -> None:
    _, client = site
    for body, status in (({"detach_onlyy": True}, 400), ({"force": True}, 400), ({"detach_only": True}, 409)):
        answer = await client.api("DELETE", VM, body)
        assert answer.status == status, answer.text
    both = await client.api("DELETE", f"{VM}?detach_only=false", {"detach_only": True})
    assert (both.status, "given twice" in both.text) == (400, True), both.text


async def test_a_vm_as_it_starts_next_is_shown_where_nothing_waits_for_that(site: tuple[Installation, Client]) -> None:
    _, client = site
    same = await client.api("GET", f"{VM}?next_run=true")
    assert same.json() == (await client.api("GET", VM)).json()
    assert (await client.api("PUT", VM, {"memory": 2 * 1024**3})).json()["next_run_configuration_exists"] == "true"
    refused = await client.api("GET", f"{VM}?next_run=true")
    assert (refused.status, "cannot be shown yet" in refused.text) == (400, True), refused.text
    assert (await client.api("GET", f"{VM}?next_run=false")).status == 200
