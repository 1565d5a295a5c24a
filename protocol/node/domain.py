"""The specification of a domain and the state that a node sees: pure data inside the messages of the link."""

from __future__ import annotations

import datetime
import enum

import attrs


@attrs.frozen(kw_only=True)
class VolumeRef:
    """A volume on a storage domain; the node knows the path. All ids, never names."""

    storage_domain_id: str
    image_id: str  # the disk
    volume_id: str
    format: str  # "qcow2" | "raw": explicit, never probed


@attrs.frozen(kw_only=True)
class DomainDisk:
    disk_id: str
    volume: VolumeRef
    interface: str = "virtio"  # virtio | virtio_scsi | sata | ide
    bootable: bool = False
    read_only: bool = False
    boot_order: int = 0  # 1 is first; 0 does not boot
    serial: str = ""
    slot: int = 0  # stable position; the PCI address is derived from it
    shareable: bool = False  # other VMs may write it at the same time
    discard: bool = True  # what the guest discards is given back to the storage
    propagate_errors: bool = False  # the guest sees a write that fails; else the VM pauses


@attrs.frozen(kw_only=True)
class DomainNic:
    nic_id: str
    mac: str
    bridge: str = ""  # empty: not connected (a user network without a bridge is never used)
    model: str = "virtio"  # virtio | e1000 | e1000e | rtl8139
    linked: bool = True
    boot_order: int = 0
    slot: int = 0
    mtu: int = 0  # bytes; 0 is the bridge's


@attrs.frozen(kw_only=True)
class DomainSpec:
    """A VM as a node starts it: pure data from which `node/domain_xml` makes libvirt's document."""

    vm_id: str
    name: str
    memory_bytes: int
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    cpu_mode: str = ""  # custom | host_model | host_passthrough; "" is what the host found to work best
    cpu_type: str = ""  # a named model, for custom
    machine: str = "q35"
    firmware: str = "bios"  # bios | uefi
    disks: tuple[DomainDisk, ...] = ()
    nics: tuple[DomainNic, ...] = ()
    cdrom_path: str = ""
    boot_menu: bool = False
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""
    console: bool = True  # serial
    windows: bool = False  # the guest is one: it wants Hyper-V's interfaces
    display: str = "vnc"  # vnc | none
    balloon: bool = True
    time_zone: str = "Etc/GMT"
    paused: bool = False
    run_once: bool = False


class DomainStatus(enum.Enum):
    """libvirt's life cycle of a domain, in Corral's words."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting_down"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class StopReason(enum.Enum):
    """Why a domain is no longer there."""

    SHUTDOWN = "shutdown"  # the guest ended it
    DESTROYED = "destroyed"  # we ended it
    CRASHED = "crashed"  # QEMU ended by itself
    FAILED = "failed"  # libvirt could not start or keep it
    SAVED = "saved"
    MIGRATED = "migrated"
    UNKNOWN = "unknown"  # found gone


@attrs.frozen(kw_only=True)
class DomainObserved:
    """One domain as a node sees it now."""

    vm_id: str
    status: DomainStatus
    reason: str = ""  # of a pause: user | io_error | watchdog | ...
    started_step_id: str = ""  # from the domain's metadata: the step that started this QEMU
    qemu_pid: int = 0
    started_at: datetime.datetime | None = None
    vnc_socket: str = ""
    guest_agent: bool = False
