"""Network, VnicProfile, Nic and their nested types."""

from __future__ import annotations

import attrs

from protocol import limits
from protocol.document import AT_NEXT_START, SHOWN, Document, Ref, attribute, not_yet
from protocol.message import message


@attrs.frozen(kw_only=True)
class Mac:
    address: str | None = attribute(effect=AT_NEXT_START, doc="Six hexadecimal octets separated by colons.")


@attrs.frozen(kw_only=True)
class Ip:
    address: str | None = attribute()
    gateway: str | None = attribute()
    netmask: str | None = attribute()
    version: str | None = attribute(choices=("v4", "v6"))


@attrs.frozen(kw_only=True)
class ReportedDevice:
    """A network device as the guest agent reports it."""

    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(column=1)
    description: str | None = attribute()
    type: str | None = attribute(choices=("network",), column=2)
    mac: Mac | None = attribute(column=3)
    ips: tuple[Ip, ...] | None = attribute(column=4)
    vm: Ref | None = attribute(refers="Vm")


@message("model.network")
@attrs.frozen(kw_only=True)
class Network(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=4)
    comment: str | None = attribute(effect=SHOWN)
    data_center: Ref | None = attribute(effect=SHOWN, refers="DataCenter", required=True, search="datacenter", column=2)
    mtu: int | None = attribute(
        effect=AT_NEXT_START, doc="68 or more; 0 means the host's default.", unit="bytes", minimum=0, maximum=65_535
    )
    status: str | None = attribute(
        read_only=True, choices=("operational", "non_operational"), search="status", column=3
    )
    stp: bool | None = attribute(effect=not_yet(False))
    usages: tuple[str, ...] | None = attribute(
        effect=not_yet(("vm",)),
        item="usage",
        choices=("default_route", "display", "gluster", "management", "migration", "vm"),
    )
    required: bool | None = attribute(effect=not_yet(False))
    display: bool | None = attribute(effect=not_yet(False))
    vdsm_name: str | None = attribute(read_only=True, doc="Name of the bridge on the hosts.")


@message("model.vnic_profile")
@attrs.frozen(kw_only=True)
class VnicProfile(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=3)
    comment: str | None = attribute(effect=SHOWN)
    network: Ref | None = attribute(effect=SHOWN, refers="Network", required=True, search="network", column=2)
    port_mirroring: bool | None = attribute(effect=not_yet(False))
    migratable: bool | None = attribute(effect=not_yet(True))


@message("model.nic")
@attrs.frozen(kw_only=True)
class Nic(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN)
    comment: str | None = attribute(effect=SHOWN)
    interface: str | None = attribute(effect=AT_NEXT_START, choices=("virtio", "e1000", "e1000e", "rtl8139"), column=2)
    linked: bool | None = attribute(effect=AT_NEXT_START, column=5)
    plugged: bool | None = attribute(effect=AT_NEXT_START, column=6)
    mac: Mac | None = attribute(column=3, doc="Taken from the data center's MAC pool if left out.")
    vnic_profile: Ref | None = attribute(effect=AT_NEXT_START, refers="VnicProfile", column=4)
    network: Ref | None = attribute(
        effect=AT_NEXT_START, refers="Network", doc="Shorthand for the network's default vNIC profile, on input only."
    )
    vm: Ref | None = attribute(refers="Vm", read_only=True)
    template: Ref | None = attribute(refers="Template", read_only=True)
    reported_devices: tuple[ReportedDevice, ...] | None = attribute(link=True, read_only=True)
    slot: int | None = attribute(read_only=True, extension=True, minimum=0, maximum=limits.vm_nics_max)
