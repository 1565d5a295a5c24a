"""One node process, put together: identity, step log, hypervisor, storage, tree. It holds no rule."""

from __future__ import annotations

import json
import os
from pathlib import Path

import structlog
import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from cli.daemons.node.config import NodeConfig
from cli.daemons.node.identity import enrolled, hardware_uuid, locked, machine_name, step_log_of
from cli.daemons.node.refusals import WatchedDial
from node.hypervisor.port import Hypervisor
from node.hypervisor.probe.boot import find_virtualization
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.link.dial import EngineAddress, WebSocketDial
from node.link.identity import Identity
from node.statistics.host_meter import MachineMeter, WorldMeter
from node.statistics.reporter import HostMeter
from node.steps.log import FileStepLog
from node.storage.directory.storage import DirectoryStorage
from node.storage.port import Storage
from node.storage.simulated import SimulatedStorage
from node.tree import NodePorts, NodeSettings, node_tree
from node.world import World
from protocol.errors import BadInput, Refusal
from supervisors.tree import running

log = structlog.get_logger()


async def run(config: NodeConfig) -> None:
    """Runs until cancelled; VMs go on afterwards. Raises `CorralError` when the host cannot serve."""
    ports = Ports.system()
    ready, refused = config.state_dir / "ready.json", config.state_dir / "refused.json"
    name = config.name or machine_name()
    engine = EngineAddress.of(config.engine_url)
    with locked(config.state_dir):
        for said in (ready, refused):  # of a daemon that was killed
            said.unlink(missing_ok=True)
        identity = Identity(config.state_dir, config.ca_file)
        host_id = await enrolled(identity, engine, config.token, name, config.address, ports)
        step_log = await step_log_of(config.state_dir, host_id)
        try:
            async with trio.open_nursery() as nursery:
                await _serve(config, ports, nursery, identity, step_log, host_id, name, engine)
                nursery.cancel_scope.cancel()
        finally:
            for said in (ready, refused):
                said.unlink(missing_ok=True)
            step_log.close()


async def _serve(
    config: NodeConfig,
    ports: Ports,
    nursery: trio.Nursery,
    identity: Identity,
    step_log: FileStepLog,
    host_id: str,
    name: str,
    engine: EngineAddress,
) -> None:
    hypervisor, storage, meter, settle_seconds = await _outside(config, ports, nursery, host_id, name)
    settings = NodeSettings(
        host_id=host_id,
        name=name,
        boots_at_once=config.boots_at_once,
        boot_settle_seconds=settle_seconds,
        statistics_period_seconds=config.statistics_period_seconds,
    )

    ready_file, refused_file = config.state_dir / "ready.json", config.state_dir / "refused.json"

    async def linked() -> None:
        content: dict[str, object] = {"pid": os.getpid(), "host_id": host_id}
        await trio.to_thread.run_sync(write_instead, ready_file, refused_file, content)

    async def refused(refusal: Refusal) -> None:
        content: dict[str, object] = {"pid": os.getpid(), "reason": str(refusal)}
        await trio.to_thread.run_sync(write_instead, refused_file, ready_file, content)

    node_ports = NodePorts(
        clock=ports.clock,
        hypervisor=hypervisor,
        storage=storage,
        step_log=step_log,
        meter=meter,
        dial=WatchedDial(WebSocketDial(engine, identity, ports.clock), refused),
        identity=identity,
        on_linked=linked,
    )
    async with running(node_tree(settings, node_ports), ports, Directory()) as tree:
        log.info("node.runs", host_id=host_id, name=name)
        await tree.ended.wait()


async def _outside(
    config: NodeConfig, ports: Ports, nursery: trio.Nursery, host_id: str, name: str
) -> tuple[Hypervisor, Storage, HostMeter, float]:
    """Hypervisor, storage and meter, and for how many seconds a start counts as a boot."""
    if config.hypervisor == "simulated":
        world = World(ports.clock, ports.random)
        host = world.add_host(name, hardware_uuid() or ports.ids.uuid())
        world.add_storage(str(config.storage_dir))
        nursery.start_soon(world.run)
        return SimulatedHypervisor(world, host), SimulatedStorage(world, host), WorldMeter(host), 0.0
    if config.hypervisor != "libvirt":
        raise BadInput(f"There is no hypervisor {config.hypervisor!r}: use libvirt or simulated.")
    # Here, because a machine without libvirt can run everything else of Corral.
    from node.hypervisor.libvirt.hypervisor import LibvirtHypervisor

    virtualization = await find_virtualization(config.state_dir / "virtualization.json")
    log.info("node.virtualization", kind=virtualization.kind, reason=virtualization.reason)
    await trio.to_thread.run_sync(lambda: config.storage_dir.mkdir(parents=True, exist_ok=True))
    hypervisor = LibvirtHypervisor(config.libvirt_uri, virtualization.platform(), virtualization, clock=ports.clock)
    settle_seconds = config.boot_settle_seconds if virtualization.kind == "tcg" else 0.0
    return hypervisor, DirectoryStorage(host_id), MachineMeter(), settle_seconds


def write_instead(path: Path, other: Path, content: dict[str, object]) -> None:
    """Of `ready.json` and `refused.json` there is one at a time."""
    write_ready(path, content)
    other.unlink(missing_ok=True)


def write_ready(path: Path, content: dict[str, object]) -> None:
    """Replaces a ready file whole."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(content))
    os.replace(temporary, path)
