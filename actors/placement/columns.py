"""Hosts as columns, kept up to date by every row that the journal confirms, plus the capacity held for operations.

One list per attribute, so that placing a VM walks numbers and builds nothing.
"""

from __future__ import annotations

from typing import Final

import attrs

from protocol.document import Document, id_of
from protocol.host.model import Host
from protocol.inventory.model import CpuTopology
from protocol.vm.model import MemoryPolicy, Vm

host_reserve_bytes: Final = 256 * 1024**2
"""Memory of a host that is never given to VMs: its own system and the node daemon."""

qemu_overhead_bytes: Final = 32 * 1024**2
"""What a QEMU process takes beside the guest's memory."""

_without_qemu: Final = frozenset({None, "down", "suspended", "image_locked"})


@attrs.frozen
class Load:
    """What one VM takes of one host, by row."""

    row: int
    memory_bytes: int
    vcpus: int


class HostColumns:
    """One row per host; the rows of removed hosts are used again. `observe` is an observer of `Rows`."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.names: list[str] = []
        self.clusters: list[str] = []
        self.statuses: list[str] = []
        self.memory_bytes: list[int] = []  # that VMs may have
        self.taken_bytes: list[int] = []  # by VMs that run and by operations
        self.cpus: list[int] = []
        self.taken_vcpus: list[int] = []
        self.vms: list[int] = []
        self._row_of: dict[str, int] = {}
        self._free: list[int] = []
        self._running: dict[str, Load] = {}  # by VM
        self._held: dict[str, tuple[str, Load]] = {}  # by operation, with the VM
        self._holder: dict[str, str] = {}  # the operation that holds for a VM
        self._sorted: list[int] | None = None

    def observe(self, kind: str, id: str, document: Document | None) -> None:
        """Takes in a changed host or VM; `document` is None when it is gone."""
        if kind == "host":
            self._observe_host(id, document if isinstance(document, Host) else None)
        elif kind == "vm":
            self._observe_vm(id, document if isinstance(document, Vm) else None)

    def rows(self) -> list[int]:
        """The rows of all known hosts, by name. Not to be changed."""
        if self._sorted is None:
            known = [row for row in self._row_of.values() if self.statuses[row]]
            self._sorted = sorted(known, key=lambda row: (self.names[row], self.ids[row]))
        return self._sorted

    def row_of(self, host_id: str) -> int | None:
        row = self._row_of.get(host_id)
        return row if row is not None and self.statuses[row] else None

    def hold(self, operation_id: str, vm_id: str, row: int, memory_bytes: int, vcpus: int) -> None:
        """Takes capacity for a VM that is about to start, instead of what was held for it before.

        As soon as the VM's own row says where it runs, the row counts and the hold does not.
        """
        self.release(self._holder.get(vm_id, ""))
        if vm_id not in self._running:
            load = Load(row, memory_bytes + qemu_overhead_bytes, vcpus)
            self._held[operation_id] = (vm_id, load)
            self._holder[vm_id] = operation_id
            self._add(load, 1)

    def release(self, operation_id: str) -> None:
        """Gives back what `hold` took; without effect when nothing is held."""
        vm_id, load = self._held.pop(operation_id, ("", None))
        if load is not None:
            del self._holder[vm_id]
            self._add(load, -1)
            self._reclaim(load.row)

    def _observe_host(self, id: str, host: Host | None) -> None:
        if host is None:
            row = self._row_of.get(id)
            if row is not None:
                self.statuses[row] = ""
                self._sorted = None
                self._reclaim(row)
            return
        row = self._make_row(id)
        self._sorted = None if self.names[row] != host.name or not self.statuses[row] else self._sorted
        topology = host.cpu.topology if host.cpu else None
        self.names[row] = host.name or id
        self.clusters[row] = id_of(host.cluster)
        self.statuses[row] = host.status or "unassigned"
        self.memory_bytes[row] = max(0, (host.memory or 0) - host_reserve_bytes)
        self.cpus[row] = vcpus_of(topology)

    def _observe_vm(self, id: str, vm: Vm | None) -> None:
        old = self._running.pop(id, None)
        if old is not None:
            self._add(old, -1)
        host_id = id_of(vm.host) if vm is not None else ""
        if vm is not None and host_id and vm.status not in _without_qemu:
            self.release(self._holder.get(id, ""))
            load = Load(
                self._make_row(host_id),
                reserved_bytes(vm.memory or 0, vm.memory_policy) + qemu_overhead_bytes,
                vcpus_of(vm.cpu.topology if vm.cpu else None),
            )
            self._running[id] = load
            self._add(load, 1)
        if old is not None:
            self._reclaim(old.row)

    def _add(self, load: Load, sign: int) -> None:
        self.taken_bytes[load.row] += sign * load.memory_bytes
        self.taken_vcpus[load.row] += sign * load.vcpus
        self.vms[load.row] += sign
        assert self.vms[load.row] >= 0, self.ids[load.row]

    def _make_row(self, host_id: str) -> int:
        """The host's row; a VM may name a host before the host's own row is read."""
        row = self._row_of.get(host_id)
        if row is not None:
            return row
        if self._free:
            row = self._free.pop()
        else:
            row = len(self.ids)
            for texts in (self.ids, self.names, self.clusters, self.statuses):
                texts.append("")
            for numbers in (self.memory_bytes, self.taken_bytes, self.cpus, self.taken_vcpus, self.vms):
                numbers.append(0)
        self.ids[row] = self.names[row] = host_id
        self.clusters[row] = self.statuses[row] = ""
        self._row_of[host_id] = row
        return row

    def _reclaim(self, row: int) -> None:
        """Frees the row of a host that is gone once nothing counts on it any more."""
        if not self.statuses[row] and not self.vms[row] and self._row_of.pop(self.ids[row], None) is not None:
            self._free.append(row)


def reserved_bytes(memory_bytes: int, policy: MemoryPolicy | None) -> int:
    """What a host keeps for a VM: what is guaranteed to it, or all of its memory."""
    guaranteed = policy.guaranteed if policy is not None else None
    return memory_bytes if guaranteed is None else min(memory_bytes, guaranteed)


def vcpus_of(topology: CpuTopology | None) -> int:
    """How many CPUs a topology makes; 1 for none."""
    if topology is None:
        return 1
    return int((topology.sockets or 1) * (topology.cores or 1) * (topology.threads or 1))
