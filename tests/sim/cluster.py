"""The whole cluster of one seed: database, engines, hosts, wires, gateway, readers, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from actors.journal.memory.journal import MemoryStore
from actors.kernel.ports import SeededIds, SeededRandom, TrioClock, wall_from
from actors.wire.frames import FrameTransport, LinkEnded
from node.world import GuestShape, HostShape, World
from protocol.command import Command
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.commands import AddHost
from protocol.host.model import Host
from protocol.live.engine import Accepted
from protocol.storage.commands import AddStorageDomain
from protocol.storage.model import HostStorage, StorageDomain
from protocol.template.commands import ImportTemplate
from protocol.template.model import Template
from protocol.vm.commands import KeepVmRun
from tests.node.memory_link import MemoryDial, WireFaults
from tests.sim.database import WatchedTables
from tests.sim.engine import SimEngine
from tests.sim.gateway import Reader, SimGateway, ask, submit
from tests.sim.node import SimNode, count_effects
from tests.sim.rates import Rates
from tests.sim.start import restart_seconds, start_of_time
from tests.sim.truth import Truth

GiB = 1024**3


@attrs.define(eq=False)
class Cluster:
    seed: str
    truth: Truth
    rates: Rates
    random: SeededRandom
    nursery: trio.Nursery
    world: World
    store: MemoryStore
    tables: WatchedTables
    ids: SeededIds
    engines: list[SimEngine] = attrs.field(factory=list)
    nodes: list[SimNode] = attrs.field(factory=list)
    readers: list[Reader] = attrs.field(factory=list)
    gateway: SimGateway = attrs.field(init=False)
    hosts_are_well: bool = False  # in the whole of this run

    def __attrs_post_init__(self) -> None:
        self.gateway = SimGateway(self.engines, self._drawn("gateway"))

    def _drawn(self, what: str) -> SeededRandom:
        """A source of its own for each part, so that one part's draws do not move another's."""
        return SeededRandom(f"{self.seed} {what}")

    def _skew(self) -> tuple[float, float]:
        skew = self.random.uniform(-1.0, 1.0) * self.rates.skew_seconds
        return skew, 1.0 + self.random.uniform(-1.0, 1.0) * self.rates.clock_rate

    def accept(self, transport: FrameTransport) -> None:
        """A node dials: it reaches one of the engines that listen."""
        listening = [engine for engine in self.engines if engine.listens]
        if not listening:
            raise LinkEnded("no engine listens")
        self.random.choice(listening).accept(transport)

    def add_engine(self, name: str) -> SimEngine:
        skew, rate = self._skew()
        engine = SimEngine(self.truth, self.store, name, self.seed, skew, rate)
        self.engines.append(engine)
        self.nursery.start_soon(engine.run, name=name)
        return engine

    def add_host(self, name: str) -> SimNode:
        """A machine with a directory of its own; its daemon starts when the engine knows it."""
        stubborn = self.random.random() < self.rates.guests_stubborn
        guests = GuestShape(
            boot_seconds=self.random.uniform(0.5, 4.0),
            shutdown_seconds=self.random.uniform(0.5, 3.0),
            ignores_power_button=stubborn,
            has_agent=self.random.random() < 0.8,
        )
        host = self.world.add_host(name, self.ids.uuid(), HostShape(memory_bytes=4 * GiB, guests=guests))
        self.world.add_storage(f"/{name}")
        faults = WireFaults(
            drop=self.rates.drop, duplicate=self.rates.duplicate, reorder=self.rates.reorder,
            delay_seconds_max=self.rates.delay_seconds,
        )  # fmt: skip
        dial = MemoryDial(self.accept, TrioClock(), self._drawn(f"wire {name}"), faults)
        skew, rate = self._skew()
        node = SimNode(
            self.truth, self.world, host, self.ids.uuid(), dial, self._drawn(name), self.rates, self.seed, skew, rate
        )
        count_effects(node)
        self.nodes.append(node)
        return node

    def start_node(self, node: SimNode) -> None:
        self.nursery.start_soon(self._keep_node, node, name=f"{node.host.name} unit manager")

    async def _keep_node(self, node: SimNode) -> None:
        """Starts the daemon again whenever it has ended and the machine has power."""
        while True:
            if node.host.powered:
                self.nursery.start_soon(node.live, name=f"{node.host.name}/{node.incarnation + 1}")
                await trio.lowlevel.checkpoint()
                while node.process is None or not node.process.alive:
                    await trio.lowlevel.checkpoint()
                await node.process.died.wait()
            await trio.sleep(restart_seconds)

    def add_reader(self, name: str) -> Reader:
        random = self._drawn(f"reader {name}")
        reader = Reader(name, self.gateway, self.truth, random)
        self.readers.append(reader)
        self.nursery.start_soon(reader.run, lambda: random.uniform(5.0, 40.0), name=f"reader {name}")
        return reader

    async def ask(self, command: Command, *, id: str = "", dry_run: bool = False) -> Accepted | Refusal | None:
        """One command, with retries."""
        asked = submit(id or self.ids.uuid(), command, dry_run=dry_run)
        return await ask(self.gateway, self.truth, self.tables, self.random, self.rates, asked)

    async def choose_runs(self) -> None:
        """An operator who sees that two hosts run a VM keeps the one that counts."""
        for (kind, id), state in list(self.tables.folder.states.items()):
            if kind == "vm" and state.copies and state.host_id and state.operation is None:
                await self.ask(KeepVmRun(id=id, host=Ref(id=state.host_id)))

    async def furnish(self, hosts: int) -> None:
        """Hosts and a storage domain on each, by commands like any other; no fault happens meanwhile."""
        await self._until(lambda: self.gateway.ready)
        for number in range(hosts):
            node = self.add_host(f"host-{number}")
            document = Host(name=node.host.name, address=f"{node.host.name}.test")
            await self._accepted(AddHost(id=node.host_id, document=document))
            self.start_node(node)
        for node in self.nodes:
            await self._until(lambda node=node: self._is(node.host_id, "host", "up"))  # type: ignore[misc]
            storage_domain = StorageDomain(
                name=f"data-{node.host.name}", type="data", host=Ref(id=node.host_id),
                storage=HostStorage(type="localfs", path=f"/{node.host.name}"),
            )  # fmt: skip
            id = self.ids.uuid()
            await self._accepted(AddStorageDomain(id=id, document=storage_domain))
            await self._until(lambda key=id: self._is(key, "storage_domain", "active"))  # type: ignore[misc]
        await self._import("tiny", id)

    async def _import(self, name: str, storage_domain_id: str) -> None:
        """A template with a disk, for VMs to be thin on or to be cloned from."""
        id = self.ids.uuid()
        template = Template(name=name, memory=GiB // 4)
        path = f"/images/{name}.qcow2"
        await self._accepted(
            ImportTemplate(id=id, document=template, storage_domain_id=storage_domain_id, image_path=path)
        )
        await self._until(lambda: (state := self._state("template", id)) is not None and state.template.status == "ok")

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - nobody tells of what is waited for
            await trio.sleep(0.1)

    async def _accepted(self, command: Command) -> None:
        reply = await self.ask(command)
        assert isinstance(reply, Accepted), reply

    def _state(self, kind: str, id: str) -> Any:
        return self.tables.folder.states.get((kind, id))

    def _is(self, id: str, kind: str, status: str) -> bool:
        state = self._state(kind, id)
        return state is not None and state.status == status


def world_of(random: SeededRandom) -> World:
    """The world runs on true time."""
    return World(TrioClock(wall_from(start_of_time)), random)
