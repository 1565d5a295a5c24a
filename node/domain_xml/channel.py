"""Serial console and the two virtio-serial ports of the agents."""

from __future__ import annotations

from node.domain_xml import address
from node.domain_xml.element import Element, child
from node.domain_xml.platform import GuestPlatform
from protocol import guest as guest_messages
from protocol.node.domain import DomainSpec

qemu_guest_agent = "org.qemu.guest_agent.0"
_ports = ((1, guest_messages.channel_name), (2, qemu_guest_agent))


def add_console(devices: Element, spec: DomainSpec, platform: GuestPlatform) -> None:
    serial = child(devices, "serial", type_="pty")
    if platform.console_log_directory:
        child(serial, "log", file=f"{platform.console_log_directory}/{spec.vm_id}.log", append="on")
    child(serial, "target", type_="isa-serial", port="0")
    console = child(devices, "console", type_="pty")
    child(console, "target", type_="serial", port="0")


def add_channels(devices: Element, spec: DomainSpec) -> None:
    controller = child(devices, "controller", type_="virtio-serial", index="0")
    if address.has_fixed_addresses(spec):
        address.pci(controller, 0, address.serial_slot)
    for port, name in _ports:
        channel = child(devices, "channel", type_="unix")
        child(channel, "target", type_="virtio", name=name)
        child(channel, "address", type_="virtio-serial", controller="0", bus="0", port=str(port))
