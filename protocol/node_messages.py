"""What the engine and a node say to each other once their link is up. It must not hold libvirt's words or XML.

Engine to node: every command carries the engine's `epoch` and a stable `step_id`. The node stores the highest epoch
before it acts and refuses lower ones; it stores the outcome under the step id and answers a repeated command with the
stored outcome, so each step has at most one effect. Node to engine: outcomes are kept until `ForgetSteps`.
"""

from __future__ import annotations

import datetime
import enum

import attrs

from protocol.errors import Refusal
from protocol.words import Lane, Tagged, WhenFull, word

# --- what a domain is made of -------------------------------------------------------------------------------------


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


@attrs.frozen(kw_only=True)
class DomainNic:
    nic_id: str
    mac: str
    bridge: str = ""  # empty: not connected (a user network without a bridge is never used)
    model: str = "virtio"  # virtio | e1000 | e1000e | rtl8139
    linked: bool = True
    boot_order: int = 0
    slot: int = 0


@attrs.frozen(kw_only=True)
class DomainSpec:
    """A VM as a node starts it: pure data from which `node/domain_xml` makes libvirt's document."""

    vm_id: str
    name: str
    memory_bytes: int
    memory_max_bytes: int = 0
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    machine: str = "q35"
    firmware: str = "bios"  # bios | uefi
    disks: tuple[DomainDisk, ...] = ()
    nics: tuple[DomainNic, ...] = ()
    cdrom_path: str = ""
    boot_menu: bool = False
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""
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


# --- engine -> node -----------------------------------------------------------------------------------------------


class Body(Tagged):
    """Base of what a `NodeCommand` asks for."""

    __slots__ = ()


@word("node.command", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class NodeCommand(Tagged):
    """One idempotent step. The answer is `StepDone` with the same step id."""

    epoch: int
    step_id: str
    body: Tagged
    correlation_id: str = ""


@word("node.start_domain")
@attrs.frozen(kw_only=True)
class StartDomain(Body):
    """Boots a transient domain. Done: `DomainStarted`. Already running under this step id: the same answer."""

    spec: DomainSpec


@word("node.shutdown_domain")
@attrs.frozen(kw_only=True)
class ShutdownDomain(Body):
    """Asks the guest to power off (agent first, then ACPI). Done at once; the end shows as `DomainChanged`."""

    vm_id: str
    reason: str = ""


@word("node.destroy_domain")
@attrs.frozen(kw_only=True)
class DestroyDomain(Body):
    """Ends QEMU now. Done when it is gone; legal when it is gone already.

    With `started_step_id` only the QEMU that this step started is ended: a later one is left alone.
    """

    vm_id: str
    started_step_id: str = ""


@word("node.reboot_domain")
@attrs.frozen(kw_only=True)
class RebootDomain(Body):
    vm_id: str


@word("node.reset_domain")
@attrs.frozen(kw_only=True)
class ResetDomain(Body):
    vm_id: str


@word("node.pause_domain")
@attrs.frozen(kw_only=True)
class PauseDomain(Body):
    vm_id: str


@word("node.resume_domain")
@attrs.frozen(kw_only=True)
class ResumeDomain(Body):
    vm_id: str


@word("node.save_domain")
@attrs.frozen(kw_only=True)
class SaveDomain(Body):
    """Writes memory to a file of the storage domain and ends QEMU: oVirt's *suspend*. Done when QEMU is gone."""

    vm_id: str
    storage_domain_id: str


@word("node.restore_domain")
@attrs.frozen(kw_only=True)
class RestoreDomain(Body):
    """Resumes from the file that `SaveDomain` wrote, then removes the file."""

    spec: DomainSpec
    storage_domain_id: str


@word("node.remove_saved_state")
@attrs.frozen(kw_only=True)
class RemoveSavedState(Body):
    vm_id: str
    storage_domain_id: str


@word("node.set_ticket")
@attrs.frozen(kw_only=True)
class SetTicket(Body):
    """A one-time console password, valid for `expiry_seconds`."""

    vm_id: str
    value: str = attrs.field(repr=False)
    expiry_seconds: int = 120


@word("node.connect_storage_domain")
@attrs.frozen(kw_only=True)
class ConnectStorageDomain(Body):
    """Makes a directory usable as a storage domain on this host. Done: `StorageFacts`."""

    storage_domain_id: str
    path: str
    create: bool = False


@word("node.create_volume")
@attrs.frozen(kw_only=True)
class CreateVolume(Body):
    """A new volume; with `backing` a thin child of another volume of the same storage domain. Done: `VolumeFacts`."""

    volume: VolumeRef
    size_bytes: int
    preallocate: bool = False
    backing: VolumeRef | None = None


@word("node.copy_volume")
@attrs.frozen(kw_only=True)
class CopyVolume(Body):
    """A full copy (the chain collapsed). Progress shows as `StepProgress`. Done: `VolumeFacts`."""

    source: VolumeRef
    target: VolumeRef


@word("node.import_volume")
@attrs.frozen(kw_only=True)
class ImportVolume(Body):
    """Copies an image file of this host into a new volume; the source's format is given, never probed."""

    source_path: str
    source_format: str
    target: VolumeRef


@word("node.resize_volume")
@attrs.frozen(kw_only=True)
class ResizeVolume(Body):
    volume: VolumeRef
    size_bytes: int


@word("node.remove_image")
@attrs.frozen(kw_only=True)
class RemoveImage(Body):
    """Deletes every volume of an image. Done when nothing is left, also when nothing was there."""

    storage_domain_id: str
    image_id: str


@word("node.forget_steps", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class ForgetSteps(Tagged):
    """The engine has made these outcomes durable: the node may drop them."""

    epoch: int
    step_ids: tuple[str, ...]


@word("node.report_now", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class ReportNow(Tagged):
    """Asks for facts, all domains and storage facts at once (sent after each connect)."""

    epoch: int


@word("node.engine_heartbeat", lane=Lane.CONTROL, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class EngineHeartbeat(Tagged):
    epoch: int


@word("node.renew_certificate", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class CertificateIssued(Tagged):
    """The engine's answer to `CertificateRequested`."""

    certificate_pem: str


@word("node.console_open")
@attrs.frozen(kw_only=True)
class ConsoleOpen(Tagged):
    """Connects a stream id to the serial console of a domain."""

    epoch: int
    stream_id: str
    vm_id: str


@word("node.console_data", lane=Lane.BULK)
@attrs.frozen(kw_only=True)
class ConsoleData(Tagged):
    """Bytes of a console stream, either way. `closed` ends the stream, with the reason when there is one."""

    stream_id: str
    data: bytes = b""
    closed: bool = False
    reason: str = ""


# --- node -> engine -----------------------------------------------------------------------------------------------


@word("node.step_done", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class StepDone(Tagged):
    """The outcome of a command: `result` is a word, a `Refusal` when it failed. Repeated until forgotten."""

    step_id: str
    result: Tagged

    @property
    def failed(self) -> Refusal | None:
        return self.result if isinstance(self.result, Refusal) else None


@word("node.done")
@attrs.frozen(kw_only=True)
class Done(Tagged):
    """Nothing to add: it is done."""


@word("node.domain_started")
@attrs.frozen(kw_only=True)
class DomainStarted(Tagged):
    domain: DomainObserved


@word("node.volume_facts")
@attrs.frozen(kw_only=True)
class VolumeFacts(Tagged):
    volume: VolumeRef
    size_bytes: int  # virtual
    actual_bytes: int  # on the storage


@word("node.storage_facts")
@attrs.frozen(kw_only=True)
class StorageFacts(Tagged):
    storage_domain_id: str
    available_bytes: int
    used_bytes: int
    writable: bool = True
    problem: str = ""


@word("node.step_progress", lane=Lane.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StepProgress(Tagged):
    step_id: str
    percent: int

    @property
    def conflation_key(self) -> str:
        return self.step_id


@word("node.host_facts", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class HostFacts(Tagged):
    """What the host is: sent after each connect and when it changes. Sizes in bytes."""

    hostname: str
    hardware_uuid: str
    os_name: str
    os_version: str
    kernel: str
    node_version: str
    libvirt_version: str
    qemu_version: str
    hypervisor: str  # "libvirt" | "simulated"
    virtualization: str  # "kvm" | "tcg"
    virtualization_reason: str = ""  # why not KVM, from the probe
    cpu_model: str = ""  # the guest CPU that the probe found to work
    cpu_name: str = ""
    cpu_sockets: int = 1
    cpu_cores: int = 1
    cpu_threads: int = 1
    memory_bytes: int = 0
    bridges: tuple[str, ...] = ()
    boots_at_once: int = 4


@word("node.domains", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class DomainsSnapshot(Tagged):
    """Every domain on the host: what is not named here does not run here."""

    domains: tuple[DomainObserved, ...]


@word("node.domain_changed", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class DomainChanged(Tagged):
    """One domain changed. When it is gone, `stopped` says why and `detail` quotes QEMU's last words."""

    domain: DomainObserved
    stopped: StopReason | None = None
    detail: str = ""


@word("node.heartbeat", lane=Lane.CONTROL, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class NodeHeartbeat(Tagged):
    """Sent every heartbeat period, also while everything is quiet."""

    epoch: int  # the highest engine epoch this node has stored


DomainRow = tuple[str, int, int, int, int, int, int, int, int, int]
"""vm_id, cpu time ns, vcpus, memory actual bytes, memory unused bytes (-1 unknown), rss bytes,
network rx bytes, network tx bytes, block read bytes, block write bytes."""


@word("node.statistics", lane=Lane.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StatisticsBatch(Tagged):
    """One batch per host and period: array rows, type-checked, never journaled."""

    at: datetime.datetime
    period_seconds: float
    cpu_percent: float  # of the whole host
    memory_free_bytes: int
    memory_used_bytes: int
    load_average: float
    domains: tuple[DomainRow, ...] = ()


@attrs.frozen(kw_only=True)
class GuestAddress:
    interface: str
    mac: str
    addresses: tuple[str, ...]  # IPv4 and IPv6, without prefix


@attrs.frozen(kw_only=True)
class GuestDisk:
    path: str
    total_bytes: int
    used_bytes: int
    file_system: str = ""


@attrs.frozen(kw_only=True)
class GuestSession:
    user: str
    console: bool = False


@word("node.guest_report", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class GuestReport(Tagged):
    """What the agent inside said last, already bounded and cleaned: never trusted for more than showing."""

    vm_id: str
    agent_version: str = ""
    fqdn: str = ""
    os_family: str = ""
    os_distribution: str = ""
    os_version: str = ""
    os_codename: str = ""
    architecture: str = ""
    kernel: str = ""
    time_zone: str = ""
    utc_offset: str = ""
    addresses: tuple[GuestAddress, ...] = ()
    disks: tuple[GuestDisk, ...] = ()
    sessions: tuple[GuestSession, ...] = ()
    applications: tuple[str, ...] = ()
    memory_total_bytes: int = 0
    memory_available_bytes: int = 0

    @property
    def conflation_key(self) -> str:
        return self.vm_id


@word("node.guest_silent")
@attrs.frozen(kw_only=True)
class GuestSilent(Tagged):
    """No heartbeat from the agent for the stale period, or its channel closed."""

    vm_id: str
    since: datetime.datetime
    reason: str = ""


@word("node.certificate_requested", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class CertificateRequested(Tagged):
    """The node's certificate nears its end: a new signing request for the same identity."""

    csr_pem: str
