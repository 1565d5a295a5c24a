"""Subscriptions: snapshot and every change, in order, resumed, conflated, reset; consoles; who may connect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed

from gateway.live.frames import make_cursor
from protocol import limits
from tests.gateway.fake_engine import FakeEngine, named_id, samples_of, small_engine
from tests.gateway.http import Client
from tests.gateway.running import Running, running
from tests.gateway.sockets import Socket, json_socket, msgpack_socket, open_url

Open = Callable[..., AbstractAsyncContextManager[Socket]]
BOTH = pytest.mark.parametrize("open_socket", [json_socket, msgpack_socket], ids=["json", "msgpack"])


@attrs.frozen
class World:
    engine: FakeEngine
    gateway: Running
    token: str

    def touch(self, name: str, times: int = 1, characters: int = 1) -> int:
        """Changes a VM that often; returns the sequence after it."""
        for _ in range(times):
            document = self.engine.of("vm", named_id(name))
            comment = str(self.engine.sequence) * characters
            self.engine.put("vm", attrs.evolve(document, comment=comment), "vm.touched")
        return self.engine.sequence

    def state(self, *kinds: str) -> dict[tuple[str, str], int]:
        return {key: entity.version for key, entity in self.engine.entities.items() if not kinds or key[0] in kinds}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = small_engine(vms=10)
    async with running(engine, tmp_path) as gateway:
        client = Client(gateway)
        await client.login()
        yield World(engine, gateway, client.token)


@BOTH
async def test_snapshot_then_every_change(world: World, open_socket: Open) -> None:
    async with open_socket(world.gateway, world.token) as socket:
        await socket.until(world.engine.sequence)
        assert socket.follower.state == world.state()
        first = world.engine.sequence + 1
        world.touch("vm-1", 3)
        world.engine.drop("vm", named_id("vm-2"))
        await socket.until(world.engine.sequence)
        assert socket.follower.changes == list(range(first, world.engine.sequence + 1))
        assert socket.follower.state == world.state()
        assert socket.follower.resyncs == []


@BOTH
async def test_filters_share_one_chain(world: World, open_socket: Open) -> None:
    wanted = {"kinds": ("vm",), "ids": (named_id("vm-1"), named_id("vm-3"))}
    async with open_socket(world.gateway, world.token, **wanted) as socket:
        await socket.until(world.engine.sequence)
        assert {id for _, id in socket.follower.state} == set(wanted["ids"])
        world.touch("vm-0", 5)
        expected = [world.touch("vm-1"), world.touch("vm-3")]
        world.touch("vm-5", 2)
        async with open_socket(world.gateway, world.token, **wanted) as second:
            await second.until(1)
            expected.append(world.touch("vm-1"))
            await socket.until(expected[-1])
            await second.until(expected[-1])
            assert socket.follower.changes == expected
            assert second.follower.changes == expected[-1:]


@BOTH
async def test_resume_from_a_cursor_has_no_gap_and_no_duplicate(world: World, open_socket: Open) -> None:
    async with open_socket(world.gateway, world.token, kinds=("vm",)) as socket:
        await socket.until(world.engine.sequence)
        await socket.until(world.touch("vm-1"))
        follower = socket.follower
    world.touch("vm-4", 50)
    world.engine.drop("vm", named_id("vm-6"))
    async with open_socket(world.gateway, world.token, kinds=("vm",), cursor=follower.cursor) as socket:
        socket.follower = follower
        world.touch("vm-1", 3)
        await socket.until(world.engine.sequence)
        assert follower.changes == list(range(follower.changes[0], world.engine.sequence + 1))
        assert follower.state == world.state("vm")
        assert follower.resyncs == []


async def test_resume_past_a_gateways_memory_asks_the_journal(tmp_path: Path) -> None:
    engine = small_engine(vms=4)
    async with running(engine, tmp_path, changes_kept_max=10) as gateway:
        client = Client(gateway)
        await client.login()
        world = World(engine, gateway, client.token)
        async with json_socket(gateway, client.token, kinds=("vm",)) as socket:
            await socket.until(engine.sequence)
            follower = socket.follower
        world.touch("vm-1", 3_000)
        while (await client.send("GET", "/health/ready")).json()["sequence"] < engine.sequence:  # noqa: ASYNC110
            await trio.sleep(0.05)
        async with json_socket(gateway, client.token, kinds=("vm",), cursor=follower.cursor) as socket:
            socket.follower = follower
            await socket.until(engine.sequence)
            assert len(follower.changes) == 3_000
        engine.history_from = engine.sequence - 5
        async with json_socket(gateway, client.token, kinds=("vm",), cursor=make_cursor(engine.stream_id, 1)) as socket:
            frames = [await socket.frame() for _ in range(3)]
            assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot"]
            assert frames[1]["keep"] is False
            assert socket.follower.state == world.state("vm")


@BOTH
async def test_cursor_of_another_stream_is_an_explicit_reset(world: World, open_socket: Open) -> None:
    async with open_socket(world.gateway, world.token, cursor=make_cursor("other", 5)) as socket:
        assert (await socket.frame())["resumed"] is False
        assert (await socket.frame())["op"] == "resync"
        await socket.until(world.engine.sequence)
        assert socket.follower.state == world.state()
        world.touch("vm-1")
        await socket.until(world.engine.sequence)


@BOTH
async def test_slow_reader_is_conflated_and_told(world: World, open_socket: Open) -> None:
    async with open_socket(world.gateway, world.token) as fast:
        async with open_socket(world.gateway, world.token) as slow:
            await slow.until(world.engine.sequence)
            await fast.until(world.engine.sequence)
            # The client library stops reading its socket when nobody takes the messages.
            for _ in range(40):
                world.touch("vm-1", 200, characters=1_000)
                await fast.until(world.engine.sequence)
            world.engine.drop("vm", named_id("vm-9"))
            await slow.until(world.engine.sequence)
            assert slow.follower.resyncs
            assert set(slow.follower.resyncs) == {True}
            assert slow.follower.state == world.state()
            await fast.until(world.engine.sequence)
            assert fast.follower.state == world.state()
            assert len(slow.follower.changes) < 8_000


async def test_gateway_that_fell_behind_fills_the_hole(tmp_path: Path) -> None:
    engine = small_engine(vms=3)
    engine.channel_size = 50
    async with running(engine, tmp_path) as gateway:
        client = Client(gateway)
        await client.login()
        world = World(engine, gateway, client.token)
        async with json_socket(gateway, client.token) as socket:
            await socket.until(engine.sequence)
            first = engine.sequence + 1
            world.touch("vm-1", 500)  # more than the channel holds
            await socket.until(engine.sequence)
            assert socket.follower.changes == list(range(first, engine.sequence + 1))
            engine.history_from = engine.sequence + 400
            world.touch("vm-2", 500)
            await socket.until(engine.sequence)
            assert socket.follower.resyncs == [False]
            assert socket.follower.state == world.state()


async def test_json_document_is_that_of_the_rest_api(world: World) -> None:
    async with json_socket(world.gateway, world.token, kinds=["vm"]) as socket:
        await socket.until(world.engine.sequence)
        document = socket.follower.documents["vm", named_id("vm-0")]
        assert document["memory"] == "1073741824"
        assert document["nics"]["nic"][0]["reported_devices"]["reported_device"][0]["ips"]["ip"][0]["version"] == "v4"


async def test_samples_beside_the_changes(world: World) -> None:
    async with json_socket(world.gateway, world.token, kinds=["vm"], ids=[named_id("vm-0")], samples=True) as socket:
        await socket.until(world.engine.sequence)
        world.engine.sample(samples_of(world.engine, 1, (1,)))
        world.engine.sample(samples_of(world.engine, 0, (0, 2)))
        frame = await socket.frame()
        assert (frame["op"], [vm["vm_id"] for vm in frame["vms"]]) == ("samples", [named_id("vm-0")])
        assert [row[:4] for row in frame["nics"]] == [[named_id("vm-0"), named_id("nic-0"), 900.0, 400.0]]


async def test_samples_of_a_whole_host_in_words(world: World) -> None:
    async with msgpack_socket(world.gateway, world.token, kinds=["host"], samples=True) as socket:
        await socket.until(world.engine.sequence)
        sampled = samples_of(world.engine, 0, (0, 2))
        world.engine.sample(sampled)
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
        await socket.until(world.engine.sequence)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await Client(world.gateway).send("POST", "/ovirt-engine/services/sso-logout", f"token={world.token}", form)
        frame = await socket.frame()
        assert frame["refusal"]["status"] == 401


@pytest.mark.parametrize("live", [False, True])
async def test_serial_console_both_ways(world: World, live: bool) -> None:
    port, path = world.gateway.serving.port, f"/ws/console/{named_id('vm-0')}"
    if live:
        port, path = world.gateway.serving.live_port or 0, f"/console/{named_id('vm-0')}"
    url = f"wss://localhost:{port}{path}"
    headers = [("Authorization", f"Bearer {world.token}")]
    async with open_url(url, world.gateway, extra_headers=headers) as connection:
        await connection.send_message(b"hello")
        assert await connection.get_message() == b"HELLO"
    wrong = url.replace(named_id("vm-0"), "nothing")
    async with open_url(wrong, world.gateway, extra_headers=headers) as connection:
        with trio.fail_after(5):
            await connection.get_message()
            with pytest.raises(ConnectionClosed):
                await connection.get_message()


async def test_queues_stay_bounded() -> None:
    assert limits.subscriber_queue_changes_max <= 10_000
