"""Makes oVirt's statistics of a VM, host, disk or NIC from the latest samples.

A figure that is not known is left out: a device's rate needs two reports of the same QEMU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from gateway.read_model.model import ReadModel
from protocol.document import Ref, id_of
from protocol.live.engine import DiskSample, HostSamples, NicSample
from protocol.statistic import Statistic, Value

_Figure = tuple[str, float]

_off: Final = ("down", "suspended", "image_locked")  # no QEMU: nothing flows


@attrs.frozen
class _About:
    """What is always the same of a figure. Names are oVirt's, but for drops."""

    description: str
    unit: str
    type: str = "decimal"
    kind: str = "gauge"


def _total(description: str, unit: str) -> _About:
    return _About(description, unit, "integer", "counter")


_figures: Final = {
    "memory.installed": _About("Total memory configured", "bytes", "integer"),
    "memory.used": _About("Memory used", "bytes", "integer"),
    "memory.free": _About("Memory free", "bytes", "integer"),
    "memory.total": _About("Total memory", "bytes", "integer"),
    "cpu.current.guest": _About("CPU used by guest", "percent"),
    "cpu.current.hypervisor": _About("CPU overhead", "percent"),
    "cpu.current.total": _About("Total CPU used", "percent"),
    "cpu.current.user": _About("User CPU percentage", "percent"),
    "cpu.current.system": _About("System CPU percentage", "percent"),
    "cpu.current.idle": _About("Idle CPU percentage", "percent"),
    "cpu.load.avg.5m": _About("CPU 5 minute load average", "percent"),
    "network.current.total": _About("Total network used", "percent"),
    "data.current.rx": _About("Receive data rate", "bytes_per_second"),
    "data.current.tx": _About("Transmit data rate", "bytes_per_second"),
    "data.current.rx.bps": _About("Receive data rate", "bits_per_second"),
    "data.current.tx.bps": _About("Transmit data rate", "bits_per_second"),
    "data.total.rx": _total("Total received data", "bytes"),
    "data.total.tx": _total("Total transmitted data", "bytes"),
    "errors.total.rx": _total("Total receive errors", "none"),
    "errors.total.tx": _total("Total transmit errors", "none"),
    "drops.total.rx": _total("Total received packets dropped", "none"),
    "drops.total.tx": _total("Total transmitted packets dropped", "none"),
    "data.current.read": _About("Read data rate", "bytes_per_second"),
    "data.current.write": _About("Write data rate", "bytes_per_second"),
    "data.current.read_ops": _About("Read operations rate", "count_per_second"),
    "data.current.write_ops": _About("Write operations rate", "count_per_second"),
    "disks.current.read": _About("Read data rate of all disks", "bytes_per_second"),
    "disks.current.write": _About("Write data rate of all disks", "bytes_per_second"),
}


def statistics_of(model: ReadModel, kind: str, id: str, owner_id: str = "") -> list[Statistic]:
    """The figures of an object; empty for one that has none, as a step. `owner_id` is the VM of a NIC."""
    figures: Iterator[_Figure]
    if kind == "vm":
        figures = _vm(model, id)
    elif kind == "host":
        figures = _host(model, id)
    elif kind == "nic":
        figures = _nic(model, owner_id, id)
    elif kind == "disk":
        figures = _disk(model, id)
    else:
        return []
    return [_statistic(kind, id, name, datum) for name, datum in figures]


def _statistic(kind: str, id: str, name: str, datum: float) -> Statistic:
    about = _figures[name]
    return Statistic(
        id=name,
        name=name,
        description=about.description,
        kind=about.kind,
        type=about.type,
        unit=about.unit,
        values=(Value(datum=datum),),
        **{kind: Ref(id=id)},
    )


def _vm(model: ReadModel, id: str) -> Iterator[_Figure]:
    record = model.get("vm", id)
    sample = model.vm_samples.get(id)
    if record is not None and record.document.status in _off:
        sample = None
    installed = (record.document.memory or 0) if record is not None else 0
    yield "memory.installed", float(sample.memory_bytes if sample else installed)
    yield "memory.used", float(sample.memory_used_bytes if sample else 0)
    cpu = sample.cpu_percent if sample else 0.0
    yield "cpu.current.guest", cpu
    yield "cpu.current.hypervisor", 0.0
    yield "cpu.current.total", cpu
    rx, tx = (sample.network_rx_bytes_per_second, sample.network_tx_bytes_per_second) if sample else (0.0, 0.0)
    yield "network.current.total", _percent_of_gigabit(rx + tx)
    yield "data.current.rx", rx
    yield "data.current.tx", tx
    yield "disks.current.read", sample.disk_read_bytes_per_second if sample else 0.0
    yield "disks.current.write", sample.disk_write_bytes_per_second if sample else 0.0


def _percent_of_gigabit(bytes_per_second: float) -> float:
    """oVirt reports the share of a 1 Gbit/s link."""
    return round(min(100.0, bytes_per_second * 8 / 1e9 * 100), 3)


def _host(model: ReadModel, id: str) -> Iterator[_Figure]:
    sample = model.host_samples.get(id)
    record = model.get("host", id)
    total = (record.document.memory or 0) if record is not None else 0
    used = sample.memory_used_bytes if sample else 0
    free = sample.memory_free_bytes if sample else max(0, total - used)
    yield "memory.total", float(total or used + free)
    yield "memory.used", float(used)
    yield "memory.free", float(free)
    busy = min(100.0, sample.cpu_percent) if sample else 0.0
    user = min(busy, sample.cpu_user_percent) if sample else 0.0
    yield "cpu.current.user", user
    yield "cpu.current.system", busy - user
    yield "cpu.current.idle", 100.0 - busy
    yield "cpu.load.avg.5m", sample.load_average if sample else 0.0


def _nic(model: ReadModel, vm_id: str, id: str) -> Iterator[_Figure]:
    row: NicSample | None = (vm_id, id, 0.0, 0.0, 0, 0, 0, 0, 0, 0)
    if not _is_off(model, vm_id):
        samples = _samples_around(model, vm_id)
        row = next((row for row in samples.nics if row[1] == id and row[0] == vm_id), None) if samples else None
    if row is None:
        return
    _, _, rx, tx, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops = row
    if rx >= 0:
        yield "data.current.rx", rx
        yield "data.current.tx", tx
        yield "data.current.rx.bps", rx * 8
        yield "data.current.tx.bps", tx * 8
    yield "data.total.rx", float(rx_bytes)
    yield "data.total.tx", float(tx_bytes)
    yield "errors.total.rx", float(rx_errors)
    yield "errors.total.tx", float(tx_errors)
    yield "drops.total.rx", float(rx_drops)
    yield "drops.total.tx", float(tx_drops)


def _disk(model: ReadModel, id: str) -> Iterator[_Figure]:
    """Of a shared disk the sum of what its VMs do; unknown when one of them is."""
    record = model.get("disk", id)
    users = [user.id for user in (record.document.vms or ()) if user.id] if record is not None else []
    rows: list[DiskSample] = []
    for vm_id in users:
        if _is_off(model, vm_id):
            continue
        samples = _samples_around(model, vm_id)
        row = next((row for row in samples.disks if row[1] == id and row[0] == vm_id), None) if samples else None
        if row is None or row[2] < 0:
            return
        rows.append(row)
    yield "data.current.read", sum(row[2] for row in rows)
    yield "data.current.write", sum(row[3] for row in rows)
    yield "data.current.read_ops", sum(row[4] for row in rows)
    yield "data.current.write_ops", sum(row[5] for row in rows)


def _is_off(model: ReadModel, vm_id: str) -> bool:
    record = model.get("vm", vm_id)
    return record is None or record.document.status in _off


def _samples_around(model: ReadModel, vm_id: str) -> HostSamples | None:
    """The latest figures of the host on which a VM runs; none of a host that is silent. Devices are looked for in them
    when somebody asks: an index of each batch would be made a hundred times for one reader."""
    record = model.get("vm", vm_id)
    if record is None or record.document.host is None or record.document.status == "unknown":
        return None
    return model.host_samples.get(id_of(record.document.host))
