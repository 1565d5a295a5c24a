"""A machine of the simulated world with a node daemon on it, and the wire to an engine of the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from actors.host.link.hub import LinkHub
from actors.host.link.session import LinkSettings, serve_link
from actors.kernel.ports import Clock, Ports
from actors.wire.frames import FrameTransport
from node.hypervisor.simulated.hypervisor import SimulatedHypervisor
from node.link.dial import Dial
from node.statistics.reporter import HostFigures
from node.steps.store import StepStore
from node.storage.simulated import SimulatedStorage
from node.tree import NodePorts, NodeSettings, node_tree
from node.world import World, WorldHost
from protocol.errors import Refusal
from protocol.node.commands import CertificateIssued
from supervisors.spec import SupervisorSpec
from tests.node.memory_link import Accept
from tests.node.memory_step_log import MemoryStepLog


class FlatMeter:
    """A host that is always as busy as this."""

    async def read(self) -> HostFigures:
        return HostFigures(
            cpu_percent=1.0, cpu_user_percent=0.5, memory_free_bytes=1, memory_used_bytes=1, load_average=0.0
        )


def simulated_node(
    world: World,
    host: WorldHost,
    host_id: str,
    *,
    clock: Clock,
    dial: Dial,
    store: StepStore | None = None,
    copy_bytes_per_second: float = 10e9,
    **settings: Any,
) -> SupervisorSpec:
    """The tree of one life of a host's node daemon; `store` is the disk that outlives it."""
    return node_tree(
        NodeSettings(host_id=host_id, name=host.name, **settings),
        NodePorts(
            clock=clock,
            hypervisor=SimulatedHypervisor(world, host),
            storage=SimulatedStorage(world, host, copy_bytes_per_second=copy_bytes_per_second),
            step_log=MemoryStepLog(store),
            meter=FlatMeter(),
            dial=dial,
        ),
    )  # fmt: skip


async def no_renewal(host_id: str, csr_pem: str) -> CertificateIssued | Refusal:
    return Refusal(code="no", reason="There are no certificates to renew here.")


def accepting(nursery: trio.Nursery, hub: LinkHub, ports: Ports, epoch: Callable[[], int]) -> Accept:
    """The engine's side of the wires: serves each new link in `nursery`."""
    terms = LinkSettings(hub=hub, ports=ports, epoch=epoch, renew=no_renewal)

    def accept(transport: FrameTransport) -> None:
        nursery.start_soon(lambda: serve_link(transport, terms, host_id=None))

    return accept
