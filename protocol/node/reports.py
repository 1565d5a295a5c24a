"""What a node reports to the engine once their link is up: outcomes, domains, facts, samples.

Outcomes are kept and repeated until `ForgetSteps`; samples replace each other.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.errors import Refusal
from protocol.message import Message, Priority, WhenFull, message
from protocol.node.domain import DomainObserved, StopReason, VolumeRef


@message("node.step_done", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class StepDone(Message):
    """The outcome of a command: `result` is a message, a `Refusal` when it failed. Repeated until forgotten."""

    step_id: str
    result: Message

    @property
    def failed(self) -> Refusal | None:
        return self.result if isinstance(self.result, Refusal) else None


@message("node.step_not_tried", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class StepNotTried(Message):
    """The node has not begun the step and will not begin it by itself: it had no room for it, or the engine that asked
    no longer leads. This is no outcome and is not stored: the step may be asked again."""

    step_id: str
    reason: Refusal


@message("node.done")
@attrs.frozen(kw_only=True)
class Done(Message):
    """Nothing to add: it is done."""


@message("node.domain_started")
@attrs.frozen(kw_only=True)
class DomainStarted(Message):
    domain: DomainObserved


@message("node.volume_facts")
@attrs.frozen(kw_only=True)
class VolumeFacts(Message):
    volume: VolumeRef
    size_bytes: int  # virtual
    actual_bytes: int  # on the storage


@message("node.storage_facts")
@attrs.frozen(kw_only=True)
class StorageFacts(Message):
    storage_domain_id: str
    available_bytes: int
    used_bytes: int
    writable: bool = True
    problem: str = ""


@message("node.step_progress", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StepProgress(Message):
    step_id: str
    percent: int

    @property
    def conflation_key(self) -> str:
        return self.step_id


@message("node.host_facts", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class HostFacts(Message):
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


@message("node.domains", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class DomainsSnapshot(Message):
    """Every domain on the host: what is not named here does not run here."""

    domains: tuple[DomainObserved, ...]


@message("node.domain_changed", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class DomainChanged(Message):
    """One domain changed. When it is gone, `stopped` says why and `detail` quotes QEMU's last words; `rebooted` when
    the guest runs its firmware anew in the same QEMU."""

    domain: DomainObserved
    stopped: StopReason | None = None
    detail: str = ""
    rebooted: bool = False


@message("node.heartbeat", priority=Priority.CONTROL, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class NodeHeartbeat(Message):
    """Sent every heartbeat period, also while everything is quiet. It ends at the engine's side of the link."""

    epoch: int  # the highest engine epoch this node has stored


DomainRow = tuple[str, int, int, int, int, int, int, int, int, int]
"""vm_id, cpu time ns, vcpus, memory actual bytes, memory unused bytes (-1 unknown), rss bytes,
network rx bytes, network tx bytes, block read bytes, block write bytes (-1 unknown)."""

NicRow = tuple[str, str, int, int, int, int, int, int]
"""vm_id, nic_id, then as the guest sees it: rx bytes, tx bytes, rx errors, tx errors, rx drops, tx drops (packets)."""

DiskRow = tuple[str, str, int, int, int, int]
"""vm_id, disk_id, read bytes, written bytes, reads, writes. A shared disk has a row for each VM."""


@message("node.statistics", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StatisticsBatch(Message):
    """One batch per host and period: array rows, type-checked, never journaled.

    Rows count since the start of their QEMU. A device that the node cannot tell from the others has none.
    """

    at: datetime.datetime
    period_seconds: float
    cpu_percent: float  # of the whole host
    cpu_user_percent: float = 0.0  # the part of it that guests and programs used; the rest is the kernel's
    memory_free_bytes: int
    memory_used_bytes: int
    load_average: float
    domains: tuple[DomainRow, ...] = ()
    nics: tuple[NicRow, ...] = ()
    disks: tuple[DiskRow, ...] = ()


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


@message("node.guest_report", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class GuestReport(Message):
    """What the agent inside said last, already bounded and cleaned: never trusted for more than showing."""

    vm_id: str
    agent_version: str = ""
    boot_id: str = ""  # another one after each boot of the guest
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


@message("node.guest_silent")
@attrs.frozen(kw_only=True)
class GuestSilent(Message):
    """No heartbeat from the agent for the stale period, or its channel closed."""

    vm_id: str
    since: datetime.datetime
    reason: str = ""


@message("node.certificate_requested", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class CertificateRequested(Message):
    """The node's certificate nears its end: a new signing request for the same identity."""

    csr_pem: str
