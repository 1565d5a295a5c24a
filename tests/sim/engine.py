"""One simulated engine process: its incarnations as candidate and leader, put together as the daemon does."""

from __future__ import annotations

from typing import Any

import attrs
import trio

from actors.host.link.session import LinkSettings, serve_link
from actors.journal.leadership import Leadership
from actors.journal.memory.journal import MemoryStore
from actors.journal.port import AppendResult, JournalError, StaleEpoch
from actors.kernel.actor import Context
from actors.kernel.mailbox import codec_carrier
from actors.kernel.ports import Ports, SeededIds, SeededRandom, TrioClock, wall_from
from actors.wire.frames import FrameTransport, LinkEnded
from cli.daemons.engine.wiring import Engine
from protocol.vm.model import Vm
from supervisors.spec import AsyncTask, ChildSpec
from supervisors.tree import running
from tests.engine.machine import no_renewal
from tests.engine.running import NoTokens
from tests.sim.observer import observer
from tests.sim.process import Process, ProcessClock, ProcessJournal, ProcessTransport
from tests.sim.start import heartbeat_seconds, lease_seconds, restart_seconds, start_of_time, times
from tests.sim.truth import Truth


@attrs.define
class EngineJournal(ProcessJournal):
    """A connection that tells the truth what the database said of doubtful groups."""

    truth: Truth = attrs.field(kw_only=True)

    async def append(self, epoch: int, transactions: Any, *, group: int = 0) -> list[AppendResult]:
        try:
            return await ProcessJournal.append(self, epoch, transactions, group=group)
        except StaleEpoch:
            self.truth.once("write of a deposed engine refused")
            raise

    async def resolve(self, epoch: int, transactions: Any, *, group: int) -> list[AppendResult] | None:
        results = await ProcessJournal.resolve(self, epoch, transactions, group=group)
        self.truth.once(f"commit outcome unknown, {'lost' if results is None else 'committed'}")
        return results


@attrs.define(eq=False)
class SimEngine:
    """One machine that may be the engine. Between incarnations nothing of it is there."""

    truth: Truth
    store: MemoryStore
    name: str
    seed: str
    skew_seconds: float = 0.0
    rate: float = 1.0
    incarnation: int = 0
    process: Process | None = None
    engine: Engine | None = None  # while it leads, or believes so
    journal: EngineJournal | None = None
    tree: Any = None
    ends: list[FrameTransport] = attrs.field(factory=list)
    links: trio.Nursery | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    @property
    def listens(self) -> bool:
        """Whether nodes and gateways reach it: a paused process still has its sockets."""
        return self.alive and self.engine is not None and self.links is not None

    def accept(self, transport: FrameTransport) -> None:
        """A node dialled."""
        if not self.listens:
            raise LinkEnded(f"{self.name} does not listen")
        assert self.links is not None
        self.ends.append(transport)
        self.links.start_soon(self._serve, transport, name=f"{self.name} serves a link")

    async def _serve(self, transport: FrameTransport) -> None:
        assert self.engine is not None
        assert self.process is not None
        engine = self.engine
        settings = LinkSettings(
            hub=engine.hub, ports=engine.ports, epoch=lambda: engine.epoch, renew=no_renewal,
            heartbeat_period_seconds=heartbeat_seconds, silent_after_seconds=times.silent_after_seconds,
        )  # fmt: skip
        try:
            await serve_link(ProcessTransport(self.process, transport), settings, host_id=None)
        finally:
            if transport in self.ends:
                self.ends.remove(transport)

    def kill(self) -> None:
        """`kill -9`: nothing of it gets out from now on, whatever its cleanup does."""
        if not self.alive:
            return
        assert self.process is not None
        self.truth.say(f"{self.name} killed")
        engine = self.engine
        if engine is not None and any(getattr(vm, "task", None) for vm in engine.rows.all(Vm)):
            self.truth.once("engine killed while an operation ran")
        self.process.die()
        if self.journal is not None:
            self.journal.cut = True
        for end in tuple(self.ends):
            end.cut("the engine was killed")  # type: ignore[attr-defined]
        self.engine, self.links = None, None
        if engine is not None:
            for channel in tuple(engine.port._subscribers):
                channel.close()
        if self.tree is not None and self.tree._root is not None:
            self.tree._root.kill()

    async def run(self) -> None:
        """Lives again and again, as a unit manager has it."""
        while True:
            async with trio.open_nursery() as nursery:
                process = self.process = Process(f"{self.name}/{self.incarnation + 1}")
                ended = trio.Event()
                nursery.start_soon(self._live, process, ended, name=process.name)
                while not ended.is_set() and process.alive:
                    await _either(ended, process.died)
                process.die()
                self.engine = self.links = self.tree = None
                nursery.cancel_scope.cancel()
            await trio.sleep(restart_seconds)

    async def _live(self, process: Process, ended: trio.Event) -> None:
        try:
            await self._lead(process)
        except* JournalError as errors:  # as the daemon does: it ends, and its unit manager starts it again
            self.truth.say(f"{process.name} ends: {errors.exceptions[0]!r}")
        except* Exception as error:  # noqa: BLE001 - a tree that gives up is what the checker wants to hear of
            if process.alive:
                self.truth.found("crash", [f"{process.name} gave up: {error!r}"])
        finally:
            ended.set()

    async def _lead(self, process: Process) -> None:
        self.incarnation += 1
        clock = ProcessClock(
            process, TrioClock(wall_from(start_of_time), skew_seconds=self.skew_seconds, rate=self.rate)
        )
        name = f"{self.seed} {process.name}"
        ports = Ports(clock, SeededRandom(name), SeededIds(name))
        journal = self.journal = EngineJournal(self.store, process=process, truth=self.truth)
        deposed = trio.Event()
        leadership = Leadership(journal, clock, self.name, on_lost=deposed.set, lease_seconds=lease_seconds)
        epoch = await leadership.acquire()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leadership.keep)
            engine = Engine(journal, epoch, ports, NoTokens(), on_deposed=deposed.set, times=times)
            await engine.prepare()

            async def nodes(_: Context) -> None:
                async with trio.open_nursery() as links:
                    if self.process is process and process.alive:
                        self.links = links
                    await trio.sleep_forever()

            spec = engine.tree((ChildSpec("nodes", AsyncTask(nodes), stop_seconds=3.0),))
            async with running(
                spec, ports, engine.directory, carrier=codec_carrier, observer=observer(self.truth, process)
            ) as tree:
                self.tree, self.engine = tree, engine
                engine.wake()
                self.truth.say(f"{process.name} serves in epoch {epoch}")
                await deposed.wait()
                self.truth.say(f"{process.name} is deposed")
                self.links = None
            self.engine = None
            nursery.cancel_scope.cancel()
        await leadership.release()


async def _either(one: trio.Event, other: trio.Event) -> None:
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(wait, one)
        nursery.start_soon(wait, other)
