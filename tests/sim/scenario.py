"""One seed from beginning to end: furnish, a phase with faults, then calm until everything is at rest; and the verdict."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import attrs
import structlog
import trio

from actors.journal.memory.journal import MemoryStore
from actors.kernel.ports import SeededIds, SeededRandom, TrioClock
from tests.checkers import s01_one_qemu, s06_effects
from tests.sim import rates as fault_rates
from tests.sim import rest
from tests.sim.cluster import Cluster, world_of
from tests.sim.database import WatchedTables
from tests.sim.determinism import Steps, run_seeded
from tests.sim.faults import Faults
from tests.sim.truth import Crashes, Truth, Violation
from tests.sim.workload import Workload

faulty_share = 0.6
"""Of the steps: the rest is for coming to rest."""
calm_seconds_max = 240.0
endless_factor = 4


@attrs.frozen(kw_only=True)
class Result:
    """What became of one seed."""

    seed: int
    rates: str
    trace: str
    steps: int
    seconds: float
    violations: tuple[Violation, ...]
    sometimes: Counter[str]
    log: tuple[str, ...]


Script = Callable[[Cluster], Awaitable[None]]
"""What happens on a furnished cluster in place of random work and faults."""


def run_seed(
    seed: int, *, steps_max: int = 10_000, adjust: Callable[[fault_rates.Rates], None] = lambda _: None
) -> Result:
    """Runs one seed. `adjust` changes the rates that it drew."""
    return _played(_Play(seed, steps_max, adjust))


def run_script(
    script: Script, *, seed: int = 1, hosts: int = 1, engines: int = 1, hosts_are_well: bool = True
) -> Result:
    """Plays `script` on a cluster without faults but its own; every checker listens as with a seed. `hosts_are_well`:
    nothing that it does is a reason for an operation to fail."""
    return _played(_Scripted(script, seed, hosts, engines, hosts_are_well))


def _played(play: _Play) -> Result:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        run_seeded(play.run, seed=play.seed, steps=play.steps)
    finally:
        structlog.configure(**before)
    truth = play.truth
    return Result(
        seed=play.seed, rates=str(play.drawn), trace=play.steps.trace, steps=play.steps.count, seconds=play.seconds,
        violations=tuple(truth.violations), sometimes=truth.sometimes, log=tuple(truth.log),
    )  # fmt: skip


class _Play:
    def __init__(self, seed: int, steps_max: int, adjust: Callable[[fault_rates.Rates], None]) -> None:
        self.seed = seed
        self.steps_max = steps_max
        self.random = SeededRandom(f"sim {seed}")
        self.rates = fault_rates.draw(self.random)
        adjust(self.rates)
        self.drawn = attrs.evolve(self.rates)
        self.steps = Steps(self._after_step)
        self.faulty_steps = int(steps_max * faulty_share)
        self.truth = Truth(TrioClock(), self.steps.note, self._violated)
        self.seconds = 0.0
        self._over: trio.Event | None = None
        self._faulty_over: trio.Event | None = None

    def _after_step(self, count: int) -> None:
        """S1, S2 and S6 are looked at after every step: the world notes them when they happen."""
        world = getattr(self, "world", None)
        if world is not None and world.violations:
            noted, world.violations = world.violations, []
            for text in noted:
                if self.truth.operator_lied and text.startswith(("S1", "S2")):
                    continue
                self.truth.found(text.split(" ", 1)[0], [text])
        if count == endless_factor * self.steps_max:
            self.truth.found("endless", [f"{count} steps, and nothing comes to rest"])
        if count >= self.faulty_steps and self._faulty_over is not None:
            self._faulty_over.set()

    def _violated(self) -> None:
        if self._over is not None:
            self._over.set()

    async def run(self) -> None:
        self._over, self._faulty_over = trio.Event(), trio.Event()
        crashes, logger = Crashes(self.truth), logging.getLogger("corral")
        propagated = logger.propagate
        logger.addHandler(crashes)
        logger.propagate = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._phases, nursery)
                await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            logger.removeHandler(crashes)
            logger.propagate = propagated
            self.seconds = trio.current_time()

    async def _phases(self, nursery: trio.Nursery) -> None:
        assert self._over is not None
        assert self._faulty_over is not None
        cluster = self._cluster(nursery)
        await cluster.furnish(self._hosts())
        self.truth.say(f"furnished after {self.steps.count} steps; rates: {self.drawn}")
        self._furnished(cluster)
        await self._work(cluster)
        await self._come_to_rest(cluster)
        self._over.set()

    async def _work(self, cluster: Cluster) -> None:
        """Clients and faults, until the steps for them are used up."""
        assert self._faulty_over is not None
        workload = Workload(cluster.readers[0].model, SeededRandom(f"{self.seed} work"), cluster.ids)
        faults = Faults(cluster, SeededRandom(f"{self.seed} faults"))
        cluster.world.fault_hook = faults.hook
        async with trio.open_nursery() as faulty:
            faulty.start_soon(faults.run)
            for number in range(3):
                faulty.start_soon(self._client, cluster, workload, name=f"client {number}")
            faulty.start_soon(self._watch, cluster)
            await self._faulty_over.wait()
            faulty.cancel_scope.cancel()
        faults.stop()
        self.truth.say(f"the faults stop after {self.steps.count} steps")

    def _hosts(self) -> int:
        return 2 + self.random.randrange(2)

    def _engines(self) -> int:
        return 1 + (self.random.random() < 0.7)

    def _cluster(self, nursery: trio.Nursery) -> Cluster:
        world = world_of(SeededRandom(f"{self.seed} world"))
        self.world = world
        tables = WatchedTables(truth=self.truth)
        store = MemoryStore(TrioClock(), tables)
        cluster = Cluster(
            str(self.seed), self.truth, self.rates, self.random, nursery, world, store, tables,
            SeededIds(f"{self.seed} ids"),
        )  # fmt: skip
        cluster.hosts_are_well = self.drawn.hosts_are_well
        world.node_death_listener = lambda host: next(n for n in cluster.nodes if n.host is host).died()
        nursery.start_soon(world.run)
        self.calm_rates = attrs.evolve(self.rates)
        self.rates.calm()
        for name in ("engine-a", "engine-b")[: self._engines()]:
            cluster.add_engine(name)
        for name in ("one", "two"):
            cluster.add_reader(name)
        return cluster

    def _furnished(self, cluster: Cluster) -> None:
        """From now on the world is as bad as the seed has it."""
        for field in attrs.fields(fault_rates.Rates):
            setattr(self.rates, field.name, getattr(self.calm_rates, field.name))
        cluster.store.delay_seconds = self.rates.journal_seconds
        for node in cluster.nodes:
            wire = node.dial.faults
            wire.drop, wire.duplicate, wire.reorder = self.rates.drop, self.rates.duplicate, self.rates.reorder
            wire.delay_seconds_max = self.rates.delay_seconds

    async def _client(self, cluster: Cluster, workload: Workload) -> None:
        random = SeededRandom(f"{self.seed} client {trio.lowlevel.current_task().name}")
        while True:
            await trio.sleep(random.uniform(0.0, 3.0))
            command = workload.next()
            if command is not None:
                await cluster.ask(command, dry_run=random.random() < 0.05)  # type: ignore[arg-type]

    async def _watch(self, cluster: Cluster) -> None:
        while True:
            await trio.sleep(1.0)
            rest.check_bounds(cluster)
            if sum(engine.listens for engine in cluster.engines) > 1:
                self.truth.once("two engines led at the same time")

    async def _come_to_rest(self, cluster: Cluster) -> None:
        """Waits until nothing is left to do, or for as long as that may take; then everything is checked."""
        began = trio.current_time()
        quiet = 0
        while trio.current_time() - began < calm_seconds_max and quiet < 3:
            await trio.sleep(1.0)
            await cluster.choose_runs()
            quiet = 0 if rest.unrest(cluster) else quiet + 1
        self.truth.say(f"at rest after {trio.current_time() - began:g} s of calm and {self.steps.count} steps")
        self.truth.found("S1", s01_one_qemu.check(cluster.world.running()))
        starts: Counter[tuple[str, str]] = Counter((s.vm_id, s.step_id) for s in cluster.world.starts)
        self.truth.found("S6", s06_effects.check_starts(starts))
        rest.check_bounds(cluster)
        rest.check_at_rest(cluster)


class _Scripted(_Play):
    """One scenario by hand."""

    def __init__(self, script: Script, seed: int, hosts: int, engines: int, hosts_are_well: bool) -> None:
        super().__init__(seed, 10_000_000, _without_faults)
        self._script, self._host_count, self._engine_count = script, hosts, engines
        self._hosts_are_well = hosts_are_well

    def _hosts(self) -> int:
        return self._host_count

    def _engines(self) -> int:
        return self._engine_count

    async def _work(self, cluster: Cluster) -> None:
        cluster.hosts_are_well = self._hosts_are_well
        await self._script(cluster)
        cluster.world.fault_hook = None


def _without_faults(rates: fault_rates.Rates) -> None:
    for name, value in attrs.asdict(fault_rates.Rates()).items():
        setattr(rates, name, value)
