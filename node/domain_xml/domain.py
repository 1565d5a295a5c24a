"""The complete XML of a domain, in libvirt's order."""

from __future__ import annotations

from node.domain_xml import address
from node.domain_xml.boot import add_os, boot_orders
from node.domain_xml.channel import add_channels, add_console
from node.domain_xml.cpu import add_clock, add_cpu, add_features, add_life_cycle, add_memory
from node.domain_xml.disk import Sources, add_disks
from node.domain_xml.display import add_display
from node.domain_xml.element import Element, child, document, element
from node.domain_xml.metadata import Mark, add_metadata
from node.domain_xml.nic import add_nics
from node.domain_xml.platform import GuestPlatform
from protocol.node.domain import DomainSpec

_name_characters_max = 50


def domain_name(spec: DomainSpec) -> str:
    """What libvirt, its logs and `virsh` call the domain: the VM's name made safe, and a part of its id, since two
    VMs may have held one name and the name becomes a part of file names."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in spec.name)
    return f"{safe[:_name_characters_max].lstrip('.-') or 'vm'}-{spec.vm_id[:8]}"


def domain_xml(spec: DomainSpec, step_id: str, sources: Sources, platform: GuestPlatform) -> str:
    """The document to create the domain from. `sources` has every volume of the spec's disks."""
    domain = element("domain", type_=platform.accelerator)
    child(domain, "name", domain_name(spec))
    child(domain, "uuid", spec.vm_id)
    add_metadata(domain, Mark(spec.vm_id, step_id, spec.run_once))
    add_memory(domain, spec)
    add_os(domain, spec)
    add_features(domain, spec, platform)
    add_cpu(domain, spec, platform)
    add_clock(domain, spec, platform)
    add_life_cycle(domain)
    _add_devices(domain, spec, sources, platform)
    return document(domain)


def _add_devices(domain: Element, spec: DomainSpec, sources: Sources, platform: GuestPlatform) -> None:
    devices = child(domain, "devices")
    if platform.emulator:
        child(devices, "emulator", platform.emulator)
    orders = boot_orders(spec)
    highest_bus = max(add_disks(devices, spec, sources, orders), add_nics(devices, spec, orders))
    if address.has_fixed_addresses(spec):
        address.add_root_ports(devices, highest_bus)
    if spec.console:
        add_console(devices, spec, platform)
    add_channels(devices, spec)
    add_display(devices, spec)
    _add_balloon(devices, spec)
    _add_rng(devices, spec)


def _add_balloon(devices: Element, spec: DomainSpec) -> None:
    if not spec.balloon:
        child(devices, "memballoon", model="none")
        return
    balloon = child(devices, "memballoon", model="virtio")
    child(balloon, "stats", period="5")
    if address.has_fixed_addresses(spec):
        address.pci(balloon, 0, address.balloon_slot)


def _add_rng(devices: Element, spec: DomainSpec) -> None:
    rng = child(devices, "rng", model="virtio")
    child(rng, "backend", "/dev/urandom", model="random")
    if address.has_fixed_addresses(spec):
        address.pci(rng, 0, address.rng_slot)
