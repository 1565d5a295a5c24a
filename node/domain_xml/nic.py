"""Network interfaces on bridges."""

from __future__ import annotations

from collections.abc import Mapping

from node.domain_xml import address
from node.domain_xml.element import Element, child
from node.domain_xml.metadata import alias_of
from protocol.node.domain import DomainNic, DomainSpec


def add_nics(devices: Element, spec: DomainSpec, orders: Mapping[str, int]) -> int:
    """Adds every NIC; returns the highest PCI bus in use."""
    highest = 0
    slots = address.settled_slots([nic.slot for nic in spec.nics])
    for slot, nic in sorted(zip(slots, spec.nics, strict=True), key=lambda pair: pair[0]):
        made = _nic(devices, nic)
        if order := orders.get(nic.nic_id, 0):
            child(made, "boot", order=str(order))
        if address.has_fixed_addresses(spec):
            address.pci(made, address.nic_bus(slot), 0)
            highest = max(highest, address.nic_bus(slot))
    return highest


def _nic(devices: Element, nic: DomainNic) -> Element:
    # An `ethernet` interface is a tap that nothing is attached to: the guest sees a card whose cable is pulled.
    made = child(devices, "interface", type_="bridge" if nic.bridge else "ethernet")
    child(made, "mac", address=nic.mac)
    if nic.bridge:
        child(made, "source", bridge=nic.bridge)
    child(made, "model", type_=nic.model)
    if nic.mtu:
        child(made, "mtu", size=str(nic.mtu))
    child(made, "link", state="up" if nic.linked and nic.bridge else "down")
    child(made, "alias", name=alias_of(nic.nic_id))
    return made
