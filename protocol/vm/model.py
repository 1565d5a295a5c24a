"""Vm and its nested types. Memory is in bytes."""

from __future__ import annotations

import datetime
from typing import Final

import attrs

from protocol import limits
from protocol.api import Version
from protocol.document import AT_NEXT_START, AT_ONCE, SHOWN, Document, Ref, attribute, label, not_yet
from protocol.inventory.model import Cpu
from protocol.message import message
from protocol.network.model import Nic, ReportedDevice
from protocol.storage.model import DiskAttachment
from protocol.vm.os_types import OS_TYPES

BLANK_TEMPLATE_ID: Final = "00000000-0000-0000-0000-000000000000"
"""The template without disks that a VM is made from when none is named."""

vm_statuses = (
    "down", "image_locked", "migrating", "not_responding", "paused", "powering_down", "powering_up",
    "reboot_in_progress", "restoring_state", "saving_state", "suspended", "unassigned", "unknown", "up",
    "wait_for_launch",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Boot:
    devices: tuple[str, ...] | None = attribute(
        effect=AT_NEXT_START, item="device", choices=("cdrom", "hd", "network"), later=("cdrom",)
    )


@attrs.frozen(kw_only=True)
class OperatingSystem:
    type: str | None = attribute(
        effect=AT_NEXT_START,
        choices=OS_TYPES,
        doc="Types that start with windows get Hyper-V enlightenments and a Hyper-V clock under KVM.",
    )
    version: Version | None = attribute(effect=not_yet())
    boot: Boot | None = attribute()
    kernel: str | None = attribute(effect=AT_NEXT_START, doc="Absolute path of a kernel on the host, for direct boot.")
    initrd: str | None = attribute(effect=AT_NEXT_START)
    cmdline: str | None = attribute(effect=AT_NEXT_START)
    description: str | None = attribute(read_only=True)
    reported_kernel_cmdline: str | None = attribute(read_only=True)


@attrs.frozen(kw_only=True)
class MemoryPolicy:
    guaranteed: int | None = attribute(
        effect=AT_NEXT_START,
        unit="bytes",
        minimum=0,
        doc="Memory reserved on the host; all of the VM's memory if left out.",
    )
    max: int | None = attribute(effect=not_yet(), unit="bytes", minimum=0)
    ballooning: bool | None = attribute(effect=AT_NEXT_START)


@attrs.frozen(kw_only=True)
class HighAvailability:
    enabled: bool | None = attribute(effect=not_yet(False))
    priority: int | None = attribute(effect=not_yet(0), minimum=0, maximum=100)


@attrs.frozen(kw_only=True)
class VmPlacementPolicy:
    affinity: str | None = attribute(effect=not_yet("migratable"), choices=("migratable", "pinned", "user_migratable"))
    hosts: tuple[Ref, ...] | None = attribute(effect=AT_NEXT_START, refers="Host")


@attrs.frozen(kw_only=True)
class Display:
    type: str | None = attribute(effect=not_yet("vnc"), choices=("spice", "vnc"))
    address: str | None = attribute(read_only=True)
    port: int | None = attribute(read_only=True)
    monitors: int | None = attribute(effect=not_yet(1), minimum=1, maximum=4)


@attrs.frozen(kw_only=True)
class Console:
    enabled: bool | None = attribute(effect=AT_NEXT_START, doc="Whether the VM has a serial console.")


@attrs.frozen(kw_only=True)
class BootMenu:
    enabled: bool | None = attribute(effect=AT_NEXT_START)


@attrs.frozen(kw_only=True)
class Bios:
    type: str | None = attribute(
        effect=AT_NEXT_START,
        choices=("cluster_default", "i440fx_sea_bios", "q35_ovmf", "q35_sea_bios", "q35_secure_boot"),
        later=("q35_secure_boot",),
    )
    boot_menu: BootMenu | None = attribute()


@attrs.frozen(kw_only=True)
class TimeZone:
    name: str | None = attribute(
        effect=AT_NEXT_START,
        doc="A name of the IANA time zone database, like Europe/Berlin: the guest's clock is set to it.",
    )
    utc_offset: str | None = attribute(effect=not_yet())


@attrs.frozen(kw_only=True)
class Kernel:
    version: Version | None = attribute()


@attrs.frozen(kw_only=True)
class GuestOperatingSystem:
    architecture: str | None = attribute()
    codename: str | None = attribute()
    distribution: str | None = attribute()
    family: str | None = attribute()
    kernel: Kernel | None = attribute()
    version: Version | None = attribute()


@attrs.frozen(kw_only=True)
class Application:
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(column=1)
    vm: Ref | None = attribute(refers="Vm")


@attrs.frozen(kw_only=True)
class Session:
    id: str | None = attribute(as_xml_attribute=True)
    user: Ref | None = attribute(refers="User", column=1)
    console_user: bool | None = attribute(column=2)
    vm: Ref | None = attribute(refers="Vm")


@attrs.frozen(kw_only=True)
class GraphicsConsole:
    id: str | None = attribute(as_xml_attribute=True)
    protocol: str | None = attribute(choices=("spice", "vnc"), column=1)
    address: str | None = attribute(column=2)
    port: int | None = attribute(column=3)
    vm: Ref | None = attribute(refers="Vm")


@message("model.vm")
@attrs.frozen(kw_only=True)
class Vm(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description")
    comment: str | None = attribute(effect=SHOWN, search="comment")
    type: str | None = attribute(
        effect=label("VMs of all types run alike"), choices=("desktop", "high_performance", "server"), search="type"
    )
    status: str | None = attribute(read_only=True, choices=vm_statuses, search="status", column=2)
    status_detail: str | None = attribute(read_only=True)
    stop_reason: str | None = attribute(read_only=True, doc="Why the VM was stopped or went down.")
    cluster: Ref | None = attribute(effect=AT_NEXT_START, refers="Cluster", required=True, search="cluster", column=4)
    template: Ref | None = attribute(effect=AT_ONCE, refers="Template", search="template")
    original_template: Ref | None = attribute(refers="Template", read_only=True)
    host: Ref | None = attribute(refers="Host", read_only=True, holds=True, search="host", column=3)
    memory: int | None = attribute(
        effect=AT_NEXT_START,
        unit="bytes",
        minimum=limits.vm_memory_bytes_min,
        maximum=limits.vm_memory_bytes_max,
        search="memory",
        column=5,
    )
    memory_policy: MemoryPolicy | None = attribute()
    cpu: Cpu | None = attribute(column=6)
    os: OperatingSystem | None = attribute()
    bios: Bios | None = attribute()
    display: Display | None = attribute()
    console: Console | None = attribute()
    time_zone: TimeZone | None = attribute()
    high_availability: HighAvailability | None = attribute()
    placement_policy: VmPlacementPolicy | None = attribute()
    stateless: bool | None = attribute(effect=not_yet(False))
    delete_protected: bool | None = attribute(effect=AT_ONCE)
    start_paused: bool | None = attribute(
        effect=AT_NEXT_START, doc="Start paused: the CPUs run once the VM is resumed."
    )
    origin: str | None = attribute(read_only=True)
    creation_time: datetime.datetime | None = attribute(read_only=True, search="creationtime")
    start_time: datetime.datetime | None = attribute(read_only=True, column=8, while_running=True)
    stop_time: datetime.datetime | None = attribute(read_only=True)
    run_once: bool | None = attribute(read_only=True)
    next_run_configuration_exists: bool | None = attribute(read_only=True)
    fqdn: str | None = attribute(read_only=True, search="fqdn", column=7, doc="As reported by the guest agent.")
    guest_operating_system: GuestOperatingSystem | None = attribute(read_only=True)
    guest_time_zone: TimeZone | None = attribute(read_only=True)
    nics: tuple[Nic, ...] | None = attribute(link=True)
    disk_attachments: tuple[DiskAttachment, ...] | None = attribute(
        effect=not_yet((), instead="Add the disks after the VM: POST /vms/{id}/diskattachments."), link=True
    )
    reported_devices: tuple[ReportedDevice, ...] | None = attribute(link=True, read_only=True)
    applications: tuple[Application, ...] | None = attribute(link=True, read_only=True, search="apps")
    sessions: tuple[Session, ...] | None = attribute(link=True, read_only=True)
    graphics_consoles: tuple[GraphicsConsole, ...] | None = attribute(link=True, read_only=True)
    guest_report_stale_since: datetime.datetime | None = attribute(
        read_only=True, extension=True, doc="When the guest agent stopped responding; its report is no longer shown."
    )
    task: str | None = attribute(read_only=True, extension=True, doc="The operation that is running on the VM.")
    job: Ref | None = attribute(refers="Job", read_only=True, extension=True)
    copies: tuple[Ref, ...] | None = attribute(
        refers="Host",
        holds=True,
        read_only=True,
        extension=True,
        doc="Hosts that report another QEMU of the VM, beside the one that counts.",
    )
    pending_steps: int | None = attribute(
        read_only=True, extension=True, doc="Steps outside the operation that a host has not answered yet."
    )
