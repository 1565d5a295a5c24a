"""P5: `GET /vms/{id}` a second, against a trivial application on the same server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import trio

from bench import Grown, Row
from bench.http_client import ask_often
from bench.http_floor import bare_server
from bench.inventory import stocked_engine
from cli.daemons.collector import calm_collector
from tests.engine.names import named_id
from tests.gateway.http import Client
from tests.gateway.running import running


async def _measure(vms: int, seconds: float, rounds: int, directory: Path) -> tuple[float, float]:
    path = f"/ovirt-engine/api/vms/{named_id('vm-0')}"
    pairs = []
    async with (
        stocked_engine(vms=vms, hosts=50) as made,
        running(made.engine.port, directory, live_port=None) as gateway,
    ):
        client = Client(gateway)
        await client.login()
        body = (await client.send("GET", path, headers={"Accept": "application/xml"})).body
        ca_file = str(gateway.ca_file)
        port = gateway.serving.port
        async with bare_server(directory, body) as bare_port:
            with calm_collector():
                for _ in range(rounds):
                    floor = await ask_often(bare_port, ca_file, path, client.token, connections=8, seconds=seconds)
                    ours = await ask_often(port, ca_file, path, client.token, connections=8, seconds=seconds)
                    pairs.append((floor.per_second, ours.per_second))
    return sorted(pairs, key=lambda pair: pair[1] / pair[0])[len(pairs) // 2]


def run(full: bool) -> Row:
    growth = []
    for times in (1, 4, 16):
        with tempfile.TemporaryDirectory() as directory:
            floor, ours = trio.run(_measure, 625 * times, 5.0 if full else 1.0, 5 if full else 3, Path(directory))
        growth.append(Grown(times, floor, ours))
    return Row(
        id="P5", what="GET /vms/{id}, 10,000 VMs in the inventory", unit="1/s", goal=">= 0.95x",
        floor=growth[-1].floor, ours=growth[-1].ours, growth=tuple(growth),
        is_met=growth[-1].ours >= 0.95 * growth[-1].floor,
    )  # fmt: skip
