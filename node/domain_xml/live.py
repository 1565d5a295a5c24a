"""Reads the XML of a running domain: sockets, terminal, agent, devices."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from lxml import etree

from node.domain_xml.channel import qemu_guest_agent
from node.domain_xml.disk import Sources
from node.domain_xml.display import vnc_password_characters_max
from node.domain_xml.element import Element, document, parsed
from node.domain_xml.metadata import Mark, add_metadata, alias_of, device_id_of, mark_of
from protocol import guest as guest_messages
from protocol.node.domain import DomainSpec


@attrs.frozen
class DeviceIds:
    """Whose each device is: NICs by the tap's name, disks by the name of their target (vda), as statistics name them.
    The CD drive is in neither."""

    nics: Mapping[str, str] = attrs.field(factory=dict)
    disks: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class LiveDomain:
    """Paths are as QEMU sees them, in its own mount namespace."""

    name: str
    vm_id: str
    mark: Mark | None
    vnc_socket: str = ""
    console_terminal: str = ""
    guest_channel: str = ""
    guest_agent: str = ""
    agent_connected: bool = False  # the guest has one of the two ports open
    devices: DeviceIds = attrs.field(factory=DeviceIds)


def live_domain(text: str) -> LiveDomain:
    """The facts of a live document."""
    domain = parsed(text)
    ours, theirs = _channel(domain, guest_messages.channel_name), _channel(domain, qemu_guest_agent)
    return LiveDomain(
        name=domain.findtext("name", ""),
        vm_id=domain.findtext("uuid", ""),
        mark=mark_of(domain),
        vnc_socket=_attribute(domain, "devices/graphics[@type='vnc']/listen[@type='socket']", "socket"),
        console_terminal=_attribute(domain, "devices/serial[@type='pty']/source", "path"),
        guest_channel=_attribute(ours, "source", "path"),
        guest_agent=_attribute(theirs, "source", "path"),
        agent_connected="connected" in (_attribute(ours, "target", "state"), _attribute(theirs, "target", "state")),
        devices=DeviceIds(_ids(domain, "interface"), _ids(domain, "disk[@device='disk']")),
    )


def graphics_with_ticket(text: str, value: str, valid_to: str) -> str | None:
    """The live VNC element with a new password valid to a UTC time; None when the domain has no VNC.

    libvirt refuses a hand-written element: it must be the live one, edited."""
    graphics = parsed(text).find("devices/graphics[@type='vnc']")
    if graphics is None:
        return None
    graphics.set("passwd", value[:vnc_password_characters_max])
    graphics.set("passwdValidTo", valid_to)
    return document(graphics)


def restored_xml(saved: str, spec: DomainSpec, step_id: str, sources: Sources) -> str:
    """A saved domain's document with the mark of the new step and the disks' paths on this host."""
    domain = parsed(saved)
    add_metadata(domain, Mark(spec.vm_id, step_id, spec.run_once))
    paths = {alias_of(disk.disk_id): sources[disk.volume].path for disk in spec.disks}
    for disk in domain.findall("devices/disk"):
        alias, source = disk.find("alias"), disk.find("source")
        if alias is not None and source is not None and (path := paths.get(alias.get("name", ""))):
            source.set("file", path)
    return document(domain)


def _channel(domain: Element, name: str) -> Element:
    found = domain.find(f"devices/channel/target[@name='{name}']/..")
    return found if found is not None else etree.Element("channel")


def _ids(domain: Element, path: str) -> dict[str, str]:
    """Our ids by the name that libvirt gave the host's side of the device."""
    found = {}
    for device in domain.iterfind(f"devices/{path}"):
        name, id = _attribute(device, "target", "dev"), device_id_of(_attribute(device, "alias", "name"))
        if name and id:
            found[name] = id
    return found


def _attribute(parent: Element, path: str, name: str) -> str:
    found = parent.find(path)
    return found.get(name, "") if found is not None else ""
