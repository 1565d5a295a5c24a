"""Many nodes in a process of their own, each linked to an engine and to a bare server, and sending both the same.

`python -m bench.node_load DIR HOSTS VMS_EACH BARE_PORT ENGINE_PORT` prints `joined`, then obeys lines: `every SECONDS`
sets the period, `watch LIVE_PORT TOKEN` joins a subscriber to all samples; to each line it answers how many frames each
server has got and how many samples the subscriber. It must not use the node's own code: that would be the limit.
"""

from __future__ import annotations

import datetime
import random
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, connect_websocket_url

from bench.node_engine import host_id, vm_id
from protocol.codec import decode, encode
from protocol.live.frames import Subscribe
from protocol.message import message_type_of
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.link import EngineHello, NodeHello
from protocol.node.reports import DomainsSnapshot, HostFacts, StatisticsBatch

_joining_at_once_max = 16
_statistics = message_type_of(StatisticsBatch)
_gibibyte = 1024**3


class ReportingNodes:
    def __init__(self, directory: Path, hosts: int, vms_each: int, bare_port: int, engine_port: int) -> None:
        self.directory = directory
        self.hosts = hosts
        self.vms_each = vms_each
        self.bare_port = bare_port
        self.engine_port = engine_port
        self.period_seconds = 5.0
        self.sent = 0
        self.samples = 0
        self.joined = 0
        self.all_joined = trio.Event()
        self.period_changed = trio.Event()
        self._joining = trio.CapacityLimiter(_joining_at_once_max)
        self._began = trio.current_time()

    async def node(self, number: int, nursery: trio.Nursery) -> None:
        async with self._joining:
            context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
            context.load_cert_chain(self.directory / f"{number}.pem", self.directory / "nodes.key")
            bare = await self._connect(nursery, self.bare_port, "/", context)
            engine = await self._connect(nursery, self.engine_port, "/link", context)
            hello = NodeHello(host_id=host_id(number), version_min=1, version_max=1, node_version="bench")
            await engine.send_message(encode(hello))
            answer = decode(await engine.get_message())  # type: ignore[arg-type]
            assert isinstance(answer, EngineHello), answer
            nursery.start_soon(self._listen, engine, number)
        self.joined += 1
        if self.joined == self.hosts:
            self.all_joined.set()
        heartbeat = msgpack.packb(["node.heartbeat", 1, {"epoch": answer.epoch}])
        period, due = 0.0, 0.0
        while True:
            if period != self.period_seconds:  # spread anew, or all of them would report in one moment
                period = self.period_seconds
                due = trio.current_time() + random.uniform(0, period)
            with trio.move_on_at(due):
                await self.period_changed.wait()
                continue
            for frame in (self.batch(number), heartbeat):
                await bare.send_message(frame)
                await engine.send_message(frame)
                self.sent += 1
            due = max(due, trio.current_time() - period) + period

    async def _connect(
        self, nursery: trio.Nursery, port: int, path: str, context: ssl.SSLContext
    ) -> WebSocketConnection:
        return await connect_websocket_url(nursery, f"wss://127.0.0.1:{port}{path}", ssl_context=context)

    async def _listen(self, engine: WebSocketConnection, number: int) -> None:
        """Answers the question for everything; a link that ends ends the benchmark."""
        while True:
            frame = await engine.get_message()
            assert isinstance(frame, bytes)
            if b"node.report_now" in frame[:32]:
                for answer in self._everything(number):
                    await engine.send_message(encode(answer))

    def _everything(self, number: int) -> tuple[HostFacts, DomainsSnapshot]:
        facts = HostFacts(
            hostname=f"host-{number}", hardware_uuid=host_id(number), os_name="Debian", os_version="12", kernel="6.1.0",
            node_version="0.1.0", libvirt_version="9.0.0", qemu_version="7.2.0", hypervisor="simulated",
            virtualization="kvm", cpu_sockets=2, cpu_cores=16, cpu_threads=2, memory_bytes=256 * _gibibyte,
        )  # fmt: skip
        running = DomainStatus.RUNNING
        domains = tuple(DomainObserved(vm_id=vm_id(number, vm), status=running) for vm in range(self.vms_each))
        return facts, DomainsSnapshot(domains=domains)

    def batch(self, number: int) -> bytes:
        """As a node would encode it, with counters that rise: every VM has a NIC and a disk."""
        up = trio.current_time() - self._began + 1_000.0
        tick = int(up * 1_000_000)
        at = int(datetime.datetime.now(datetime.UTC).timestamp() * 1_000_000)
        rows: list[list[Any]] = [
            [
                vm_id(number, vm), tick * (100 + vm), 2, _gibibyte, _gibibyte // 3 + tick % 65_536, _gibibyte // 2,
                tick * (1 + vm), tick * 2, tick * 3, tick * (4 + vm),
            ]
            for vm in range(self.vms_each)
        ]  # fmt: skip
        nics = [[row[0], f"2{row[0][1:]}", row[6], row[7], 0, 0, 0, 0] for row in rows]
        disks = [[row[0], f"3{row[0][1:]}", row[8], row[9], row[8] // 4_096, row[9] // 4_096] for row in rows]
        fields = {
            "at": at, "period_seconds": self.period_seconds, "cpu_percent": 37.5, "cpu_user_percent": 30.0,
            "memory_free_bytes": 128 * _gibibyte, "memory_used_bytes": 128 * _gibibyte, "load_average": 3.25,
            "domains": rows, "nics": nics, "disks": disks,
        }  # fmt: skip
        return bytes(msgpack.packb([_statistics.tag, _statistics.version, fields]))

    async def subscriber(self, nursery: trio.Nursery, port: int, token: str) -> None:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        connection = await self._connect(nursery, port, "/", context)
        await connection.send_message(encode(Subscribe(kinds=("host",), samples=True, token=token)))
        while True:
            frame = await connection.get_message()
            assert isinstance(frame, bytes)
            assert b"live.error" not in frame[:16], frame
            self.samples += b"live.samples" in frame[:16]


async def _main(directory: Path, hosts: int, vms_each: int, *ports: int) -> None:
    nodes = ReportingNodes(directory, hosts, vms_each, *ports)
    orders = trio.lowlevel.FdStream(0)
    text = b""
    async with trio.open_nursery() as nursery:
        for number in range(nodes.hosts):
            nursery.start_soon(nodes.node, number, nursery)
        await nodes.all_joined.wait()
        print("joined", flush=True)
        while chunk := await orders.receive_some():
            *lines, text = (text + chunk).split(b"\n")
            for line in lines:
                match line.decode().split():
                    case ["every", seconds]:
                        nodes.period_seconds = float(seconds)
                        nodes.period_changed.set()
                        nodes.period_changed = trio.Event()
                    case ["watch", port, token]:
                        nursery.start_soon(nodes.subscriber, nursery, int(port), token)
                print(nodes.sent, nodes.samples, flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    try:
        trio.run(partial(_main, Path(sys.argv[1]), *map(int, sys.argv[2:])))
    except* ConnectionClosed as ended:
        sys.exit(f"a connection ended: {ended.exceptions}")
