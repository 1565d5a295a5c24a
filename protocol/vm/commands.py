"""Commands on a VM, its NICs and its disk attachments."""

from __future__ import annotations

import attrs

from protocol.api import Ticket
from protocol.command import Add, Command, Remove, Update
from protocol.document import AT_ONCE, Ref, not_yet, parameter
from protocol.message import message
from protocol.vm.model import Vm


@message("command.vm.add")
@attrs.frozen(kw_only=True)
class AddVm(Add):
    """Add a VM from a template, or from `Blank` if none is given. Its disks are thin layers over the template's disks,
    or independent full copies with `clone`."""

    clone: bool = parameter(False, AT_ONCE)


@message("command.vm.update")
@attrs.frozen(kw_only=True)
class UpdateVm(Update):
    """Change a VM's configuration. What cannot change while the VM is running takes effect at its next start. Legal
    while no operation runs on the VM."""

    next_run: bool = parameter(False, AT_ONCE, "On a running VM, apply everything except names at the next start.")


@message("command.vm.remove")
@attrs.frozen(kw_only=True)
class RemoveVm(Remove):
    """Remove a VM and its disks; `detach_only` keeps the disks. Legal while the VM is down and not delete protected."""

    detach_only: bool = parameter(False, AT_ONCE)


@message("command.vm.start")
@attrs.frozen(kw_only=True)
class StartVm(Command):
    """Start a VM on a host that the scheduler chooses, or resume a suspended or paused one. `vm` overrides its
    configuration for this run only. Legal while the VM is down, suspended or paused."""

    vm: Vm | None = parameter(None, AT_ONCE)
    pause: bool = parameter(False, AT_ONCE)
    volatile: bool = parameter(False, not_yet(False))


@message("command.vm.shutdown")
@attrs.frozen(kw_only=True)
class ShutdownVm(Command):
    """Ask the guest to shut down, and wait until it has. Legal while the VM is running and no other operation runs on
    it; with `force` the shutdown replaces that operation."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, AT_ONCE)


@message("command.vm.stop")
@attrs.frozen(kw_only=True)
class StopVm(Command):
    """Power a VM off at once, without asking the guest. The saved memory of a suspended VM is discarded. Legal unless
    the VM is down."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Leave it out: stop replaces a running operation anyway."))


@message("command.vm.reboot")
@attrs.frozen(kw_only=True)
class RebootVm(Command):
    """Ask the guest to reboot, and wait until it has. Legal while the VM is up."""

    force: bool = parameter(False, not_yet(False, instead="Use reset."))


@message("command.vm.reset")
@attrs.frozen(kw_only=True)
class ResetVm(Command):
    """Reset a VM at once, without asking the guest. Legal while the VM is up, paused or rebooting."""


@message("command.vm.suspend")
@attrs.frozen(kw_only=True)
class SuspendVm(Command):
    """Save a VM's memory to storage and stop the VM; the next start resumes it. Legal while the VM is up."""


@message("command.vm.pause")
@attrs.frozen(kw_only=True)
class PauseVm(Command):
    """Pause a VM: its CPUs stop, its memory stays. Legal while the VM is up. Extension to oVirt's API."""


@message("command.vm.resume")
@attrs.frozen(kw_only=True)
class ResumeVm(Command):
    """Resume a paused VM. Legal while the VM is paused. Extension to oVirt's API, where start does this."""


@message("command.vm.freeze_file_systems")
@attrs.frozen(kw_only=True)
class FreezeVmFileSystems(Command):
    """Freeze every mounted writable file system of the guest, the root file system last. They thaw automatically after
    60 seconds. Legal while the VM is up and its guest agent responds."""


@message("command.vm.thaw_file_systems")
@attrs.frozen(kw_only=True)
class ThawVmFileSystems(Command):
    """Thaw the guest's file systems, even if none is frozen. Legal while the VM is up and its guest agent responds."""


@message("command.vm.keep_run")
@attrs.frozen(kw_only=True)
class KeepVmRun(Command):
    """End every QEMU of a VM but the one on `host`, which counts from now on. Legal while several hosts report one and
    no operation runs on the VM."""

    host: Ref | None = parameter(None, AT_ONCE, refers="Host")


@message("command.vm.disregard_run")
@attrs.frozen(kw_only=True)
class DisregardVmRun(Command):
    """Do not believe that a QEMU of the VM runs on `host`, so that the VM can be started. Legal while that host reports
    one that it was never asked to start."""

    host: Ref | None = parameter(None, AT_ONCE, refers="Host")


@message("command.vm.ticket")
@attrs.frozen(kw_only=True)
class SetVmTicket(Command):
    """Get a one-time console password, valid for two minutes unless `expiry` is given. Legal while the VM is running."""

    ticket: Ticket | None = None


@message("command.nic.add")
@attrs.frozen(kw_only=True)
class AddNic(Add):
    """Add a NIC to a VM. Legal while the VM is down and no operation runs on it."""


@message("command.nic.update")
@attrs.frozen(kw_only=True)
class UpdateNic(Update):
    """Change a NIC of a VM. Legal while the VM is down and no operation runs on it."""


@message("command.nic.remove")
@attrs.frozen(kw_only=True)
class RemoveNic(Remove):
    """Remove a NIC from a VM. Legal while the VM is down and no operation runs on it."""


@message("command.nic.activate")
@attrs.frozen(kw_only=True)
class ActivateNic(Command):
    """Plug a NIC in: from the VM's next start on it has a link.

    Legal while the VM is down and no operation runs on it."""


@message("command.nic.deactivate")
@attrs.frozen(kw_only=True)
class DeactivateNic(Command):
    """Unplug a NIC: from the VM's next start on it has no link.

    Legal while the VM is down and no operation runs on it."""


@message("command.disk_attachment.add")
@attrs.frozen(kw_only=True)
class AddDiskAttachment(Add):
    """Attach a disk to a VM: an existing one by its id, or a new one. Legal while the VM is down and no operation runs
    on it."""


@message("command.disk_attachment.update")
@attrs.frozen(kw_only=True)
class UpdateDiskAttachment(Update):
    """Change how a disk is attached to a VM. Legal while the VM is down and no operation runs on it."""


@message("command.disk_attachment.remove")
@attrs.frozen(kw_only=True)
class RemoveDiskAttachment(Remove):
    """Detach a disk from a VM and remove the disk; `detach_only` keeps it. Legal while the VM is down and no operation
    runs on it."""

    detach_only: bool = parameter(False, AT_ONCE)
