"""Counters of our domains and their devices, with one call of libvirt for all. Runs in a thread; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import libvirt

from node.domain_xml import DeviceIds
from node.hypervisor.port import Counters
from protocol.node.reports import DiskRow, DomainRow, NicRow

_flags = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)


def statistics(connection: libvirt.virConnect, ours: Mapping[str, DeviceIds]) -> Counters:
    """Counters of our domains by one call for all; a QEMU that is busy answers what is known without it, and then its
    disks are missing and their total is unknown."""
    found = connection.getAllDomainStats(
        _flags,
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
    )
    known = [(vm_id, stats) for domain, stats in found if (vm_id := domain.UUIDString()) in ours]
    return Counters(
        domains=tuple([_domain(vm_id, stats) for vm_id, stats in known]),
        nics=tuple([row for vm_id, stats in known for row in _nics(vm_id, stats, ours[vm_id].nics)]),
        disks=tuple([row for vm_id, stats in known for row in _disks(vm_id, stats, ours[vm_id].disks)]),
    )


# libvirt turns the tap's directions round itself: rx is what the guest received.
_nic_counters: Final = ("rx.bytes", "tx.bytes", "rx.errs", "tx.errs", "rx.drop", "tx.drop")
_disk_counters: Final = ("rd.bytes", "wr.bytes", "rd.reqs", "wr.reqs")


def _devices(
    vm_id: str, stats: dict[str, Any], kind: str, ids: Mapping[str, str], counters: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    """A row for each device of ours that has figures."""
    for n in range(stats.get(f"{kind}.count", 0)):
        device_id, prefix = ids.get(stats.get(f"{kind}.{n}.name", "")), f"{kind}.{n}."
        if device_id is not None and prefix + counters[0] in stats:
            yield (vm_id, device_id, *(stats.get(prefix + counter, 0) for counter in counters))


def _nics(vm_id: str, stats: dict[str, Any], ids: Mapping[str, str]) -> Iterator[NicRow]:
    return cast(Iterator[NicRow], _devices(vm_id, stats, "net", ids, _nic_counters))


def _disks(vm_id: str, stats: dict[str, Any], ids: Mapping[str, str]) -> Iterator[DiskRow]:
    return cast(Iterator[DiskRow], _devices(vm_id, stats, "block", ids, _disk_counters))


def _domain(vm_id: str, stats: dict[str, Any]) -> DomainRow:
    vcpus = stats.get("vcpu.current", 0)
    cpu_ns = stats.get("cpu.time")
    if cpu_ns is None:  # without cgroups libvirt knows only the virtual CPUs' own time
        cpu_ns = sum(stats.get(f"vcpu.{n}.time", 0) for n in range(stats.get("vcpu.maximum", vcpus)))

    def total(kind: str, what: str) -> int:
        counters = [stats.get(f"{kind}.{n}.{what}", -1) for n in range(stats.get(f"{kind}.count", 0))]
        known = [counter for counter in counters if counter >= 0]
        return sum(known) if known or not counters else -1

    return (
        vm_id,
        cpu_ns,
        vcpus,
        stats.get("balloon.current", 0) * 1024,
        stats["balloon.unused"] * 1024 if "balloon.unused" in stats else -1,
        stats.get("balloon.rss", 0) * 1024,
        total("net", "rx.bytes"),
        total("net", "tx.bytes"),
        total("block", "rd.bytes"),
        total("block", "wr.bytes"),
    )
