"""Where each device sits on the guest's buses: the same slot gives the same address at every start.

It must not depend on how many other devices there are: Windows activates anew when its disk moves.

A q35 machine has one bus 0. Fixed devices sit on it; everything that may come and go sits behind a pcie-root-port of
its own (bus number = index of the port): disks on odd buses, NICs on even ones, so neither moves the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.domain_xml.element import Element, child
from protocol.node.domain import DomainSpec

video_slot = 0x01
usb_slot = 0x02
serial_slot = 0x03
balloon_slot = 0x04
rng_slot = 0x05
scsi_slot = 0x06
_first_port_slot = 0x10
_spare_ports = 6
_ports_min = 12
slots_max = 28
"""Slots of each kind, so that all ports and their spares fit on the slots of bus 0."""


def has_fixed_addresses(spec: DomainSpec) -> bool:
    """Only q35 machines; on others libvirt chooses."""
    return "q35" in spec.machine


def pci(parent: Element, bus: int, slot: int, *, function: int = 0, multifunction: bool = False) -> None:
    """Adds a PCI address to a device."""
    child(
        parent,
        "address",
        type_="pci",
        domain="0x0000",
        bus=f"0x{bus:02x}",
        slot=f"0x{slot:02x}",
        function=f"0x{function:x}",
        multifunction="on" if multifunction else "",
    )


def settled_slots(wanted: Sequence[int]) -> tuple[int, ...]:
    """The slot of each device: the wanted one for the first that wants it, the lowest free one for the others."""
    settled: list[int | None] = []
    taken: set[int] = set()
    for slot in wanted:
        free = 0 <= slot < slots_max and slot not in taken
        settled.append(slot if free else None)
        if free:
            taken.add(slot)
    result = []
    for slot_or_none in settled:
        if slot_or_none is None:
            slot_or_none = next(n for n in range(len(taken) + 1) if n not in taken)
            taken.add(slot_or_none)
        result.append(slot_or_none)
    return tuple(result)


def disk_bus(slot: int) -> int:
    return 1 + 2 * slot


def nic_bus(slot: int) -> int:
    return 2 + 2 * slot


def add_root_ports(devices: Element, highest_bus: int) -> None:
    """Ports up to the highest bus in use and a few to spare for hot plug, eight to a slot of bus 0."""
    for index in range(1, max(_ports_min, highest_bus + _spare_ports) + 1):
        port = child(devices, "controller", type_="pci", index=str(index), model="pcie-root-port")
        slot, function = divmod(index - 1, 8)
        pci(port, 0, _first_port_slot + slot, function=function, multifunction=function == 0)
