"""The simulated hosts of one process: world, one node tree each, the switch for their power. It holds no rule."""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import structlog
import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from cli.daemons.node.identity import enrolled, locked, step_log_of
from cli.daemons.node.running import write_ready
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from cli.daemons.simulated_nodes.control import SimulatedNodesControl
from cli.daemons.simulated_nodes.tokens import EnrolmentTokens
from node.host_meter import WorldMeter
from node.hypervisor.simulated import SimulatedHypervisor
from node.identity import Identity
from node.link import EngineAddress, WebSocketDial
from node.storage.simulated import SimulatedStorage
from node.tree import NodePorts, NodeSettings, node_tree
from node.world import World, WorldHost
from supervisors.tree import running

log = structlog.get_logger()

_hardware = uuid.UUID("c0441a00-0000-4000-8000-000000000000")


@attrs.define(eq=False)
class SimulatedNode:
    """One host: its machine in the world, and its daemon while the power is on."""

    host: WorldHost
    state_dir: Path
    host_id: str = ""
    power: trio.CancelScope = attrs.field(factory=trio.CancelScope)


async def run(config: SimulatedNodesConfig) -> None:
    """Runs until cancelled. The world's VMs end with the process: they are nothing but memory."""
    ports = Ports.system()
    ready = config.state_dir / "ready.json"
    ready.unlink(missing_ok=True)
    world = World(ports.clock, ports.random)
    for path in config.storage_paths:
        world.add_storage(path)
    nodes = {name: _machine(world, config, name) for name in names(config.hosts)}
    tokens = EnrolmentTokens(config)
    limiter = trio.CapacityLimiter(config.enrolments_at_once)
    linked: set[str] = set()

    async def one_linked(name: str) -> None:
        linked.add(name)
        if len(linked) == len(nodes) and not ready.exists():
            hosts = {name: node.host_id for name, node in nodes.items()}
            await trio.to_thread.run_sync(write_ready, ready, {"pid": os.getpid(), "hosts": hosts})
            log.info("simulated.all_linked", hosts=len(nodes))

    with locked(config.state_dir):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(world.run)
                nursery.start_soon(SimulatedNodesControl(config.state_dir, partial(_cut_power, nodes)).run)
                for name, node in nodes.items():
                    on_linked = partial(one_linked, name)
                    nursery.start_soon(_serve, config, ports, world, node, tokens, limiter, on_linked, name=name)
        finally:
            ready.unlink(missing_ok=True)


def names(hosts: int) -> list[str]:
    """sim-0001 and so on."""
    return [f"sim-{number:04}" for number in range(1, hosts + 1)]


def _machine(world: World, config: SimulatedNodesConfig, name: str) -> SimulatedNode:
    host = world.add_host(name, str(uuid.uuid5(_hardware, f"{config.state_dir} {name}")))
    return SimulatedNode(host, config.state_dir / name)


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
    on_linked: Callable[[], Awaitable[None]],
) -> None:
    name = node.host.name
    engine = EngineAddress.of(config.engine_url)
    identity = Identity(node.state_dir, config.ca_file)
    async with limiter:
        token = "" if identity.host_id else await tokens.of(name)
        node.host_id = await enrolled(identity, engine, token, name, name, ports)
        step_log = await step_log_of(node.state_dir, node.host_id)
    node_ports = NodePorts(
        clock=ports.clock,
        hypervisor=SimulatedHypervisor(world, node.host),
        storage=SimulatedStorage(world, node.host),
        step_log=step_log,
        meter=WorldMeter(node.host),
        dial=WebSocketDial(engine, identity, ports.clock),
        identity=identity,
        on_linked=on_linked,
    )
    settings = NodeSettings(
        host_id=node.host_id,
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
