"""Tags over REST: the root in the entry point, assigned tags of VMs, hosts and templates, and searches for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protocol.inventory.model import ROOT_TAG_ID
from tests.engine.installation import small_installation
from tests.engine.names import named_id
from tests.engine.relations import comments_of_their_own
from tests.gateway.http import Client
from tests.gateway.running import running

VM = f"vms/{named_id('vm-0')}"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with small_installation(vms=3, hosts=1) as site, running(site.engine.port, tmp_path) as gateway:
        made = Client(gateway)
        assert (await made.login()).status == 200
        for name, parent in (("site", "root"), ("prod", "site"), ("web", "prod"), ("test", "site")):
            added = await made.api("POST", "/tags", {"name": name, "parent": {"name": parent}})
            assert added.status == 201, added.body
        yield made


async def names(client: Client, path: str) -> list[str]:
    answer = await client.api("GET", f"/{path}")
    assert answer.status == 200, answer.body
    (items,) = answer.json().values() if answer.json() else ([],)
    return sorted(item["name"] for item in items)


async def assign(client: Client, path: str, tag: str) -> Any:
    answer = await client.api("POST", f"/{path}/tags", {"name": tag})
    assert answer.status == 201, answer.body
    return answer.json()


async def test_the_entry_point_names_the_root(client: Client) -> None:
    api = (await client.api("GET", "")).json()
    assert api["special_objects"]["root_tag"]["id"] == ROOT_TAG_ID
    assert (await client.api("GET", f"/tags/{ROOT_TAG_ID}")).json()["name"] == "root"


@pytest.mark.parametrize("holder", [VM, f"hosts/{named_id('host-0')}", f"templates/{named_id('tiny')}"])
async def test_a_tag_is_assigned_and_taken_back(client: Client, holder: str) -> None:
    web = await assign(client, holder, "web")
    assert web["href"] == f"/ovirt-engine/api/{holder}/tags/{web['id']}"
    by_id = await client.api("POST", f"/{holder}/tags", {"id": web["id"]})
    assert (by_id.status, by_id.json()["name"]) == (201, "web")
    await assign(client, holder, "test")
    assert await names(client, f"{holder}/tags") == ["test", "web"]
    one = (await client.api("GET", f"/{holder}/tags/{web['id']}")).json()
    assert one["parent"]["href"].startswith("/ovirt-engine/api/tags/")
    followed = (await client.api("GET", f"/{holder}?follow=tags")).json()
    assert sorted(tag["name"] for tag in followed["tags"]["tag"]) == ["test", "web"]
    assert (await client.api("DELETE", f"/{holder}/tags/{web['id']}")).status == 200
    assert (await client.api("DELETE", f"/{holder}/tags/{web['id']}")).status == 404
    assert await names(client, f"{holder}/tags") == ["test"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [(VM, {"name": "none"}, 404), (VM, {"id": "none"}, 404), (VM, {}, 400), ("vms/none", {"name": "web"}, 404)],
)
async def test_what_cannot_be_assigned(client: Client, path: str, body: Any, status: int) -> None:
    answer = await client.api("POST", f"/{path}/tags", body)
    assert answer.status == status, answer.body


async def test_tags_go_with_their_parent(client: Client) -> None:
    await assign(client, VM, "web")
    prod = (await client.api("GET", "/tags?search=name%3Dprod")).json()["tag"][0]
    assert (await client.api("DELETE", f"/tags/{prod['id']}")).status == 200
    assert await names(client, "tags") == ["root", "site", "test"]
    assert await names(client, f"{VM}/tags") == []


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("tag=web", ["vm-0"]),
        ("tag=prod", ["vm-0", "vm-1"]),
        ("tag=site", ["vm-0", "vm-1", "vm-2"]),
        ("tag=root", ["vm-0", "vm-1", "vm-2"]),
        ("tag=w*", ["vm-0"]),
        ("tag=*o*", ["vm-0", "vm-1", "vm-2"]),
        ("tag=prod and status=down", ["vm-1"]),
        ("tag!=prod", ["vm-2"]),
        ("tag=test or tag=web", ["vm-0", "vm-2"]),
        ("tag=none", []),
        ("prod", []),
    ],
)
async def test_a_search_finds_what_bears_the_tag_or_one_below_it(client: Client, search: str, found: list[str]) -> None:
    for vm, tag in (("vm-0", "web"), ("vm-1", "prod"), ("vm-2", "test")):
        await assign(client, f"vms/{named_id(vm)}", tag)
    listed = await names(client, "vms?search=" + search.replace("=", "%3D").replace(" ", "%20"))
    assert listed == found
    assert await names(client, "hosts?search=tag%3Dweb") == []


async def test_what_a_relation_says_of_itself_is_of_one_holder(client: Client) -> None:
    other = f"vms/{named_id('vm-1')}"
    with comments_of_their_own():
        given = await client.api("POST", f"/{VM}/tags", {"name": "web", "comment": "first"})
        assert (given.status, given.json()["comment"]) == (201, "first")
        await assign(client, other, "web")
        path = f"tags/{given.json()['id']}"
        assert "comment" not in (await client.api("GET", f"/{other}/{path}")).json()
        assert (await client.api("GET", f"/{path}")).json()["comment"] == ""
        changed = await client.api("PUT", f"/{VM}/{path}", {"comment": "second"})
        assert (changed.status, changed.json()["comment"]) == (200, "second")
        shown = (await client.api("GET", f"/{VM}/{path}")).json()
        assert (await client.api("PUT", f"/{VM}/{path}", shown)).json() == shown
        followed = (await client.api("GET", f"/{VM}?follow=tags")).json()
        assert followed["tags"]["tag"][0]["comment"] == "second"
        refused = await client.api("PUT", f"/{VM}/{path}", {"description": "of all"})
        assert (refused.status, refused.json()["detail"].split(".")[0]) == (
            400,
            "[description] Change it at the tag web itself",
        )
    assert (await client.api("PUT", f"/{VM}/{path}", {"comment": "third"})).status == 404


async def test_what_cannot_be_said_of_an_assignment_is_refused(client: Client) -> None:
    answer = await client.api("POST", f"/{VM}/tags", {"name": "web", "description": "of all"})
    assert (answer.status, answer.json()["reason"]) == (
        400,
        "The description of a tag is the same wherever it is assigned.",
    )
