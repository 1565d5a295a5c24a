"""What simulated QEMUs and their devices count. Pure: all follows from the age of the QEMU, so that the same seed draws
the same curves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from node.hypervisor.port import Counters
from node.world.qemu import Qemu
from protocol.node.reports import DiskRow, DomainRow, NicRow

_nic_bytes_per_second = 1_000  # of the first, times a small number of each QEMU's own
_disk_bytes_per_second = 4_000
_request_bytes = 4_096


def counters(qemus: Iterable[Qemu], now: float) -> Counters:
    """`now` is the world's monotonic time in seconds."""
    made = []
    for qemu in qemus:
        age = max(now - qemu.started, 0.0)
        nics, disks = _nics(qemu, age), _disks(qemu, age)
        made.append((_domain(qemu, age, nics, disks), nics, disks))
    return Counters(
        domains=tuple(domain for domain, _, _ in made),
        nics=tuple(itertools.chain.from_iterable(nics for _, nics, _ in made)),
        disks=tuple(itertools.chain.from_iterable(disks for _, _, disks in made)),
    )


def _nics(qemu: Qemu, age: float) -> tuple[NicRow, ...]:
    """Each one has more to do than the one before; what is not connected has nothing."""
    traffic = int(age * _nic_bytes_per_second * (1 + qemu.pid % 7))
    rows: list[NicRow] = []
    for number, nic in enumerate(qemu.spec.nics, 1):
        received = traffic * number if nic.bridge and nic.linked else 0
        rows.append((qemu.vm_id, nic.nic_id, received, received // 2, 0, 0, 0, 0))
    return tuple(rows)


def _disks(qemu: Qemu, age: float) -> tuple[DiskRow, ...]:
    traffic = int(age * _disk_bytes_per_second * (1 + qemu.pid % 7))
    rows: list[DiskRow] = []
    for number, disk in enumerate(qemu.spec.disks, 1):
        read, written = traffic * number, traffic * number // 2
        rows.append((qemu.vm_id, disk.disk_id, read, written, read // _request_bytes, written // _request_bytes))
    return tuple(rows)


def _domain(qemu: Qemu, age: float, nics: tuple[NicRow, ...], disks: tuple[DiskRow, ...]) -> DomainRow:
    vcpus = qemu.spec.sockets * qemu.spec.cores * qemu.spec.threads
    share = 0.02 + 0.01 * (qemu.pid % 50)
    memory = qemu.spec.memory_bytes
    return (
        qemu.vm_id,
        int(age * share * vcpus * 1e9),
        vcpus,
        memory,
        memory // 2 if qemu.agent else -1,
        memory * 3 // 4,
        sum(row[2] for row in nics),
        sum(row[3] for row in nics),
        sum(row[2] for row in disks),
        sum(row[3] for row in disks),
    )
