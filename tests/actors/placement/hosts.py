"""Documents of hosts and VMs for the tests of placement, as the journal would confirm them."""

from __future__ import annotations

from typing import Any

from actors.entity.rows import Rows
from actors.journal.port import EntityRow
from actors.placement.messages import Place
from protocol.codec import encode
from protocol.document import Ref
from protocol.host.model import Host
from protocol.inventory.model import Cpu, CpuTopology
from protocol.vm.model import Vm

GiB = 1024**3


def put(rows: Rows, kind: str, document: Any) -> None:
    rows.put(EntityRow(kind, document.id, 1, document.name, "", b"", encode(document)))


def host(name: str, *, status: str = "up", cluster: str = "c1", gib: float = 16.25, cpus: int = 8) -> Host:
    """16.25 GiB leave 16 for VMs."""
    return Host(
        id=f"id-{name}",
        name=name,
        status=status,
        cluster=Ref(id=cluster),
        memory=int(gib * GiB),
        cpu=Cpu(topology=CpuTopology(sockets=1, cores=cpus, threads=1)),
    )


def vm(name: str, on: str | None = None, *, status: str = "up", gib: float = 1, cpus: int = 1) -> Vm:
    return Vm(
        id=f"id-{name}",
        name=name,
        status=status,
        host=Ref(id=f"id-{on}") if on else None,
        memory=int(gib * GiB),
        cpu=Cpu(topology=CpuTopology(sockets=cpus, cores=1, threads=1)),
    )


def place(name: str = "new", *, gib: float = 1, cpus: int = 1, **more: Any) -> Place:
    return Place(
        operation_id=f"start-{name}",
        vm_id=f"id-{name}",
        vm_name=name,
        cluster_id="c1",
        memory_bytes=int(gib * GiB),
        vcpus=cpus,
        **more,
    )
