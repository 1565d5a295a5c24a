"""The simulated hosts of one process: world, one node tree each, the switch for their power. It holds no rule."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import attrs
import structlog
import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from cli.daemons.node.identity import enrolled, locked, step_log_of
from cli.daemons.node.refusals import WatchedDial
from cli.daemons.node.running import write_ready
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from cli.daemons.simulated_nodes.control import SimulatedNodesControl
from cli.daemons.simulated_nodes.tokens import EnrolmentTokens
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.link.dial import EngineAddress, WebSocketDial
from node.link.identity import Identity
from node.statistics.host_meter import WorldMeter
from node.storage.simulated import SimulatedStorage
from node.tree import NodePorts, NodeSettings, node_tree
from node.world import World, WorldHost
from protocol.errors import Conflict, HostFailed, Refusal, Refused
from supervisors.tree import running

log = structlog.get_logger()

_hardware = uuid.UUID("c0441a00-0000-4000-8000-000000000000")


@attrs.define(eq=False)
class SimulatedNode:
    """One host: its machine in the world, and its daemon while the power is on."""

    host: WorldHost
    identity: Identity
    state_dir: Path
    power: trio.CancelScope = attrs.field(factory=trio.CancelScope)


class Roll:
    """Which hosts are linked, and which the engine does not want; `ready.json` says so once all are one or the other."""

    def __init__(self, ready: Path, nodes: Mapping[str, SimulatedNode]) -> None:
        self._ready = ready
        self._nodes = nodes
        self._linked: set[str] = set()
        self._refused: dict[str, str] = {}
        self._writing = trio.Lock()

    async def linked(self, name: str) -> None:
        if name not in self._linked:
            self._linked.add(name)
            self._refused.pop(name, None)
            await self._tell()

    async def refused(self, name: str, refusal: Refusal) -> None:
        """A host that was removed, or one that may not enrol: the others go on without it."""
        if self._refused.get(name) != str(refusal):
            self._linked.discard(name)
            self._refused[name] = str(refusal)
            log.warning("simulated.refused", host=name, reason=str(refusal))
            await self._tell()

    async def _tell(self) -> None:
        async with self._writing:
            if len(self._linked) + len(self._refused) == len(self._nodes):
                hosts = {name: node.identity.host_id for name, node in self._nodes.items() if name in self._linked}
                content = {"pid": os.getpid(), "hosts": hosts, "refused": dict(self._refused)}
                await trio.to_thread.run_sync(write_ready, self._ready, content)
                log.info("simulated.all_told", linked=len(self._linked), refused=len(self._refused))


async def run(config: SimulatedNodesConfig) -> None:
    """Runs until cancelled. The world's VMs end with the process: they are nothing but memory."""
    ports = Ports.system()
    ready = config.state_dir / "ready.json"
    world = World(ports.clock, ports.random)
    for path in config.storage_paths:
        world.add_storage(path)
    with locked(config.state_dir):
        ready.unlink(missing_ok=True)
        nodes = {name: _machine(world, config, name) for name in names(config.hosts)}
        enrolled_before = {node.identity.host_id for node in nodes.values()} - {""}
        tokens = EnrolmentTokens(config, enrolled_before.__contains__)
        limiter = trio.CapacityLimiter(config.enrolments_at_once)
        roll = Roll(ready, nodes)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(world.run)
                nursery.start_soon(SimulatedNodesControl(config.state_dir, partial(_cut_power, nodes)).run)
                for name, node in nodes.items():
                    nursery.start_soon(_serve, config, ports, world, node, tokens, limiter, roll, name=name)
        finally:
            ready.unlink(missing_ok=True)


def names(hosts: int) -> list[str]:
    """sim-0001 and so on."""
    return [f"sim-{number:04}" for number in range(1, hosts + 1)]


def _machine(world: World, config: SimulatedNodesConfig, name: str) -> SimulatedNode:
    host = world.add_host(name, str(uuid.uuid5(_hardware, f"{config.state_dir} {name}")))
    state_dir = config.state_dir / name
    return SimulatedNode(host, Identity(state_dir, config.ca_file), state_dir)


def _cut_power(nodes: dict[str, SimulatedNode], name: str) -> bool:
    """The machine is off: its QEMUs are gone, its daemon too, without a word to anybody."""
    node = nodes.get(name)
    if node is None:
        return False
    node.host.power_off()
    node.power.cancel()
    return True


async def _serve(
    config: SimulatedNodesConfig,
    ports: Ports,
    world: World,
    node: SimulatedNode,
    tokens: EnrolmentTokens,
    limiter: trio.CapacityLimiter,
    roll: Roll,
) -> None:
    name, identity = node.host.name, node.identity
    engine = EngineAddress.of(config.engine_url)
    try:
        async with limiter:
            token = "" if identity.host_id else await tokens.of(name)
            host_id = await enrolled(identity, engine, token, name, name, ports)
            step_log = await step_log_of(node.state_dir, host_id)
    except (Refused, HostFailed, Conflict) as problem:
        await roll.refused(name, problem.refusal)
        return
    node_ports = NodePorts(
        clock=ports.clock,
        hypervisor=SimulatedHypervisor(world, node.host),
        storage=SimulatedStorage(world, node.host),
        step_log=step_log,
        meter=WorldMeter(node.host),
        dial=WatchedDial(WebSocketDial(engine, identity, ports.clock), partial(roll.refused, name)),
        identity=identity,
        on_linked=partial(roll.linked, name),
    )
    settings = NodeSettings(
        host_id=host_id,
        name=name,
        boots_at_once=1_000,  # a simulated boot costs nothing
        statistics_period_seconds=config.statistics_period_seconds,
    )
    try:
        with node.power:
            async with running(node_tree(settings, node_ports), ports, Directory()) as tree:
                await tree.ended.wait()
    finally:
        step_log.close()
