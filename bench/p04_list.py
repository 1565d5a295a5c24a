"""P4: `GET /vms` with 10,000 full VMs as XML, against a bare application that sends the same bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import trio

from bench import Grown, Row
from bench.http_client import Measured, ask_often
from bench.http_floor import bare_server
from bench.inventory import stocked_engine
from cli.daemons.collector import calm_collector
from tests.gateway.http import Client
from tests.gateway.running import running

_path = "/ovirt-engine/api/vms"


async def _measure(vms: int, seconds: float, rounds: int, directory: Path) -> tuple[float, Measured, Measured]:
    """(seconds of the first list, floor, ours)."""
    async with (
        stocked_engine(vms=vms, hosts=50) as made,
        running(made.engine.port, directory, live_port=None) as gateway,
    ):
        client = Client(gateway)
        await client.login()
        began = trio.current_time()
        body = (await client.send("GET", _path, headers={"Accept": "application/xml"})).body
        cold = trio.current_time() - began
        ca_file = str(gateway.ca_file)
        port = gateway.serving.port
        pairs = []
        async with bare_server(directory, body) as bare_port:
            with calm_collector():
                for _ in range(rounds):
                    floor = await ask_often(bare_port, ca_file, _path, "", connections=1, seconds=seconds)
                    ours = await ask_often(port, ca_file, _path, client.token, connections=1, seconds=seconds)
                    pairs.append((floor, ours))
    floor, ours = sorted(pairs, key=lambda pair: pair[1].p50_seconds / pair[0].p50_seconds)[len(pairs) // 2]
    return cold, floor, ours


def run(full: bool) -> list[Row]:
    sizes = (10_000, 40_000, 160_000) if full else (625, 2_500, 10_000)
    growth, cold, at_goal = [], 0.0, None
    for vms in sizes:
        with tempfile.TemporaryDirectory() as directory:
            measured = trio.run(_measure, vms, 4.0 if full else 1.5, 3, Path(directory))
        growth.append(Grown(vms // sizes[0], measured[1].p50_seconds * 1e3, measured[2].p50_seconds * 1e3))
        if vms == 10_000:
            cold, at_goal = measured[0], (measured[1], measured[2])
    assert at_goal is not None
    floor, ours = at_goal
    ratio = ours.p50_seconds / floor.p50_seconds
    size = ours.answer_bytes / 1e6
    return [
        Row(
            id="P4", what=f"GET /vms, 10,000 full VMs ({size:.0f} MB XML), p50", unit="ms", goal="<= 1.1x",
            floor=floor.p50_seconds * 1e3, ours=ours.p50_seconds * 1e3, growth=tuple(growth),
            is_met=ratio <= 1.1,
        ),
        Row(
            id="P4", what="the same, first list after the start", unit="ms", goal="<= 300 ms", floor=None,
            ours=cold * 1e3, is_met=cold <= 0.3,
        ),
    ]  # fmt: skip
