"""Host and its nested types. Memory is in bytes."""

from __future__ import annotations

import attrs

from protocol.api import Version
from protocol.document import AT_ONCE, SHOWN, Document, Ref, attribute, not_yet
from protocol.inventory.model import Cpu
from protocol.message import message
from protocol.vm.model import OperatingSystem

host_statuses = (
    "connecting", "down", "error", "initializing", "install_failed", "installing", "installing_os", "kdumping",
    "maintenance", "non_operational", "non_responsive", "pending_approval", "preparing_for_maintenance", "reboot",
    "unassigned", "up",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class VmSummary:
    active: int | None = attribute()
    migrating: int | None = attribute()
    total: int | None = attribute()


@attrs.frozen(kw_only=True)
class HardwareInformation:
    manufacturer: str | None = attribute()
    product_name: str | None = attribute()
    uuid: str | None = attribute()
    serial_number: str | None = attribute()


@attrs.frozen(kw_only=True)
class Spm:
    priority: int | None = attribute(effect=not_yet(5), minimum=-1, maximum=10)
    status: str | None = attribute(read_only=True, choices=("contending", "none", "spm"))


@attrs.frozen(kw_only=True)
class Certificate:
    organization: str | None = attribute()
    subject: str | None = attribute()


@message("model.host")
@attrs.frozen(kw_only=True)
class Host(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN)
    comment: str | None = attribute(effect=SHOWN, search="comment")
    address: str | None = attribute(effect=SHOWN, required=True, search="address", column=2)
    port: int | None = attribute(read_only=True)
    cluster: Ref | None = attribute(effect=AT_ONCE, refers="Cluster", search="cluster", column=3)
    status: str | None = attribute(read_only=True, choices=host_statuses, search="status", column=4)
    status_detail: str | None = attribute(read_only=True)
    type: str | None = attribute(read_only=True, choices=("ovirt_node", "rhel", "rhev_h"))
    version: Version | None = attribute(read_only=True)
    libvirt_version: Version | None = attribute(read_only=True)
    os: OperatingSystem | None = attribute(read_only=True)
    cpu: Cpu | None = attribute(read_only=True)
    memory: int | None = attribute(unit="bytes", read_only=True, search="memory", column=6)
    max_scheduling_memory: int | None = attribute(unit="bytes", read_only=True)
    summary: VmSummary | None = attribute(read_only=True)
    hardware_information: HardwareInformation | None = attribute(read_only=True)
    spm: Spm | None = attribute()
    certificate: Certificate | None = attribute(read_only=True)
    virtualization: str | None = attribute(
        read_only=True,
        extension=True,
        choices=("kvm", "tcg"),
        column=7,
        doc="How guests run: with KVM, or emulated (TCG).",
    )
    virtualization_reason: str | None = attribute(read_only=True, extension=True, doc="Why KVM is not used.")
    simulated: bool | None = attribute(read_only=True, extension=True)
