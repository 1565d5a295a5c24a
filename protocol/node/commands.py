"""What the engine says to a node once their link is up.

Every command carries the engine's `epoch` and a stable `step_id`. The node stores the highest epoch before it acts and
refuses lower ones; it stores the outcome under the step id and answers a repeated command with the stored outcome, so
each step has at most one effect.
"""

from __future__ import annotations

import attrs

from protocol.message import Message, Priority, WhenFull, message
from protocol.node.domain import DomainSpec, VolumeRef


class Body(Message):
    """Base of what a `NodeCommand` asks for."""

    __slots__ = ()


@message("node.command", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class NodeCommand(Message):
    """One idempotent step. The answer is `StepDone` with the same step id."""

    epoch: int
    step_id: str
    body: Message
    correlation_id: str = ""


@message("node.start_domain")
@attrs.frozen(kw_only=True)
class StartDomain(Body):
    """Boots a transient domain. Done: `DomainStarted`. Already running under this step id: the same answer."""

    spec: DomainSpec


@message("node.shutdown_domain")
@attrs.frozen(kw_only=True)
class ShutdownDomain(Body):
    """Asks the guest to power off (agent first, then ACPI). Done at once; the end shows as `DomainChanged`."""

    vm_id: str
    reason: str = ""


@message("node.destroy_domain")
@attrs.frozen(kw_only=True)
class DestroyDomain(Body):
    """Ends QEMU now. Done when it is gone; legal when it is gone already.

    With `started_step_id` only the QEMU that this step started is ended: a later one is left alone.
    """

    vm_id: str
    started_step_id: str = ""


@message("node.reboot_domain")
@attrs.frozen(kw_only=True)
class RebootDomain(Body):
    vm_id: str


@message("node.reset_domain")
@attrs.frozen(kw_only=True)
class ResetDomain(Body):
    vm_id: str


@message("node.pause_domain")
@attrs.frozen(kw_only=True)
class PauseDomain(Body):
    vm_id: str


@message("node.resume_domain")
@attrs.frozen(kw_only=True)
class ResumeDomain(Body):
    vm_id: str


@message("node.freeze_domain")
@attrs.frozen(kw_only=True)
class FreezeDomain(Body):
    """Has the guest's agent freeze every writable file system. Refused when no agent answers, or it could not."""

    vm_id: str


@message("node.thaw_domain")
@attrs.frozen(kw_only=True)
class ThawDomain(Body):
    """Has the guest's agent thaw them; done also when nothing is frozen."""

    vm_id: str


@message("node.save_domain")
@attrs.frozen(kw_only=True)
class SaveDomain(Body):
    """Writes memory to a file of the storage domain and ends QEMU: oVirt's *suspend*. Done when QEMU is gone."""

    vm_id: str
    storage_domain_id: str


@message("node.restore_domain")
@attrs.frozen(kw_only=True)
class RestoreDomain(Body):
    """Resumes from the file that `SaveDomain` wrote, then removes the file."""

    spec: DomainSpec
    storage_domain_id: str


@message("node.remove_saved_state")
@attrs.frozen(kw_only=True)
class RemoveSavedState(Body):
    vm_id: str
    storage_domain_id: str


@message("node.set_ticket")
@attrs.frozen(kw_only=True)
class SetTicket(Body):
    """A one-time console password, valid for `expiry_seconds`."""

    vm_id: str
    value: str = attrs.field(repr=False)
    expiry_seconds: int = 120


@message("node.connect_storage_domain")
@attrs.frozen(kw_only=True)
class ConnectStorageDomain(Body):
    """Makes a directory usable as a storage domain on this host. Done: `StorageFacts`."""

    storage_domain_id: str
    path: str
    create: bool = False


@message("node.create_volume")
@attrs.frozen(kw_only=True)
class CreateVolume(Body):
    """A new volume; with `backing` a thin child of another volume of the same storage domain. Done: `VolumeFacts`."""

    volume: VolumeRef
    size_bytes: int
    preallocate: bool = False
    backing: VolumeRef | None = None


@message("node.copy_volume")
@attrs.frozen(kw_only=True)
class CopyVolume(Body):
    """A full copy (the chain collapsed). Progress shows as `StepProgress`. Done: `VolumeFacts`."""

    source: VolumeRef
    target: VolumeRef


@message("node.import_volume")
@attrs.frozen(kw_only=True)
class ImportVolume(Body):
    """Copies an image file of this host into a new volume; the source's format is given, never probed."""

    source_path: str
    source_format: str
    target: VolumeRef


@message("node.resize_volume")
@attrs.frozen(kw_only=True)
class ResizeVolume(Body):
    volume: VolumeRef
    size_bytes: int


@message("node.remove_image")
@attrs.frozen(kw_only=True)
class RemoveImage(Body):
    """Deletes every volume of an image. Done when nothing is left, also when nothing was there."""

    storage_domain_id: str
    image_id: str


@message("node.forget_steps", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class ForgetSteps(Message):
    """The engine has made these outcomes durable: the node may drop them."""

    epoch: int
    step_ids: tuple[str, ...]


@message("node.cancel_step", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class CancelStep(Message):
    """Ends a step of the storage that runs or waits for its turn: its outcome is the refusal *cancelled*, and nothing
    of what it made is left. For a step that is over, or that never came, nothing happens; it may be sent again."""

    epoch: int
    step_id: str


@message("node.report_now", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class ReportNow(Message):
    """Asks for facts, all domains and storage facts at once (sent after each connect)."""

    epoch: int


@message("node.engine_heartbeat", priority=Priority.CONTROL, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class EngineHeartbeat(Message):
    epoch: int


@message("node.renew_certificate", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class CertificateIssued(Message):
    """The engine's answer to `CertificateRequested`."""

    certificate_pem: str


@message("node.console_open")
@attrs.frozen(kw_only=True)
class ConsoleOpen(Message):
    """Connects a stream id to the serial console of a domain."""

    epoch: int
    stream_id: str
    vm_id: str


@message("node.console_data", priority=Priority.BULK)
@attrs.frozen(kw_only=True)
class ConsoleData(Message):
    """Bytes of a console stream, either way. `closed` ends the stream, with the reason when there is one."""

    stream_id: str
    data: bytes = b""
    closed: bool = False
    reason: str = ""
