"""P6: one change to 1,000 WebSocket subscribers on the trio-websocket port, against a bare loop over connections."""

from __future__ import annotations

import contextlib
import json
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from bench import Grown, Row
from bench.inventory import stocked_engine
from cli.daemons.collector import calm_collector
from gateway.live.frames import Cursor
from protocol import codec
from protocol.live.frames import LiveChange
from tests.engine.names import named_id
from tests.engine.running import RunningEngine
from tests.gateway.http import Client
from tests.gateway.running import running

_pause_seconds = 0.4
_snapshot_vms = 100


@attrs.frozen
class Latency:
    """Milliseconds from the change to its arrival, over all subscribers and changes."""

    p50: float
    p99: float


def allow_files(subscribers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * subscribers + 500)), hard))


async def _clients(
    port: int, ca_file: str, token: str, subscribers: int, changes: int, change: Callable[[], Awaitable[float]]
) -> Latency:
    """Starts the clients, makes changes when all have joined, and reads when they arrived."""
    arguments = [str(port), ca_file, token, str(subscribers), str(changes)]
    command = [sys.executable, "-m", "bench.live_client", *arguments]
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE))
        assert process.stdout is not None
        text = b""
        while b"joined\n" not in text:
            chunk = await process.stdout.receive_some(65_536)
            assert chunk, "the clients ended early"
            text += chunk
        made = []
        for _ in range(changes):
            await trio.sleep(_pause_seconds)
            made.append(await change())
        text = text.partition(b"joined\n")[2]
        async for chunk in process.stdout:
            text += chunk
    delays = [at - made[i] for arrivals in json.loads(text) for i, at in enumerate(arrivals)]
    assert len(delays) == subscribers * changes, f"{len(delays)} arrivals of {subscribers * changes}"
    delays.sort()
    return Latency(statistics.median(delays) * 1e3, delays[int(len(delays) * 0.99)] * 1e3)


def frame_of(made: RunningEngine) -> bytes:
    """A change of the size that the gateway sends."""
    document = made.document("vm", named_id("vm-1"))
    change = LiveChange(
        sequence=1_000, previous=999, cursor=Cursor(made.store.tables.stream_id, 1_000).text, kind="vm",
        id=document.id, version=2, tag="vm.changed", at=document.creation_time, document=document,
    )  # fmt: skip
    return codec.encode(change)


async def _floor(frame: bytes, subscribers: int, changes: int, storm: int, directory: Path) -> Latency:
    snapshot = frame * _snapshot_vms  # as many bytes as a gateway's snapshot
    connections: list[WebSocketConnection] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.get_message()
        await connection.send_message(snapshot)
        await connection.send_message(b"ready")
        connections.append(connection)
        try:
            await connection.get_message()
        except ConnectionClosed:
            pass

    async def change() -> float:
        began = time.perf_counter()
        for connection in list(connections):
            try:
                await connection.send_message(frame)
            except ConnectionClosed:
                connections.remove(connection)
        return began

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "chain.pem", directory / "key.pem")
    async with trio.open_nursery() as nursery:
        server: Any = await nursery.start(serve_websocket, handler, "127.0.0.1", 0, context)
        ca_file = str(directory / "ca.pem")
        if storm:
            nursery.start_soon(_storm, server.port, ca_file, "-", storm)
        latency = await _clients(server.port, ca_file, "-", subscribers, changes, change)
        nursery.cancel_scope.cancel()
    return latency


async def _ours(subscribers: int, changes: int, storm: int, directory: Path) -> tuple[Latency, Latency]:
    """(floor, ours): the floor runs first, with the same certificate."""
    async with (
        stocked_engine(vms=_snapshot_vms) as made,
        running(made.engine.port, directory) as gateway,
        contextlib.AsyncExitStack() as settings,
    ):
        client = Client(gateway)
        await client.login()
        settings.enter_context(calm_collector())
        floor = await _floor(frame_of(made), subscribers, changes, storm, directory)

        async def change() -> float:
            began = time.perf_counter()
            vm = made.document("vm", named_id("vm-1"))
            await made.put("vm", attrs.evolve(vm, comment=str(made.sequence)))
            return began

        port = gateway.serving.live_port or 0
        ca_file = str(gateway.ca_file)
        async with trio.open_nursery() as nursery:
            if storm:
                nursery.start_soon(_storm, port, ca_file, client.token, storm)
            ours = await _clients(port, ca_file, client.token, subscribers, changes, change)
            nursery.cancel_scope.cancel()
    return floor, ours


async def _storm(port: int, ca_file: str, token: str, at_once: int) -> None:
    """Groups of new subscribers, one after the other, until cancelled."""
    while True:
        arguments = [str(port), ca_file, token, str(at_once), "0"]
        await trio.run_process([sys.executable, "-m", "bench.live_client", *arguments], capture_stdout=True)


def run(full: bool) -> list[Row]:
    changes = 30 if full else 12
    growth = []
    floor = ours = Latency(0, 0)
    for subscribers, times in ((62, 1), (250, 4), (1_000, 16)):
        allow_files(subscribers)
        with tempfile.TemporaryDirectory() as directory:
            floor, ours = trio.run(_ours, subscribers, changes, 0, Path(directory))
        growth.append(Grown(times, floor.p50, ours.p50))
    with tempfile.TemporaryDirectory() as directory:
        storm_floor, storm = trio.run(_ours, 1_000, changes, 50, Path(directory))
    return [
        Row(
            id="P6", what="a change to 1,000 subscribers, p50", unit="ms", goal="<= 1.1x", floor=floor.p50, ours=ours.p50,
            is_met=ours.p50 <= 1.1 * floor.p50, growth=tuple(growth),
        ),
        Row(
            id="P6", what="the same, p99", unit="ms", goal="<= 1.2x", floor=floor.p99, ours=ours.p99,
            is_met=ours.p99 <= 1.2 * floor.p99,
        ),
        Row(
            id="P6", what="p50 in a storm: 50 at a time join, each with a snapshot", unit="ms", goal="<= 1.1x",
            floor=storm_floor.p50, ours=storm.p50, is_met=storm.p50 <= 1.1 * storm_floor.p50,
        ),
    ]  # fmt: skip
