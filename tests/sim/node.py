"""One simulated host's node daemon: its incarnations, one after the other, on the same disk and the same QEMUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from actors.kernel.directory import Directory
from actors.kernel.mailbox import codec_carrier
from actors.kernel.ports import Ports, SeededIds, SeededRandom, TrioClock, wall_from
from actors.wire.frames import FrameTransport
from node.hypervisor.port import ByteStream
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.link.dial import Use
from node.steps.store import Record, StepStatus, StepStore
from node.storage.simulated import SimulatedStorage
from node.tree import NodePorts, NodeSettings, node_tree
from node.world import World, WorldHost
from protocol.codec import decode, encode
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import NodeCommand
from protocol.node.link import EngineHello, NodeHello
from protocol.node.reports import GuestReport, HostFacts, StepDone, StepNotTried, StorageFacts
from supervisors.tree import running
from tests.checkers import s04_epochs, s17_guests
from tests.engine.machine import FlatMeter
from tests.node.memory_link import MemoryDial
from tests.node.memory_step_log import MemoryStepLog
from tests.sim.guests import HostileGuest
from tests.sim.observer import observer
from tests.sim.process import Process, ProcessClock, ProcessTransport
from tests.sim.rates import Rates
from tests.sim.start import start_of_time
from tests.sim.truth import Truth


@attrs.define(eq=False)
class SimNode:
    """One host. `start` an incarnation when none runs; `kill` ends the present one without a word."""

    truth: Truth
    world: World
    host: WorldHost
    host_id: str
    dial: MemoryDial
    random: SeededRandom
    rates: Rates
    seed: str
    skew_seconds: float = 0.0
    rate: float = 1.0
    step_store: StepStore = attrs.field(factory=StepStore)
    incarnation: int = 0
    process: Process | None = None
    tree: Any = None
    hostile: dict[str, HostileGuest] = attrs.field(factory=dict)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def kill(self) -> None:
        """`kill -9`. The world calls `_died` for it, also when a fault of a call kills the process."""
        if self.alive:
            self.host.kill_node()

    def died(self) -> None:
        """Its ports are inert by now: what still runs of it can do nothing."""
        if self.process is None or not self.process.alive:
            return
        self.truth.say(f"{self.host.name} daemon killed")
        if self.host.qemus:
            self.truth.once("node killed while a QEMU ran")
        self.process.die()
        self.dial.cut_all("the node was killed")
        if self.tree is not None and self.tree._root is not None:
            self.tree._root.kill()

    async def live(self) -> None:
        """One incarnation, until it is killed. Returns when its last task has ended."""
        self.incarnation += 1
        process = self.process = Process(f"{self.host.name}/{self.incarnation}")
        self.truth.say(f"{self.host.name} daemon starts, incarnation {self.incarnation}")
        clock = ProcessClock(
            process, TrioClock(wall_from(start_of_time), skew_seconds=self.skew_seconds, rate=self.rate)
        )
        name = f"{self.seed} {process.name}"
        ports = Ports(clock, SeededRandom(name), SeededIds(name))
        tree = node_tree(
            NodeSettings(
                host_id=self.host_id,
                name=self.host.name,
                statistics_period_seconds=60.0,
                silent_after_seconds=self.rates.silent_seconds,
            ),
            NodePorts(
                clock=clock,
                hypervisor=NodeHypervisor(self.world, self.host, self),
                storage=NodeStorage(self.world, self.host, self),
                step_log=NodeStepLog(self, process),
                meter=FlatMeter(),
                dial=NodeDial(self, process),
            ),
        )
        killed = False
        with trio.CancelScope() as scope:
            try:
                async with running(
                    tree, ports, Directory(), carrier=codec_carrier, observer=observer(self.truth, process)
                ) as alive:
                    self.tree = alive
                    await process.died.wait()
                    killed = True
                    scope.cancel()
            except Exception as error:  # noqa: BLE001 - a tree that gives up is what the checker wants to hear of
                if process.alive and not killed:
                    self.truth.found("crash", [f"{process.name} gave up: {error!r}"])
                    self.kill()


class NodeHypervisor(SimulatedHypervisor):
    """The simulated hypervisor in the hands of one process, some guests of which are hostile."""

    def __init__(self, world: World, host: WorldHost, node: SimNode) -> None:
        super().__init__(world, host)
        assert node.process is not None
        self._node, self._process = node, node.process

    async def alive(self) -> None:
        await self._process.gate()

    async def guest_channel(self, vm_id: str) -> ByteStream:
        line = await super().guest_channel(vm_id)
        return HostileGuest(line, vm_id, self._node.random, self._node.rates, self._node.truth, self.world)


class NodeStorage(SimulatedStorage):
    def __init__(self, world: World, host: WorldHost, node: SimNode) -> None:
        super().__init__(world, host, copy_bytes_per_second=200e6)
        assert node.process is not None
        self._process = node.process

    async def alive(self) -> None:
        await self._process.gate()


class NodeStepLog(MemoryStepLog):
    """The machine's disk: it outlives the process, and the process may die just before or after a write."""

    def __init__(self, node: SimNode, process: Process) -> None:
        super().__init__(node.step_store)
        self._node, self._process = node, process

    async def write(self, *records: Record) -> None:
        await self._process.gate()
        node = self._node
        if node.random.random() < node.rates.die_at_note:
            if any(record[0] == "done" for record in records):
                node.truth.once("node killed between acting and noting it")
            node.kill()
        await self._process.gate()
        for record in records:
            if record[0] == "begun":
                node.truth.step_begun(node.host.name, record[1], self.store.highest_epoch)
        await super().write(*records)
        if node.random.random() < node.rates.die_at_note:
            node.kill()
        await self._process.gate()


@attrs.define(eq=False)
class NodeDial:
    """The wire as one process holds it, with an ear for the truth."""

    node: SimNode
    process: Process

    async def __call__(self, use: Use) -> str:
        await self.process.gate()

        async def heard(transport: FrameTransport) -> str:
            return await use(NodeTransport(self.process, transport, self.node))

        return await self.node.dial(heard)


class NodeTransport(ProcessTransport):
    """A wire on which every frame is shown to the truth. Frames pass the codec anyway."""

    def __init__(self, process: Process, inner: FrameTransport, node: SimNode) -> None:
        super().__init__(process, inner)
        self._node = node
        self._epochs = (0, 0)  # the engine's by its hello, and the one on the node's disk then

    async def send(self, frame: bytes) -> None:
        await self.process.gate()
        message, host = decode(frame), self._node.host.name
        self._node.truth.reported_by_node(host, self._node.host_id, message)
        if not isinstance(message, NodeHello):
            self._node.truth.found("S4", s04_epochs.check_link(host, *self._epochs))
        await self.inner.send(frame)
        if not isinstance(message, NodeHello) and (lie := self._lie()) is not None:
            await self.inner.send(encode(lie))

    def _lie(self) -> Message | None:
        """Something that is none of this node's business, or what a terminal would obey."""
        node, random = self._node, self._node.random
        if random.random() >= node.rates.node_lies:
            return None
        lie = random.choice((self._of_a_step, self._of_a_guest, self._of_a_storage_domain, self._of_itself))()
        if lie is not None:
            node.truth.say(f"FAULT {node.host.name} lies: {lie!r:.120}")
        return lie

    def _of_a_step(self) -> Message | None:
        """An outcome of a step that another host was asked for a moment ago: perhaps it is under way still."""
        node = self._node
        steps = [step for host, step in node.truth.epochs_told if host != node.host.name]
        if not steps:
            return None
        refusal = Refusal(code="host_failed", reason="simulated: a lie")
        return StepDone(step_id=node.random.choice(steps[-4:]), result=refusal)

    def _of_a_guest(self) -> Message | None:
        node = self._node
        elsewhere = [id for id, qemus in node.world.running().items() if all(q.host != node.host.name for q in qemus)]
        return GuestReport(vm_id=node.random.choice(elsewhere), fqdn=s17_guests.LIAR) if elsewhere else None

    def _of_a_storage_domain(self) -> Message | None:
        node = self._node
        others = [s.storage_domain_id for path, s in node.world.storages.items() if path != f"/{node.host.name}"]
        known = [id for id in others if id]
        if not known:
            return None
        return StorageFacts(
            storage_domain_id=node.random.choice(known), available_bytes=0, used_bytes=0, problem=s17_guests.LIAR
        )

    def _of_itself(self) -> Message:
        return HostFacts(
            hostname=f"{s17_guests.ESCAPE}{self._node.host.name}", hardware_uuid="", os_name="simulated", os_version="",
            kernel="", node_version="", libvirt_version="", qemu_version="", hypervisor="simulated", virtualization="kvm",
            memory_bytes=4 * 1024**3,
        )  # fmt: skip

    async def receive(self) -> bytes:
        while True:
            frame = await ProcessTransport.receive(self)
            message = decode(frame)
            if not isinstance(message, NodeCommand) or self._node.random.random() >= self._node.rates.no_room:
                break
            self._node.truth.say(f"FAULT {self._node.host.name} has no room for {message.step_id}")
            self._node.truth.once("step not tried for want of room")
            reason = Refusal(code="unavailable", reason="simulated: no room")
            await self.send(encode(StepNotTried(step_id=message.step_id, reason=reason)))
        self._node.truth.heard_by_node(self._node.host.name, message)
        if isinstance(message, EngineHello):
            self._epochs = (message.epoch, self._node.step_store.highest_epoch)
        elif isinstance(message, NodeCommand):
            step_status = self._node.step_store.step_status(message.step_id)
            if step_status is StepStatus.DONE:
                self._node.truth.once("step repeated and answered from the step log")
            elif step_status is StepStatus.BEGUN and self._node.incarnation > 1:
                self._node.truth.once("step begun by an earlier incarnation of the node and carried on")
        return frame


def count_effects(node: SimNode) -> None:
    """Lets the truth see what must happen once for each step: a guest that starts over."""
    host, truth = node.host, node.truth
    inner: Callable[..., None] = host.reboot

    def reboot(vm_id: str, *, by_guest: bool = False) -> None:
        number = host.qemus[vm_id].boot_number if vm_id in host.qemus else 0
        inner(vm_id, by_guest=by_guest)
        if host.qemu(vm_id).boot_number > number:
            truth.effect(vm_id, "node.reboot_domain" if by_guest else "node.reset_domain", node.step_store._begun)

    host.reboot = reboot  # type: ignore[method-assign]
