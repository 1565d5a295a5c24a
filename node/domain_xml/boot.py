"""What a domain boots from: firmware, direct kernel boot, and one order over disks, NICs and the CD."""

from __future__ import annotations

from collections.abc import Mapping

from node.domain_xml.element import Element, child
from protocol.node.domain import DomainSpec

cdrom = "cdrom"


def boot_orders(spec: DomainSpec) -> Mapping[str, int]:
    """Ids of disks and NICs (and `cdrom`) to their place, 1 first, without gaps or ties.

    Those with an order come first, then bootable disks by slot; the CD comes first for a run once, else last."""
    ordered = [(disk.boot_order, 0, disk.slot, disk.disk_id) for disk in spec.disks if disk.boot_order > 0]
    ordered += [(nic.boot_order, 1, nic.slot, nic.nic_id) for nic in spec.nics if nic.boot_order > 0]
    names = [name for *_, name in sorted(ordered)]
    bootable = sorted((disk.slot, disk.disk_id) for disk in spec.disks if disk.bootable and disk.boot_order <= 0)
    names += [name for _, name in bootable]
    if spec.cdrom_path:
        names.insert(0 if spec.run_once else len(names), cdrom)
    return {name: place for place, name in enumerate(names, 1)}


def add_os(domain: Element, spec: DomainSpec) -> None:
    """The `<os>` element."""
    os = child(domain, "os", firmware="efi" if spec.firmware == "uefi" else "")
    child(os, "type", "hvm", arch="x86_64", machine=spec.machine)
    if spec.firmware == "uefi":
        firmware = child(os, "firmware")
        child(firmware, "feature", enabled="no", name="secure-boot")
    if spec.kernel:
        child(os, "kernel", spec.kernel)
        if spec.initrd:
            child(os, "initrd", spec.initrd)
        if spec.cmdline:
            child(os, "cmdline", spec.cmdline)
    if spec.boot_menu:
        child(os, "bootmenu", enable="yes", timeout="5000")
