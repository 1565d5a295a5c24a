"""A large inventory for measuring the gateway: the real engine over a journal that is full from the start.

Its VMs are documents alone, with every attribute that a running one has: nobody asks their actors anything, and to add
160,000 of them by commands would take longer than the measuring.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from actors.first_transaction import bootstrap
from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.journal.port import EntityRow, EntityWrite, Transaction
from actors.kernel.ports import Ports
from actors.storage.template.state import blank_id
from protocol.codec import decode, encode
from protocol.document import Ref
from protocol.host.model import Host
from protocol.inventory.model import Cluster, Cpu, CpuTopology
from protocol.network.model import Ip, Mac, Nic, ReportedDevice, VnicProfile
from protocol.vm.model import Vm
from tests.engine.names import named_id
from tests.engine.running import RunningEngine, running_engine

_rows_at_once: Final = 1_000
_started: Final = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


@asynccontextmanager
async def stocked_engine(*, vms: int, hosts: int = 2) -> AsyncIterator[RunningEngine]:
    """VMs vm-0, vm-1 and so on; every second one runs."""
    ports = Ports.seeded(1)
    store = MemoryStore(ports.clock)
    journal = store.connect()
    epoch = await journal.acquire_lease("stock", 10.0)
    assert epoch is not None
    await journal.append(epoch, [bootstrap(ports.ids, ports.clock.wall())])
    cluster, profile = await _only(journal, "cluster"), await _only(journal, "vnic_profile")
    stock: list[tuple[str, Any]] = [("host", host(number, cluster)) for number in range(hosts)]
    stock += [("vm", full_vm(number, hosts, cluster, profile)) for number in range(vms)]
    for start in range(0, len(stock), _rows_at_once):
        writes = tuple(_write(kind, document) for kind, document in stock[start : start + _rows_at_once])
        await journal.append(epoch, [Transaction(writes)])
    await journal.release_lease("stock", epoch)
    async with running_engine(store) as made:
        yield made


async def _only(journal: MemoryJournal, kind: str) -> Any:
    (row,) = (await journal.snapshot([kind])).rows
    return decode(row.document or b"")


def _write(kind: str, document: Any) -> EntityWrite:
    return EntityWrite(EntityRow(kind, document.id, 1, document.name, "", b"", encode(document)), 0)


def host(number: int, cluster: Cluster) -> Host:
    return Host(
        id=named_id(f"host-{number}"), name=f"host-{number}", address=f"10.0.0.{number % 250}",
        cluster=Ref(id=cluster.id), status="up", memory=64 * 1024**3, cpu=Cpu(architecture="x86_64", type="qemu64"),
    )  # fmt: skip


def full_vm(number: int, hosts: int, cluster: Cluster, profile: VnicProfile) -> Vm:
    """A VM with every attribute that a running one has."""
    mac = Mac(address="56:6f:00:00:00:01")
    device = ReportedDevice(
        id=named_id(f"device-{number}"), name="eth0", type="network", mac=mac,
        ips=(Ip(address=f"10.1.{number // 250}.{number % 250}", version="v4"),),
    )  # fmt: skip
    nic = Nic(
        id=named_id(f"nic-{number}"), name="nic1", interface="virtio", plugged=True, linked=True, mac=mac,
        vnic_profile=Ref(id=profile.id), reported_devices=(device,),
    )  # fmt: skip
    return Vm(
        id=named_id(f"vm-{number}"), name=f"vm-{number}", description="made by a test", comment="", type="server",
        status="up" if number % 2 == 0 else "down", cluster=Ref(id=cluster.id), template=Ref(id=blank_id),
        host=Ref(id=named_id(f"host-{number % hosts}")) if number % 2 == 0 else None, memory=1024**3 + number,
        cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=1, cores=2, threads=1)), stateless=False,
        delete_protected=False, origin="corral", creation_time=_started, start_time=_started, fqdn=f"vm-{number}.example",
        run_once=False, next_run_configuration_exists=False, start_paused=False, nics=(nic,),
        disk_attachments=(), reported_devices=(device,), applications=(), sessions=(), graphics_consoles=(),
    )  # fmt: skip
