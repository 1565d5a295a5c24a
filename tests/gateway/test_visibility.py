"""What a user may not see is not there: in look-ups, lists, searches, followed links, statistics, live frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from trio_websocket import ConnectionClosed

from gateway.live.shared_frames import ChangeFilter
from gateway.read_model.model import ReadModel
from gateway.read_model.view import View
from gateway.visibility import ALL, Visibility
from protocol.activity.audit import line
from protocol.document import Ref
from protocol.inventory.assignment import ASSIGNMENT
from protocol.inventory.assignment_commands import Assign
from protocol.inventory.commands import AddEntity, UpdateEntity
from protocol.inventory.model import ROOT_TAG_ID, Tag
from protocol.vm.commands import RemoveVm, StopVm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.engine.samples import host_samples
from tests.gateway.http import Client
from tests.gateway.running import Running, running
from tests.gateway.sockets import Socket, json_socket, msgpack_socket, open_url

Open = Callable[..., AbstractAsyncContextManager[Socket]]
BOTH: Final = pytest.mark.parametrize("open_socket", [json_socket, msgpack_socket], ids=["json", "msgpack"])
RUNS, OFF, HIDDEN, HIDDEN_TOO = (named_id(f"vm-{number}") for number in range(4))
HOST: Final = named_id("host-0")


@attrs.define
class World:
    """Who asks sees vm-0, which runs, vm-1 and the tags below *seen*; nothing else."""

    site: Installation
    gateway: Running
    client: Client
    visibility: Visibility
    tags: dict[str, str]

    async def ids(self, path: str) -> set[str]:
        answer = await self.client.api("GET", path)
        assert answer.status == 200, answer.text
        ((_, items),) = answer.json().items()
        return {item["id"] for item in items}

    async def status(self, method: str, path: str, body: Any = None) -> int:
        return (await self.client.api(method, path, body)).status

    def socket(self, open_socket: Open, **subscribe: Any) -> AbstractAsyncContextManager[Socket]:
        return open_socket(self.gateway, self.client.token, **subscribe)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with small_installation(vms=4, hosts=1) as site:
        tags: dict[str, str] = {}
        for name, parent in (("seen", ""), ("below", "seen"), ("hidden", "")):
            document = Tag(name=name, parent=Ref(id=tags[parent]) if parent else None)
            tags[name] = await site.ask(AddEntity(kind="tag", document=document))
        for tag in ("below", "hidden"):
            for vm in (RUNS, HIDDEN):
                await site.ask(Assign(relation="tag", id=tags[tag], holder="vm", parent_id=vm))
        visibility = Visibility(frozenset({("vm", RUNS), ("vm", OFF), ("tag", tags["seen"])}))
        async with running(site.engine.port, tmp_path, lambda _: made.visibility) as gateway:
            made = World(site, gateway, Client(gateway), visibility, tags)
            await made.client.login()
            await made.client.read_up_to(site.sequence)
            yield made


async def test_what_is_hidden_is_in_no_list_and_at_no_address(world: World) -> None:
    assert await world.ids("/vms") == {RUNS, OFF}
    assert await world.ids("/tags") == {world.tags["seen"], world.tags["below"]}
    assert await world.ids("/hosts") == await world.ids("/clusters") == set()
    assert await world.status("GET", f"/vms/{RUNS}") == 200
    for path in (f"/vms/{HIDDEN}", f"/hosts/{HOST}", f"/tags/{world.tags['hidden']}", f"/vms/{HIDDEN}/nics"):
        assert await world.status("GET", path) == 404
    summary = (await world.client.api("GET", "")).json()["summary"]
    assert summary["vms"] == {"active": "1", "total": "2"}
    assert summary["hosts"] == {"active": "0", "total": "0"}


async def test_no_search_finds_it_or_asks_about_it(world: World) -> None:
    for query in ("name=vm-*", f"id={HIDDEN} or id={OFF}", "tag=seen or name=vm-1"):
        assert await world.ids(f"/vms?search={query.replace(' ', '%20')}") <= {RUNS, OFF}
    assert await world.ids("/vms?search=name%3Dvm-2") == set()
    assert await world.ids("/vms?search=tag%3Dbelow") == await world.ids("/vms?search=tag%3Dseen") == {RUNS}
    assert await world.ids("/vms?search=tag%3Dhidden") == set()
    assert (
        await world.ids("/vms?search=cluster.name%3DDefault") == await world.ids("/vms?search=host%3Dhost-0") == set()
    )


async def test_a_command_on_it_finds_nothing(world: World) -> None:
    before = world.site.sequence
    for method, path, body in (
        ("PUT", f"/vms/{HIDDEN}", {"comment": "x"}),
        ("DELETE", f"/vms/{HIDDEN}", None),
        ("POST", f"/vms/{HIDDEN}/stop", {}),
        ("POST", f"/vms/{HIDDEN}/nics", {"name": "nic9"}),
        ("POST", f"/vms/{OFF}/tags", {"name": "hidden"}),
        ("POST", f"/vms/{OFF}/tags", {"id": world.tags["hidden"]}),
        ("DELETE", f"/vms/{RUNS}/tags/{world.tags['hidden']}", None),
    ):
        assert await world.status(method, path, body) == 404
    assert world.site.sequence == before


async def test_below_what_is_seen_only_what_is_seen(world: World) -> None:
    assert await world.ids(f"/vms/{RUNS}/tags") == {world.tags["below"]}
    assert await world.status("GET", f"/vms/{RUNS}/tags/{world.tags['hidden']}") == 404
    cluster = world.site.id_of("cluster", "Default")
    data_center = world.site.id_of("data_center", "Default")
    within, other = Visibility(frozenset({("cluster", cluster)})), Visibility(frozenset({("data_center", data_center)}))
    world.visibility = within
    assert await world.ids("/vms") == {RUNS, OFF, HIDDEN, HIDDEN_TOO}
    assert await world.ids(f"/clusters/{cluster}/networks") == set(), "they lie in the data center"
    assert await world.status("GET", f"/datacenters/{data_center}/clusters") == 404
    world.visibility = other
    assert await world.ids(f"/datacenters/{data_center}/clusters") == {cluster}
    assert len(await world.ids("/vnicprofiles")) == 1, "in a network in the data center"


async def test_a_followed_link_stays_a_link(world: World) -> None:
    path = f"/vms/{RUNS}?follow=host,cluster,tags,nics"
    found = (await world.client.api("GET", path)).json()
    assert set(found["host"]) == set(found["cluster"]) == {"href", "id"}
    assert [tag["name"] for tag in found["tags"]["tag"]] == ["below"]
    assert len(found["nics"]["nic"]) == 1
    world.visibility = ALL
    found = (await world.client.api("GET", path)).json()
    assert (found["host"]["name"], found["cluster"]["name"]) == ("host-0", "Default")
    assert {tag["name"] for tag in found["tags"]["tag"]} == {"below", "hidden"}


async def test_statistics_are_those_of_what_is_seen(world: World) -> None:
    assert len(await world.ids(f"/vms/{RUNS}/statistics")) > 5
    for path in (f"/vms/{HIDDEN}", f"/hosts/{HOST}"):
        assert await world.status("GET", f"{path}/statistics") == 404
    assert "statistics" not in (await world.client.api("GET", f"/vms/{RUNS}?follow=host.statistics")).json()["host"]


@pytest.mark.parametrize("live", [False, True], ids=["https", "live"])
async def test_a_hidden_vm_has_no_console(world: World, live: bool) -> None:
    await world.site.until_status("vm", "vm-2", "up")
    serving = world.gateway.serving
    address = f"{serving.live_port}/console" if live else f"{serving.port}/ws/console"
    headers = [(b"authorization", f"Bearer {world.client.token}".encode())]
    url = f"wss://localhost:{address}/{HIDDEN}"
    async with open_url(url, world.gateway, extra_headers=headers) as connection:
        await connection.get_message()
        with pytest.raises(ConnectionClosed) as closed:
            await connection.get_message()
    assert closed.value.reason.code == 4404


async def test_who_sees_a_host_sees_how_many_vms_it_has(world: World) -> None:
    """What is counted is the host's; the same for all, whether links are followed or not."""
    world.visibility = Visibility(frozenset({("host", HOST)}))
    for path in (f"/hosts/{HOST}", f"/hosts/{HOST}?follow=cluster"):
        assert (await world.client.api("GET", path)).json()["summary"]["total"] == "2"
    assert await world.ids("/vms") == set()


async def test_events_and_jobs_are_seen_with_their_object(world: World) -> None:
    async def told(path: str, tag: str) -> list[dict[str, Any]]:
        return list((await world.client.api("GET", path)).json()[tag])

    events = await told("/events", "event")
    assert {event["vm"]["id"] for event in events} == {RUNS, OFF}
    assert all("host" not in event or "vm" in event for event in events)
    jobs = await world.ids("/jobs")
    world.visibility = ALL
    of_vm = {job["id"] for job in await told("/jobs", "job") if job["object"] in (f"vm/{RUNS}", f"vm/{OFF}")}
    assert jobs == of_vm != set()
    hidden = next(event["id"] for event in await told("/events", "event") if event.get("vm", {}).get("id") == HIDDEN)
    world.visibility = Visibility(frozenset({("vm", RUNS)}))
    assert await world.status("GET", f"/events/{hidden}") == 404


@BOTH
async def test_a_snapshot_holds_what_is_seen(world: World, open_socket: Open) -> None:
    async with world.socket(open_socket) as socket:
        await socket.until(1)
        found = set(socket.follower.objects)
    seen = {("vm", RUNS), ("vm", OFF), ("tag", world.tags["seen"]), ("tag", world.tags["below"])}
    assert {key for key in found if key[0] not in ("job", ASSIGNMENT)} == seen
    assert len([key for key in found if key[0] == ASSIGNMENT]) == 1
    assert len([key for key in found if key[0] == "job"]) == 1


@BOTH
async def test_changes_are_those_of_what_is_seen(world: World, open_socket: Open) -> None:
    site = world.site
    async with world.socket(open_socket, kinds=("vm", "tag", ASSIGNMENT)) as socket:
        await socket.until(1)
        await site.touch("vm-2")
        await site.ask(RemoveVm(id=HIDDEN_TOO))
        expected = [await site.touch("vm-1")]
        await site.ask(Assign(relation="tag", id=world.tags["hidden"], holder="vm", parent_id=OFF))
        await site.ask(Assign(relation="tag", id=world.tags["below"], holder="vm", parent_id=OFF))
        expected += site.changed(ASSIGNMENT)[-1:]
        await site.ask(RemoveVm(id=OFF))
        gone = site.changed("vm", ASSIGNMENT)
        await socket.until(gone[-1])
        assert socket.follower.changes[:2] == expected
        _, assignment, vm = socket.follower.changes[2:]
        assert assignment in gone[-3:-1], "its own assignment goes with it, not that of the hidden tag"
        assert vm == gone[-1]
        assert {kind for kind, _ in socket.follower.objects} == {"vm", "tag", ASSIGNMENT}
        assert ("vm", OFF) not in socket.follower.objects
        assert socket.follower.resyncs == []


@BOTH
async def test_events_come_with_what_they_tell_of(world: World, open_socket: Open) -> None:
    async with world.socket(open_socket, kinds=("event",)) as socket:
        await socket.until(1)
        await world.site.touch("vm-2")
        await world.site.touch("vm-1")
        await socket.until(world.site.changed("event")[-1])
        assert socket.follower.changes == world.site.changed("event")[-1:]


@BOTH
async def test_a_cursor_resumes_what_is_seen(world: World, open_socket: Open) -> None:
    site, wanted = world.site, {"kinds": ("vm", "event"), "ids": ()}
    async with world.socket(open_socket, **wanted) as socket:
        await socket.until(1)
        follower = socket.follower
    site.engine.audit(line("vm_updated", vm=HIDDEN, name="vm-2", user_name="somebody"))
    last = await site.touch("vm-1")
    async with world.socket(open_socket, **wanted, cursor=follower.cursor) as socket:
        socket.follower = follower
        await socket.until(last)
        assert follower.changes[0] == site.changed("vm")[-1]
        assert follower.resyncs == []


@BOTH
async def test_where_it_cannot_be_told_a_snapshot_comes(world: World, open_socket: Open) -> None:
    """What is hidden now, or gone, may have been seen before."""
    site = world.site
    async with world.socket(open_socket, kinds=("vm",)) as socket:
        await socket.until(1)
        follower = socket.follower
    await site.touch("vm-1")
    await site.touch("vm-2")
    async with world.socket(open_socket, kinds=("vm",), cursor=follower.cursor) as socket:
        socket.follower = follower
        await socket.until(await site.touch("vm-1"))
        assert follower.resyncs == [False]
        assert set(follower.state) == {("vm", RUNS), ("vm", OFF)}


async def test_samples_are_of_what_is_seen(world: World) -> None:
    samples = host_samples(HOST, (RUNS, HIDDEN), ((RUNS, "n"), (HIDDEN, "m")), ((RUNS, "d", 1.0, 1.0, 1.0, 1.0),))

    async def shown(**subscribe: Any) -> dict[str, Any]:
        async with world.socket(json_socket, samples=True, kinds=["tag"], **subscribe) as socket:
            await socket.until(1)
            world.site.engine.services.publish(samples)
            while (frame := await socket.frame())["op"] != "samples":
                pass
            return frame

    frame = await shown()
    assert [vm["vm_id"] for vm in frame["vms"]] == [RUNS]
    assert [row[0] for row in frame["nics"]] == [row[0] for row in frame["disks"]] == [RUNS]
    assert (frame["cpu_percent"], frame["memory_used_bytes"]) == (-1.0, -1), "the host is not to be seen"
    world.visibility = Visibility(frozenset({("host", HOST)}))
    frame = await shown()
    assert (frame["vms"], frame["cpu_percent"]) == ([], 30.0)
    world.visibility = ALL
    assert len((await shown(ids=[HIDDEN]))["vms"]) == 1


@BOTH
async def test_when_a_user_may_see_more_or_less_he_is_told_anew(world: World, open_socket: Open) -> None:
    async with world.socket(open_socket, kinds=("vm",)) as socket:
        await socket.until(1)
        world.visibility = Visibility(frozenset({("vm", HIDDEN)}))
        while not socket.follower.resyncs or socket.follower.in_snapshot:
            await socket.frame()
        assert set(socket.follower.state) == {("vm", HIDDEN)}
        await world.site.touch("vm-1")
        last = await world.site.touch("vm-2")
        await socket.until(last)
        assert socket.follower.changes == [last]


@BOTH
async def test_what_leaves_what_is_seen_is_gone(world: World, open_socket: Open) -> None:
    site, tags = world.site, world.tags
    async with world.socket(open_socket, kinds=("tag",)) as socket:
        await socket.until(1)
        moved = Tag(parent=Ref(id=tags["hidden"]))
        await site.ask(UpdateEntity(kind="tag", id=tags["below"], document=moved))
        await socket.until(site.changed("tag")[-1])
        assert set(socket.follower.state) == {("tag", tags["seen"])}


@BOTH
async def test_what_lies_below_goes_and_comes_with_what_moves(world: World, open_socket: Open) -> None:
    site, tags = world.site, world.tags
    deep = await site.ask(AddEntity(kind="tag", document=Tag(name="deep", parent=Ref(id=tags["below"]))))
    other = await site.ask(AddEntity(kind="tag", document=Tag(name="other", parent=Ref(id=tags["hidden"]))))
    await world.client.read_up_to(site.sequence)
    async with world.socket(open_socket, kinds=("tag",)) as socket:
        await socket.until(1)
        assert ("tag", deep) in socket.follower.state
        await site.ask(UpdateEntity(kind="tag", id=tags["below"], document=Tag(parent=Ref(id=tags["hidden"]))))
        await socket.until(site.changed("tag")[-1])
        assert set(socket.follower.state) == {("tag", tags["seen"])}
        await site.ask(UpdateEntity(kind="tag", id=tags["hidden"], document=Tag(parent=Ref(id=tags["seen"]))))
        await socket.until(site.changed("tag")[-1])
        assert set(socket.follower.state) == {("tag", id) for id in (*tags.values(), deep, other)}


async def test_the_jobs_of_a_vm_that_is_gone_are_gone(world: World) -> None:
    site = world.site
    world.visibility = Visibility(frozenset({("cluster", site.id_of("cluster", "Default"))}))
    await site.until_status("vm", "vm-2", "up")
    await site.ask(StopVm(id=HIDDEN))
    await site.until_status("vm", "vm-2", "down")
    await world.client.read_up_to(site.sequence)
    async with world.socket(json_socket, kinds=("vm", "job")) as socket:
        await socket.until(1)
        await site.ask(RemoveVm(id=HIDDEN))
        await socket.until(site.changed("vm")[-1])
        await socket.until(await site.touch("vm-0"))
        held = set(socket.follower.state)
    async with world.socket(json_socket, kinds=("vm", "job")) as socket:
        await socket.until(1)
        assert set(socket.follower.state) == held


async def test_a_list_holds_what_each_look_up_shows() -> None:
    async with small_installation(vms=3, hosts=1) as site:
        model = ReadModel()
        model.load(await site.engine.port.snapshot())
    seen = (
        ("vm", RUNS),
        ("cluster", site.id_of("cluster", "Default")),
        ("data_center", site.id_of("data_center", "Default")),
    )
    for within in (set(seen[:1]), set(seen[1:2]), set(seen[2:]), set(seen), {("tag", ROOT_TAG_ID), ("vm", "gone")}):
        view = View(model, Visibility(frozenset(within)))
        for kind in model.kinds():
            assert view.all(kind) == [record for record in model.all(kind) if view.get(kind, record.id)], (kind, within)


def test_who_sees_the_same_shares_frames() -> None:
    first, second = (Visibility(frozenset({("vm", RUNS), ("vm", OFF)})) for _ in range(2))
    of_kind = frozenset({"vm"})
    assert ChangeFilter(of_kind, visibility=first) == ChangeFilter(of_kind, visibility=second)
    assert ChangeFilter(of_kind, visibility=first) != ChangeFilter(of_kind)
