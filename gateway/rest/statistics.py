"""Makes oVirt's statistics of a VM, host, disk or NIC from the latest samples. It must not keep history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.read_model import ReadModel
from protocol.engine_messages import HostSamples, VmSample
from protocol.model.statistic import Statistic, Value
from protocol.model.types import Ref

_Figure = tuple[str, float, str, str]

_descriptions: Final = {
    "memory.installed": "Total memory configured",
    "memory.used": "Memory used",
    "memory.free": "Memory free",
    "memory.total": "Total memory",
    "cpu.current.guest": "CPU used by guest",
    "cpu.current.hypervisor": "CPU overhead",
    "cpu.current.total": "Total CPU used",
    "cpu.current.user": "User CPU percentage",
    "cpu.current.system": "System CPU percentage",
    "cpu.current.idle": "Idle CPU percentage",
    "cpu.load.avg.5m": "CPU 5 minute load average",
    "network.current.total": "Total network used",
    "data.current.rx": "Receive data rate",
    "data.current.tx": "Transmit data rate",
    "data.current.read": "Read data rate",
    "data.current.write": "Write data rate",
    "disks.current.read": "Read data rate of all disks",
    "disks.current.write": "Write data rate of all disks",
}


def statistics_of(model: ReadModel, kind: str, id: str, parent_id: str = "") -> list[Statistic]:
    """The figures of an object; empty for one that has none (a disk that no VM uses, a step)."""
    figures: list[_Figure]
    if kind == "vm":
        figures = list(_vm(model, id))
    elif kind == "host":
        figures = list(_host(model, id))
    elif kind == "nic":
        figures = list(_nic(model.vm_samples.get(parent_id)))
    elif kind == "disk":
        figures = list(_disk(model, id))
    else:
        figures = []
    return [_statistic(kind, id, figure) for figure in figures]


def _statistic(kind: str, id: str, figure: _Figure) -> Statistic:
    name, datum, unit, value_type = figure
    reference = {kind: Ref(id=id)} if kind in ("vm", "host", "disk", "nic") else {}
    return Statistic(
        id=name,
        name=name,
        description=_descriptions.get(name),
        kind="gauge",
        type=value_type,
        unit=unit,
        values=(Value(datum=datum),),
        **reference,
    )


def _vm(model: ReadModel, id: str) -> Iterator[_Figure]:
    record = model.get("vm", id)
    sample = model.vm_samples.get(id)
    if record is not None and record.document.status in ("down", "suspended", "image_locked"):
        sample = None
    installed = (record.document.memory or 0) if record is not None else 0
    yield "memory.installed", float(sample.memory_bytes if sample else installed), "bytes", "integer"
    yield "memory.used", float(sample.memory_used_bytes if sample else 0), "bytes", "integer"
    cpu = sample.cpu_percent if sample else 0.0
    yield "cpu.current.guest", cpu, "percent", "decimal"
    yield "cpu.current.hypervisor", 0.0, "percent", "decimal"
    yield "cpu.current.total", cpu, "percent", "decimal"
    rx, tx = (sample.network_rx_bytes_per_second, sample.network_tx_bytes_per_second) if sample else (0.0, 0.0)
    yield "network.current.total", _percent_of_gigabit(rx + tx), "percent", "decimal"
    yield "data.current.rx", rx, "bytes_per_second", "decimal"
    yield "data.current.tx", tx, "bytes_per_second", "decimal"
    yield "disks.current.read", sample.disk_read_bytes_per_second if sample else 0.0, "bytes_per_second", "decimal"
    yield "disks.current.write", sample.disk_write_bytes_per_second if sample else 0.0, "bytes_per_second", "decimal"


def _percent_of_gigabit(bytes_per_second: float) -> float:
    """oVirt reports the share of a 1 Gbit/s link."""
    return round(min(100.0, bytes_per_second * 8 / 1e9 * 100), 3)


def _host(model: ReadModel, id: str) -> Iterator[_Figure]:
    sample: HostSamples | None = model.host_samples.get(id)
    record = model.get("host", id)
    total = (record.document.memory or 0) if record is not None else 0
    used = sample.memory_used_bytes if sample else 0
    free = sample.memory_free_bytes if sample else max(0, total - used)
    yield "memory.total", float(total or used + free), "bytes", "integer"
    yield "memory.used", float(used), "bytes", "integer"
    yield "memory.free", float(free), "bytes", "integer"
    busy = min(100.0, sample.cpu_percent) if sample else 0.0
    yield "cpu.current.user", busy, "percent", "decimal"
    yield "cpu.current.system", 0.0, "percent", "decimal"
    yield "cpu.current.idle", 100.0 - busy, "percent", "decimal"
    yield "cpu.load.avg.5m", sample.load_average if sample else 0.0, "percent", "decimal"


def _nic(sample: VmSample | None) -> Iterator[_Figure]:
    yield "data.current.rx", sample.network_rx_bytes_per_second if sample else 0.0, "bytes_per_second", "decimal"
    yield "data.current.tx", sample.network_tx_bytes_per_second if sample else 0.0, "bytes_per_second", "decimal"


def _disk(model: ReadModel, id: str) -> Iterator[_Figure]:
    record = model.get("disk", id)
    users = (record.document.vms or ()) if record is not None else ()
    samples = [model.vm_samples[user.id] for user in users if user.id in model.vm_samples]
    yield "data.current.read", sum(s.disk_read_bytes_per_second for s in samples), "bytes_per_second", "decimal"
    yield "data.current.write", sum(s.disk_write_bytes_per_second for s in samples), "bytes_per_second", "decimal"
