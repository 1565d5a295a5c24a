"""Disks and the CD drive: explicit formats, stable addresses, an alias that identifies the disk.

It must not let QEMU probe a format: a guest that writes a qcow2 header on a raw disk could read the host's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase

import attrs

from node.domain_xml import address
from node.domain_xml.boot import cdrom
from node.domain_xml.element import Element, child
from node.domain_xml.metadata import alias_of
from protocol.node.domain import DomainDisk, DomainSpec, VolumeRef

_buses = {"virtio": "virtio", "virtio_scsi": "scsi", "sata": "sata", "ide": "ide"}
_units_of_sata = 5  # of six; the last is the CD drive's


@attrs.frozen
class DiskSource:
    """Where a volume is on this host, and whether its file system can do without the page cache."""

    path: str
    direct_io: bool = True


Sources = Mapping[VolumeRef, DiskSource]


def add_disks(devices: Element, spec: DomainSpec, sources: Sources, orders: Mapping[str, int]) -> int:
    """Adds every disk and the CD drive; returns the highest PCI bus in use."""
    q35 = address.has_fixed_addresses(spec)
    highest = 0
    slots = dict(zip(spec.disks, address.settled_slots([disk.slot for disk in spec.disks]), strict=True))
    letters = iter(_letters())
    if any(_bus(disk, q35) == "scsi" for disk in spec.disks):
        scsi = child(devices, "controller", type_="scsi", index="0", model="virtio-scsi")
        if q35:
            address.pci(scsi, 0, address.scsi_slot)
    for disk in sorted(spec.disks, key=lambda disk: slots[disk]):
        bus, slot = _bus(disk, q35), slots[disk]
        target = "vd" + _letter(slot) if bus == "virtio" else ("hd" if bus == "ide" else "sd") + next(letters)
        made = _disk(devices, disk, sources[disk.volume], target, bus)
        _boot(made, orders.get(disk.disk_id, 0))
        if not q35:
            continue
        if bus == "virtio":
            address.pci(made, address.disk_bus(slot), 0)
            highest = max(highest, address.disk_bus(slot))
        elif bus == "scsi":
            child(made, "address", type_="drive", controller="0", bus="0", target="0", unit=str(slot))
        else:
            controller, unit = divmod(slot, _units_of_sata)
            child(made, "address", type_="drive", controller=str(controller), bus="0", target="0", unit=str(unit))
    if spec.cdrom_path:
        _cdrom(devices, spec, orders.get(cdrom, 0), next(letters), q35)
    return highest


def _disk(devices: Element, disk: DomainDisk, source: DiskSource, target: str, bus: str) -> Element:
    made = child(devices, "disk", type_="file", device="disk")
    child(
        made,
        "driver",
        name="qemu",
        type_=disk.volume.format,
        cache="none" if source.direct_io else "writeback",
        error_policy="report" if disk.propagate_errors else "stop",
        discard="unmap" if disk.discard else "ignore",
    )
    child(made, "source", file=source.path)
    child(made, "target", dev=target, bus=bus)
    if disk.read_only:
        child(made, "readonly")
    if disk.shareable:
        child(made, "shareable")
    child(made, "serial", disk.serial or disk.disk_id)
    child(made, "alias", name=alias_of(disk.disk_id))
    return made


def _cdrom(devices: Element, spec: DomainSpec, order: int, letter: str, q35: bool) -> None:
    made = child(devices, "disk", type_="file", device="cdrom")
    child(made, "driver", name="qemu", type_="raw", error_policy="report")
    child(made, "source", file=spec.cdrom_path)
    child(made, "target", dev=("sd" if q35 else "hd") + letter, bus="sata" if q35 else "ide")
    child(made, "readonly")
    child(made, "alias", name=alias_of(cdrom))
    _boot(made, order)
    if q35:
        child(made, "address", type_="drive", controller="0", bus="0", target="0", unit=str(_units_of_sata))


def _boot(made: Element, order: int) -> None:
    if order:
        child(made, "boot", order=str(order))


def _bus(disk: DomainDisk, q35: bool) -> str:
    bus = _buses.get(disk.interface, "virtio")
    return "sata" if q35 and bus == "ide" else bus  # a q35 machine has no IDE


def _letter(slot: int) -> str:
    return ascii_lowercase[slot] if slot < 26 else ascii_lowercase[slot // 26 - 1] + ascii_lowercase[slot % 26]


def _letters() -> list[str]:
    return [_letter(n) for n in range(100)]
