"""What happened to a VM: each event carries what `actors/vm/evolve.py` needs, so the journal alone rebuilds the state."""

from __future__ import annotations

import datetime

import attrs

from protocol.activity.operation import EntityEvent, SideStep, StepId
from protocol.message import message
from protocol.network.model import Nic
from protocol.node.domain import DomainSpec
from protocol.node.reports import GuestReport
from protocol.storage.model import DiskAttachment
from protocol.vm.model import Vm


@attrs.frozen(kw_only=True)
class Run:
    """A QEMU of the VM, as far as is known: on which host, and the step that started it."""

    host_id: str
    step: StepId
    role: str = "active"  # active: the one that counts | incoming: the target of a live migration


@attrs.frozen(kw_only=True)
class Copy:
    """A QEMU of the VM beside the run that counts: on which host, and as what it was started there, as the host says.

    `is_claimed`: the host was never asked to start it. `is_disregarded`: an operator does not believe it.
    """

    host_id: str
    started_step_id: str
    is_claimed: bool = False
    is_disregarded: bool = False


@attrs.frozen(kw_only=True)
class VmEvent(EntityEvent):
    """Base. `desired`: what is wanted of the VM from now on ("": as before)."""

    desired: str = ""

    @property
    def runs(self) -> tuple[Run, ...] | None:
        """Where the VM runs after this event, () for nowhere; None: as before."""
        return None


@attrs.frozen(kw_only=True)
class VmRunRequested(VmEvent):
    """Base. A host is chosen, and QEMU is on its way there. `spec` is what will run, overrides included."""

    host_id: str
    spec: DomainSpec

    @property
    def runs(self) -> tuple[Run, ...]:
        assert self.operation is not None
        return (Run(host_id=self.host_id, step=self.operation.steps[-1].id),)


@attrs.frozen(kw_only=True)
class VmRunEnded(VmEvent):
    """Base. No QEMU of the VM is left."""

    @property
    def runs(self) -> tuple[Run, ...]:
        return ()


@message("vm.added")
@attrs.frozen(kw_only=True)
class VmAdded(VmEvent):
    """The VM is recorded; its disks are being made when an operation goes on, else it is ready."""

    vm: Vm

    @property
    def status(self) -> str:
        return "image_locked" if self.operation else "down"


@message("vm.created")
@attrs.frozen(kw_only=True)
class VmCreated(VmEvent):
    """All disks of a new VM are there."""


@message("vm.updated")
@attrs.frozen(kw_only=True)
class VmUpdated(VmEvent):
    """The configuration as it is now, and what waits for the next start."""

    vm: Vm
    next_run: Vm | None = None


@message("vm.nics_changed")
@attrs.frozen(kw_only=True)
class VmNicsChanged(VmEvent):
    nics: tuple[Nic, ...]


@message("vm.disks_changed")
@attrs.frozen(kw_only=True)
class VmDisksChanged(VmEvent):
    disk_attachments: tuple[DiskAttachment, ...]


@message("vm.remove_requested")
@attrs.frozen(kw_only=True)
class VmRemoveRequested(VmEvent):
    pass


@message("vm.removed")
@attrs.frozen(kw_only=True)
class VmRemoved(VmEvent):
    """The last event of a VM's life."""


@message("vm.operation_progressed")
@attrs.frozen(kw_only=True)
class VmOperationProgressed(VmEvent):
    """A step began, after another or as the first of an operation; the VM's status stays."""


@message("vm.operation_ended")
@attrs.frozen(kw_only=True)
class VmOperationEnded(VmEvent):
    """An operation ended without a change of the status (attach a disk, freeze, a failed reboot)."""


@message("vm.start_requested")
@attrs.frozen(kw_only=True)
class VmStartRequested(VmRunRequested):
    """The start is on its way."""

    run_once: bool = False


@message("vm.restore_requested")
@attrs.frozen(kw_only=True)
class VmRestoreRequested(VmRunRequested):
    """A suspended VM is on its way back."""


@message("vm.started")
@attrs.frozen(kw_only=True)
class VmStarted(VmEvent):
    """QEMU runs; the guest boots."""


@message("vm.restored")
@attrs.frozen(kw_only=True)
class VmRestored(VmEvent):
    """QEMU runs where the guest left off."""


@message("vm.start_failed")
@attrs.frozen(kw_only=True)
class VmStartFailed(VmRunEnded):
    """A VM that could not be restored stays suspended."""

    reason: str


@message("vm.guest_up")
@attrs.frozen(kw_only=True)
class VmGuestUp(VmEvent):
    """The guest answered, or had the time to."""


@message("vm.shutdown_requested")
@attrs.frozen(kw_only=True)
class VmShutdownRequested(VmEvent):
    reason: str = ""


@message("vm.shutdown_ignored")
@attrs.frozen(kw_only=True)
class VmShutdownIgnored(VmEvent):
    """The guest did not power off in time."""


@message("vm.stop_requested")
@attrs.frozen(kw_only=True)
class VmStopRequested(VmEvent):
    reason: str = ""


@message("vm.went_down")
@attrs.frozen(kw_only=True)
class VmWentDown(VmRunEnded):
    """`cause`: shutdown, destroyed, crashed, failed, unknown."""

    cause: str
    reason: str = ""


@message("vm.reboot_requested")
@attrs.frozen(kw_only=True)
class VmRebootRequested(VmEvent):
    pass


@message("vm.reset_requested")
@attrs.frozen(kw_only=True)
class VmResetRequested(VmEvent):
    pass


@message("vm.rebooted")
@attrs.frozen(kw_only=True)
class VmRebooted(VmEvent):
    """The guest starts over."""


@message("vm.reboot_ignored")
@attrs.frozen(kw_only=True)
class VmRebootIgnored(VmEvent):
    """The guest did not start over in time, or could not be asked to."""


@message("vm.pause_requested")
@attrs.frozen(kw_only=True)
class VmPauseRequested(VmEvent):
    pass


@message("vm.paused")
@attrs.frozen(kw_only=True)
class VmPaused(VmEvent):
    """The CPUs stand still. `reason`: user, io_error, ..."""

    reason: str = "user"


@message("vm.resume_requested")
@attrs.frozen(kw_only=True)
class VmResumeRequested(VmEvent):
    pass


@message("vm.resumed")
@attrs.frozen(kw_only=True)
class VmResumed(VmEvent):
    pass


@message("vm.suspend_requested")
@attrs.frozen(kw_only=True)
class VmSuspendRequested(VmEvent):
    storage_domain_id: str


@message("vm.suspended")
@attrs.frozen(kw_only=True)
class VmSuspended(VmRunEnded):
    pass


@message("vm.suspend_failed")
@attrs.frozen(kw_only=True)
class VmSuspendFailed(VmEvent):
    reason: str


@message("vm.lost")
@attrs.frozen(kw_only=True)
class VmLost(VmEvent):
    """Its host is silent: what the VM does is not known."""


@message("vm.found")
@attrs.frozen(kw_only=True)
class VmFound(VmEvent):
    """Its host is back and reports it. `status`: what it is now."""

    status: str


@message("vm.side_step_begun")
@attrs.frozen(kw_only=True)
class VmSideStepBegun(VmEvent):
    """A host is asked for something beside the operation."""

    side_step: SideStep


@message("vm.side_step_ended")
@attrs.frozen(kw_only=True)
class VmSideStepEnded(VmEvent):
    """The host has answered it, or nobody can any more."""

    step: StepId


@message("vm.guest_reported")
@attrs.frozen(kw_only=True)
class VmGuestReported(VmEvent):
    report: GuestReport


@message("vm.guest_silent")
@attrs.frozen(kw_only=True)
class VmGuestSilent(VmEvent):
    since: datetime.datetime


@message("vm.copy_seen")
@attrs.frozen(kw_only=True)
class VmCopySeen(VmEvent):
    """A host reports a QEMU of the VM where the run that counts is not."""

    copy: Copy


@message("vm.copy_gone")
@attrs.frozen(kw_only=True)
class VmCopyGone(VmEvent):
    """It is proven that no copy is left on that host."""

    host_id: str


@message("vm.copy_disregarded")
@attrs.frozen(kw_only=True)
class VmCopyDisregarded(VmEvent):
    """An operator says that what that host reports is not so."""

    host_id: str


@message("vm.copy_kept")
@attrs.frozen(kw_only=True)
class VmCopyKept(VmEvent):
    """The copy on that host is the run that counts from now on, and what counted before is a copy."""

    host_id: str
