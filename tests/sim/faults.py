"""What goes wrong in a run: one task per kind of fault, each waiting for its next time by the seed's rates."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from actors.journal.memory.journal import AppendFault
from actors.kernel.ports import SeededRandom
from node.world.faults import CallFault
from protocol.errors import CorralError, HostFailed
from protocol.host.commands import FenceHost
from protocol.live.engine import Accepted
from tests.sim.cluster import Cluster
from tests.sim.engine import SimEngine
from tests.sim.gateway import submit
from tests.sim.node import SimNode

TiB = 1024**4


@attrs.define(eq=False)
class Faults:
    cluster: Cluster
    random: SeededRandom
    stopped: bool = False
    lasting: set[tuple[str, str]] = attrs.field(factory=set)  # (host, call) that fails until it is mended

    def hook(self, host: str, call: str, subject: str) -> CallFault | None:
        """What a call of a simulated port meets."""
        rates, random = self.cluster.rates, self.random
        if self.stopped:
            return None
        delay = random.random() ** 3 * rates.call_seconds
        if call in ("connect", "list", "facts", "guest_channel", "statistics"):
            return CallFault(delay_seconds=delay)
        if (host, call) in self.lasting:
            return CallFault(delay_seconds=delay, fail=HostFailed(f"simulated: {call} does not work on {host}"))
        draw = random.random()
        if draw < rates.die_at_call:
            return CallFault(delay_seconds=delay, die_before=random.random() < 0.3, die_after=True)
        if random.random() < rates.call_fails:
            return CallFault(delay_seconds=delay, fail=HostFailed(f"simulated: {call} failed on {host}"))
        if random.random() < rates.fails_after:
            return CallFault(
                delay_seconds=delay, fail_after=HostFailed(f"simulated: {call} failed after all on {host}")
            )
        return CallFault(delay_seconds=delay, reply_lost=random.random() < rates.reply_lost)

    async def run(self) -> None:
        """Until cancelled."""
        rates = self.cluster.rates
        kinds: tuple[tuple[float, Callable[[], Awaitable[None]]], ...] = (
            (rates.cut_one_way, self._cut_one_way),
            (rates.cut_both, self._cut_both),
            (rates.half_open, self._half_open),
            (rates.kill_node, self._kill_node),
            (rates.pause_node, self._pause_node),
            (rates.power_off, self._power_off),
            (rates.kill_libvirt, self._kill_libvirt),
            (rates.kill_engine, self._kill_engine),
            (rates.pause_engine, self._pause_engine),
            (rates.cut_journal, self._cut_journal),
            (rates.journal_away, self._journal_away),
            (rates.fold_journal, self._fold_journal),
            (rates.kill_qemu, self._kill_qemu),
            (rates.storage_sick, self._storage_sick),
            (rates.storage_full, self._storage_full),
            (rates.lasting_failure, self._lasting_failure),
            (rates.operator_lies, self._operator_lies),
        )
        async with trio.open_nursery() as nursery:
            for per_minute, fault in kinds:
                if per_minute:
                    nursery.start_soon(self._repeat, per_minute / 60.0, fault, name=fault.__name__)
            if rates.append_away or rates.append_unknown:
                nursery.start_soon(self._appends)

    async def _repeat(self, per_second: float, fault: Callable[[], Awaitable[None]]) -> None:
        while True:
            await trio.sleep(self.random.uniform(0.2, 1.8) / per_second)
            await fault()

    async def _appends(self) -> None:
        """Keeps the next append's fate drawn."""
        store, rates = self.cluster.store, self.cluster.rates
        while True:
            await trio.sleep(self.random.uniform(0.1, 1.0))
            if store.append_faults:
                continue
            draw = self.random.random()
            if draw < rates.append_away:
                store.append_faults.append(AppendFault.UNAVAILABLE)
            elif draw < rates.append_away + rates.append_unknown:
                committed = self.random.random() < 0.5
                store.append_faults.append(AppendFault.UNKNOWN_COMMITTED if committed else AppendFault.UNKNOWN_LOST)

    def stop(self) -> None:
        """The faults stop: wires whole, everybody resumed, storages well, the database there."""
        self.stopped = True
        self.lasting.clear()
        cluster = self.cluster
        cluster.rates.calm()
        cluster.store.append_faults.clear()
        cluster.store.away, cluster.store.delay_seconds = False, 0.0
        for storage in cluster.world.storages.values():
            storage.read_only = storage.vanished = False
            storage.cut_off.clear()
            storage.capacity_bytes = 10 * TiB
        for engine in cluster.engines:
            self._mend_engine(engine)
        for node in cluster.nodes:
            self._mend_node(node)

    def _mend_engine(self, engine: SimEngine) -> None:
        if engine.alive:
            assert engine.process is not None
            engine.process.resume()
            if engine.journal is not None:
                engine.journal.cut = False

    def _mend_node(self, node: SimNode) -> None:
        faults = node.dial.faults
        faults.drop = faults.duplicate = faults.reorder = faults.delay_seconds_max = 0.0
        faults.up_is_cut = faults.down_is_cut = faults.is_half_open = faults.refuses = False
        if not node.host.powered:
            node.host.power_on()
        if not node.host.libvirt_up:
            node.host.start_libvirt()
        if node.process is not None:
            node.process.resume()

    # --- one each -------------------------------------------------------------------------------------------------

    def _node(self) -> SimNode:
        return self.random.choice(self.cluster.nodes)

    def _say(self, text: str) -> None:
        self.cluster.truth.say(f"FAULT {text}")

    async def _cut_one_way(self) -> None:
        node, faults = (chosen := self._node()), chosen.dial.faults
        direction = "up_is_cut" if self.random.random() < 0.5 else "down_is_cut"
        self._say(f"{node.host.name} {direction}")
        setattr(faults, direction, True)
        await trio.sleep(self.random.uniform(1.0, 30.0))
        setattr(faults, direction, False)

    async def _cut_both(self) -> None:
        node = self._node()
        self._say(f"{node.host.name} cut off")
        node.dial.faults.refuses = True
        node.dial.cut_all("cut off")
        await trio.sleep(self.random.uniform(0.5, 25.0))
        node.dial.faults.refuses = False

    async def _half_open(self) -> None:
        node = self._node()
        self._say(f"{node.host.name} half open")
        node.dial.faults.is_half_open = True
        for end in tuple(node.dial.ends):
            end.cut("half open")
        await trio.sleep(self.random.uniform(1.0, 15.0))
        node.dial.faults.is_half_open = False

    async def _kill_node(self) -> None:
        self._node().kill()
        await trio.lowlevel.checkpoint()

    async def _pause_node(self) -> None:
        process = self._node().process
        if process is not None and process.alive:
            self._say(f"{process.name} paused")
            process.pause()
            await trio.sleep(self.random.uniform(1.0, 25.0))
            process.resume()

    async def _power_off(self) -> None:
        host = self._node().host
        self._say(f"{host.name} loses power under {len(host.qemus)} QEMUs")
        if host.qemus:
            self.cluster.truth.once("host lost power under a QEMU")
        host.power_off()
        await trio.sleep(self.random.uniform(1.0, 25.0))
        if self.random.random() < 0.5:
            await self._confirm(host.name)
        host.power_on()

    async def _confirm(self, name: str) -> bool:
        """An operator who stands before the dark machine says so, once. He is still there when the answer comes: whether
        it was accepted."""
        cluster = self.cluster
        node = next(node for node in cluster.nodes if node.host.name == name)
        with contextlib.suppress(CorralError):
            asked = submit(cluster.ids.uuid(), FenceHost(id=node.host_id))
            reply = await cluster.gateway.submit(asked)
            cluster.truth.replied(asked.command_id, asked.command, reply, cluster.tables.sequence, cluster.tables.jobs)
            if isinstance(reply, Accepted):
                cluster.truth.once("operator confirmed that a host is down")
                return True
        return False

    async def _kill_libvirt(self) -> None:
        host = self._node().host
        self._say(f"{host.name} libvirt dies")
        host.stop_libvirt()
        await trio.sleep(self.random.uniform(0.5, 8.0))
        host.start_libvirt()

    def _engine(self) -> SimEngine | None:
        alive = [engine for engine in self.cluster.engines if engine.listens]
        return self.random.choice(alive) if alive else None

    async def _kill_engine(self) -> None:
        engine = self._engine()
        if engine is not None:
            engine.kill()
        await trio.lowlevel.checkpoint()

    async def _pause_engine(self) -> None:
        engine = self._engine()
        if engine is not None and engine.process is not None:
            process = engine.process
            self._say(f"{process.name} paused")
            process.pause()
            await trio.sleep(self.random.uniform(1.0, 20.0))
            process.resume()

    async def _cut_journal(self) -> None:
        """One engine loses the database, and goes on with its nodes."""
        engine = self._engine()
        if engine is not None and engine.journal is not None:
            journal = engine.journal
            self._say(f"{engine.name} cut off from the database")
            journal.cut = True
            await trio.sleep(self.random.uniform(1.0, 20.0))
            if engine.journal is journal and engine.alive:
                journal.cut = False

    async def _journal_away(self) -> None:
        self._say("the database is away")
        self.cluster.store.away = True
        await trio.sleep(self.random.uniform(0.2, 8.0))
        self.cluster.store.away = False

    async def _fold_journal(self) -> None:
        tables = self.cluster.tables
        tables.forget_before(max(tables.oldest_sequence, tables.sequence + 1 - self.random.randrange(4)))
        self._say(f"the journal starts at {tables.oldest_sequence} now")
        await trio.lowlevel.checkpoint()

    async def _kill_qemu(self) -> None:
        running = [qemu for qemus in self.cluster.world.running().values() for qemu in qemus]
        if running:
            qemu: Any = self.random.choice(running)
            self._say(f"QEMU of {qemu.vm_id} killed on {qemu.host}")
            self.cluster.truth.once("QEMU crashed")
            self.cluster.world.hosts[qemu.host].kill_qemu(qemu.vm_id)
        await trio.lowlevel.checkpoint()

    async def _storage_sick(self) -> None:
        storage = self.random.choice(list(self.cluster.world.storages.values()))
        kind = self.random.choice(("read_only", "vanished"))
        self._say(f"storage {storage.path} {kind}")
        setattr(storage, kind, True)
        await trio.sleep(self.random.uniform(1.0, 15.0))
        setattr(storage, kind, False)

    async def _storage_full(self) -> None:
        storage = self.random.choice(list(self.cluster.world.storages.values()))
        self._say(f"storage {storage.path} full")
        storage.capacity_bytes = storage.used_bytes
        await trio.sleep(self.random.uniform(1.0, 15.0))
        storage.capacity_bytes = 10 * TiB

    async def _lasting_failure(self) -> None:
        """One call of one host fails for a while, as with a broken driver."""
        broken = (self._node().host.name, self.random.choice(("start", "destroy", "save", "restore", "remove_image")))
        self._say(f"{broken[1]} does not work on {broken[0]}")
        self.lasting.add(broken)
        await trio.sleep(self.random.uniform(5.0, 40.0))
        self.lasting.discard(broken)

    async def _operator_lies(self) -> None:
        """A host that is only cut off is confirmed as rebooted."""
        node = self._node()
        self._say(f"{node.host.name} cut off, and called rebooted")
        node.dial.faults.refuses = True
        node.dial.cut_all("cut off")
        await trio.sleep(self.random.uniform(8.0, 15.0))
        self.cluster.truth.operator_lied = True
        if node.host.qemus and await self._confirm(node.host.name):
            self.cluster.truth.once("operator confirmed that a host is down, which was not so")
        await trio.sleep(self.random.uniform(1.0, 20.0))
        node.dial.faults.refuses = False
