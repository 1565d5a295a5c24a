"""Subscriptions: snapshot and every change, in order, resumed, conflated, reset; consoles; who may connect."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from actors import engine_port
from gateway.live.frames import Cursor
from protocol import limits
from protocol.activity.model import Event
from protocol.inventory.assignment import ASSIGNMENT
from protocol.inventory.assignment_commands import Assign
from protocol.inventory.commands import AddEntity, RemoveEntity
from protocol.inventory.model import Tag
from protocol.vm.commands import RemoveVm, StartVm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.engine.samples import host_samples
from tests.gateway.http import Client
from tests.gateway.running import Running, running
from tests.gateway.sockets import Socket, json_socket, msgpack_socket, open_url

Open = Callable[..., AbstractAsyncContextManager[Socket]]
BOTH = pytest.mark.parametrize("open_socket", [json_socket, msgpack_socket], ids=["json", "msgpack"])


@attrs.frozen
class World:
    site: Installation
    gateway: Running
    token: str


@asynccontextmanager
async def opened(directory: Path, *, vms: int = 10, hosts: int = 0, **changes: Any) -> AsyncIterator[World]:
    async with small_installation(vms=vms, hosts=hosts) as site:
        async with running(site.engine.port, directory, **changes) as gateway:
            client = Client(gateway)
            await client.login()
            yield World(site, gateway, client.token)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Ten VMs and nobody to run them: nothing happens but what a test does."""
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def lively(tmp_path: Path) -> AsyncIterator[World]:
    """vm-0 and vm-2 run, each on the host of its number modulo two."""
    async with opened(tmp_path, vms=4, hosts=2) as made:
        yield made


@BOTH
async def test_snapshot_then_every_change(world: World, open_socket: Open) -> None:
    site = world.site
    async with open_socket(world.gateway, world.token) as socket:
        await socket.until(site.sequence)
        assert socket.follower.objects == site.state()
        before = site.sequence
        await site.touch("vm-1", 3)
        await site.ask(RemoveVm(id=named_id("vm-2")))
        await socket.until(site.sequence)
        assert socket.follower.changes == site.changed(after=before)
        assert socket.follower.objects == site.state()
        assert ("vm", named_id("vm-2")) not in socket.follower.objects
        assert socket.follower.resyncs == []


@BOTH
async def test_a_vm_that_starts_is_followed_through_all_its_statuses(lively: World, open_socket: Open) -> None:
    site = lively.site
    async with open_socket(lively.gateway, lively.token, kinds=("vm",), ids=(named_id("vm-1"),)) as socket:
        await socket.until(site.sequence)
        await site.ask(StartVm(id=named_id("vm-1")))
        seen: list[str] = []
        while "up" not in seen:
            frame = await socket.frame()
            if frame["op"] == "change":
                document = frame["document"]
                seen.append(document["status"] if isinstance(document, dict) else document.status)
        assert list(dict.fromkeys(seen)) == ["wait_for_launch", "powering_up", "up"]


@BOTH
async def test_assignments_come_as_a_kind_of_their_own(world: World, open_socket: Open) -> None:
    """With the id of one side come all of its assignments, also when they go with the other one."""
    site, vm = world.site, named_id("vm-1")
    tag = await site.ask(AddEntity(kind="tag", document=Tag(name="prod")))
    for name in ("vm-0", "vm-1"):
        await site.ask(Assign(relation="tag", id=tag, holder="vm", parent_id=named_id(name)))
    async with open_socket(world.gateway, world.token) as everything:
        async with open_socket(world.gateway, world.token, kinds=("vm", ASSIGNMENT), ids=(vm,)) as of_one:
            await everything.until(site.sequence - 1)
            await of_one.until(1)
            assert everything.follower.objects == site.state()
            (key,) = set(of_one.follower.objects) - {("vm", vm)}
            document = of_one.follower.documents[key]
            if isinstance(document, dict):
                kinds = {"relation": "tag", "holder": "vm"}
                assert document == {"id": key[1], **kinds, "left": {"id": vm}, "right": {"id": tag}}
            else:
                assert document.sides == (("vm", vm), ("tag", tag))
            follower = copy.deepcopy(of_one.follower)
            await site.ask(RemoveEntity(kind="tag", id=tag))
            await everything.until(site.changed(ASSIGNMENT)[-1])
            assert {key for key in everything.follower.objects if key[0] == ASSIGNMENT} == set()
            await of_one.until(await site.touch("vm-1"))
            assert set(of_one.follower.objects) == {("vm", vm)}
    async with open_socket(world.gateway, world.token, kinds=(ASSIGNMENT,), ids=(vm,), cursor=follower.cursor) as late:
        late.follower = follower
        await late.until(site.sequence)
        assert late.follower.resyncs == [False], "whose it was, a change that took it away does not say"
        assert late.follower.objects == {}


@BOTH
async def test_filters_share_one_chain(world: World, open_socket: Open) -> None:
    site = world.site
    wanted = {"kinds": ("vm",), "ids": (named_id("vm-1"), named_id("vm-3"))}
    async with open_socket(world.gateway, world.token, **wanted) as socket:
        await socket.until(site.sequence)
        assert {id for _, id in socket.follower.state} == set(wanted["ids"])
        await site.touch("vm-0", 5)
        expected = [await site.touch("vm-1"), await site.touch("vm-3")]
        await site.touch("vm-5", 2)
        async with open_socket(world.gateway, world.token, **wanted) as second:
            await second.until(1)
            expected.append(await site.touch("vm-1"))
            await socket.until(expected[-1])
            await second.until(expected[-1])
            assert socket.follower.changes == expected
            assert second.follower.changes == expected[-1:]


@BOTH
async def test_resume_from_a_cursor_has_no_gap_and_no_duplicate(world: World, open_socket: Open) -> None:
    site = world.site
    async with open_socket(world.gateway, world.token, kinds=("vm",)) as socket:
        await socket.until(site.sequence)
        before = site.sequence
        await socket.until(await site.touch("vm-1"))
        follower = socket.follower
    await site.touch("vm-4", 50)
    await site.ask(RemoveVm(id=named_id("vm-6")))
    async with open_socket(world.gateway, world.token, kinds=("vm",), cursor=follower.cursor) as socket:
        socket.follower = follower
        await socket.until(await site.touch("vm-1", 3))
        assert follower.changes == site.changed("vm", after=before)
        assert follower.state == site.state("vm")
        assert follower.resyncs == []


async def test_resume_past_a_gateways_memory_asks_the_journal(tmp_path: Path) -> None:
    async with opened(tmp_path, vms=4, changes_kept_max=10) as world:
        site, gateway = world.site, world.gateway
        async with json_socket(gateway, world.token, kinds=("vm",)) as socket:
            await socket.until(site.sequence)
            follower = socket.follower
        before = site.sequence
        last = await site.touch("vm-1", 600)  # with their audit lines more than one batch of the journal
        await Client(gateway).read_up_to(site.sequence)
        async with json_socket(gateway, world.token, kinds=("vm",), cursor=follower.cursor) as socket:
            socket.follower = follower
            await socket.until(last)
            assert follower.changes == site.changed("vm", after=before)
            assert len(follower.changes) == 600
        site.store.tables.forget_before(site.sequence - 5)
        cursor = Cursor(site.store.tables.stream_id, 1).text
        async with json_socket(gateway, world.token, kinds=("vm",), cursor=cursor) as socket:
            frames = [await socket.frame() for _ in range(3)]
            assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot"]
            assert frames[1]["keep"] is False
            assert socket.follower.state == site.state("vm")


@BOTH
async def test_what_does_not_fit_is_no_gap_after_a_resume(world: World, open_socket: Open) -> None:
    site, wanted = world.site, {"kinds": ("vm",), "ids": (named_id("vm-1"),)}
    async with open_socket(world.gateway, world.token, **wanted) as socket:
        await socket.until(site.sequence)
        follower = socket.follower
    await site.touch("vm-2", 3)
    async with open_socket(world.gateway, world.token, **wanted, cursor=follower.cursor) as socket:
        socket.follower = follower
        await socket.until(site.sequence)
        assert follower.changes == []
        await socket.until(await site.touch("vm-1"))
        assert follower.changes == site.changed("vm")[-1:]


@BOTH
async def test_cursor_of_another_stream_is_an_explicit_reset(world: World, open_socket: Open) -> None:
    site = world.site
    async with open_socket(world.gateway, world.token, cursor=Cursor("other", 5).text) as socket:
        assert (await socket.frame())["resumed"] is False
        assert (await socket.frame())["op"] == "resync"
        await socket.until(site.sequence)
        assert socket.follower.objects == site.state()
        await site.touch("vm-1")
        await socket.until(site.sequence)
        assert socket.follower.objects == site.state()


@BOTH
async def test_slow_reader_is_conflated_and_told(
    world: World, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "subscriber_queue_changes_max", 100)
    site, kinds = world.site, ("vm",)
    async with open_socket(world.gateway, world.token, kinds=kinds) as fast:
        async with open_socket(world.gateway, world.token, kinds=kinds) as slow:
            await slow.until(site.sequence)
            await fast.until(site.sequence)
            # The client library stops reading its socket when nobody takes the messages.
            await site.fatten("vm-1")
            for _ in range(32):  # 25 MB: more than the sockets' buffers and the queue hold
                await fast.until(await site.touch("vm-1", 10))
            await site.ask(RemoveVm(id=named_id("vm-9")))
            await slow.until(site.changed("vm")[-1])
            assert slow.follower.resyncs
            assert set(slow.follower.resyncs) == {True}
            assert slow.follower.state == site.state("vm")
            await fast.until(site.changed("vm")[-1])
            assert fast.follower.state == site.state("vm")
            assert len(slow.follower.changes) < 320


async def test_gateway_that_fell_behind_fills_the_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_port, "subscriber_changes_max", 50)
    async with opened(tmp_path, vms=3) as world:
        site = world.site

        async def fall_behind() -> None:
            """One group of the writer is more than the gateway's channel holds; more comes before it looks again."""
            for number in range(200):
                site.engine.audit(Event(severity="normal", code=1, description=f"one of many: {number}"))
            await site.touch("vm-1", 50)

        async with json_socket(world.gateway, world.token) as socket:
            await socket.until(site.sequence)
            before = site.sequence
            await fall_behind()
            await socket.until(site.sequence)
            assert socket.follower.changes == site.changed(after=before)
            assert socket.follower.resyncs == []
            await fall_behind()
            site.store.tables.forget_before(site.sequence)
            await socket.until(site.sequence)
            assert socket.follower.resyncs == [False]
            assert socket.follower.objects == site.state()


async def test_json_document_is_that_of_the_rest_api(lively: World) -> None:
    async with json_socket(lively.gateway, lively.token, kinds=["vm"]) as socket:
        await socket.until(lively.site.sequence)
        document = socket.follower.documents["vm", named_id("vm-0")]
    answer = await Client(lively.gateway, lively.token).api("GET", f"/vms/{named_id('vm-0')}", All_Content="true")
    assert bare(document) == bare(answer.json())
    assert document["memory"] == "1073741824"
    (address,) = lively.site.document("vm", named_id("vm-0")).reported_devices[0].ips
    shown = document["nics"]["nic"][0]["reported_devices"]["reported_device"][0]["ips"]["ip"]
    assert shown == [{"address": address.address, "version": "v4"}]


def bare(plain: Any) -> Any:
    """Without what REST adds to a document: where things are and what can be done with them."""
    if isinstance(plain, dict):
        return {name: bare(value) for name, value in plain.items() if name not in ("href", "link", "actions")}
    return [bare(item) for item in plain] if isinstance(plain, list) else plain


async def test_samples_beside_the_changes(world: World) -> None:
    publish, host, vm = world.site.engine.services.publish, named_id("host-0"), named_id("vm-0")
    async with json_socket(world.gateway, world.token, kinds=["vm"], ids=[vm], samples=True) as socket:
        await socket.until(world.site.sequence)
        publish(host_samples(named_id("host-1"), [named_id("vm-1")]))
        publish(host_samples(host, [vm, named_id("vm-2")], [(vm, "nic-0"), (named_id("vm-2"), "nic-2")]))
        frame = await socket.frame()
        assert (frame["op"], [vm["vm_id"] for vm in frame["vms"]]) == ("samples", [vm])
        assert [row[:4] for row in frame["nics"]] == [[vm, "nic-0", 900.0, 400.0]]


async def test_samples_of_a_whole_host_in_words(world: World) -> None:
    async with msgpack_socket(world.gateway, world.token, kinds=["host"], samples=True) as socket:
        await socket.until(world.site.sequence)
        sampled = host_samples(named_id("host-0"), [named_id("vm-0"), named_id("vm-2")])
        world.site.engine.services.publish(sampled)
        frame = await socket.frame()
        assert (frame["op"], frame["samples"]) == ("LiveSamples", sampled)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"op": "subscribe"}, 401), ({"op": "subscribe", "token": "made-up"}, 401),
        ({"op": "subscribe", "kinds": ["sheep"]}, 400), ({"op": "subscribe", "colour": 1}, 400), ({"op": "dance"}, 400),
        ({"op": "subscribe", "cursor": "???"}, 400),
    ],
)  # fmt: skip
async def test_refused_subscriptions_say_why(world: World, message: dict[str, Any], code: int) -> None:
    if code == 400:
        message = {"token": world.token, **message}
    url = f"wss://localhost:{world.gateway.serving.port}/ws"
    async with open_url(url, world.gateway) as connection:
        await connection.send_message(json.dumps(message))
        frame = json.loads(await connection.get_message())
        assert frame["op"] == "error"
        assert frame["refusal"]["status"] == code
        with pytest.raises(ConnectionClosed) as closed:
            await connection.get_message()
        assert closed.value.reason.code == 4000 + code


async def test_other_sites_may_not_connect(world: World) -> None:
    url = f"wss://localhost:{world.gateway.serving.port}/ws"
    headers = [("Origin", "https://evil.example"), ("Authorization", f"Bearer {world.token}")]
    async with open_url(url, world.gateway, extra_headers=headers) as connection:
        assert json.loads(await connection.get_message())["refusal"]["status"] == 403


async def test_logout_ends_a_subscription(world: World) -> None:
    async with json_socket(world.gateway, world.token, kinds=["host"]) as socket:
        await socket.until(world.site.sequence)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await Client(world.gateway).send("POST", "/ovirt-engine/services/sso-logout", f"token={world.token}", form)
        frame = await socket.frame()
        assert frame["refusal"]["status"] == 401


@pytest.mark.parametrize("live", [False, True])
async def test_serial_console_both_ways(lively: World, live: bool) -> None:
    port, path = lively.gateway.serving.port, f"/ws/console/{named_id('vm-0')}"
    if live:
        port, path = lively.gateway.serving.live_port or 0, f"/console/{named_id('vm-0')}"
    url = f"wss://localhost:{port}{path}"
    headers = [("Authorization", f"Bearer {lively.token}")]
    async with open_url(url, lively.gateway, extra_headers=headers) as connection:
        with trio.fail_after(5):
            await hear(connection, b"vm-0 console (simulated)")
            await connection.send_message(b"hello")
            await hear(connection, b"hello")
    for wrong in ("nothing", named_id("vm-1")):  # no such VM, and one that is down
        async with open_url(url.replace(named_id("vm-0"), wrong), lively.gateway, extra_headers=headers) as connection:
            with trio.fail_after(5):
                await connection.get_message()
                with pytest.raises(ConnectionClosed):
                    await connection.get_message()


async def hear(connection: WebSocketConnection, expected: bytes) -> None:
    sampled = b""
    while expected not in sampled:
        sampled += await connection.get_message()


async def test_queues_stay_bounded() -> None:
    assert limits.subscriber_queue_changes_max <= 10_000
