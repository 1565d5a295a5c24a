"""What may be asked about a VM, its NICs and its disk attachments. It must not name domains: those are the node's."""

from __future__ import annotations

import attrs

from protocol.api import Ticket
from protocol.command import Add, Command, Remove, Update
from protocol.document import AT_ONCE, not_yet, parameter
from protocol.message import message
from protocol.vm.model import Vm


@message("command.vm.add")
@attrs.frozen(kw_only=True)
class AddVm(Add):
    """Add a VM from a template, `Blank` when none is named. Its template's disks are made thin, or as full copies with
    `clone`. Legal always."""

    clone: bool = parameter(False, AT_ONCE)


@message("command.vm.update")
@attrs.frozen(kw_only=True)
class UpdateVm(Update):
    """Change a VM's configuration. What cannot change while it runs is applied at its next start. Legal unless an operation
    runs on it."""

    next_run: bool = parameter(False, AT_ONCE, "Of a VM that runs, everything but its names waits for the next start.")


@message("command.vm.remove")
@attrs.frozen(kw_only=True)
class RemoveVm(Remove):
    """Remove a VM and its disks; with `detach_only` the disks stay. Legal while it is down and not delete protected."""

    detach_only: bool = parameter(False, AT_ONCE)


@message("command.vm.start")
@attrs.frozen(kw_only=True)
class StartVm(Command):
    """Start a VM on a host that the scheduler chooses, or resume it. `vm` overrides its configuration for this run
    alone. Legal while it is down, suspended or paused."""

    vm: Vm | None = None
    pause: bool = parameter(False, AT_ONCE)
    volatile: bool = parameter(False, not_yet(False))


@message("command.vm.shutdown")
@attrs.frozen(kw_only=True)
class ShutdownVm(Command):
    """Ask the guest to power off, and wait until it has. Legal while the VM runs; with `force` also while another
    operation does, whose place it takes."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, AT_ONCE)


@message("command.vm.stop")
@attrs.frozen(kw_only=True)
class StopVm(Command):
    """Power a VM off at once, whatever the guest does; of a suspended VM the saved memory is discarded. Legal while it is
    not down."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Without it, stop takes the place of what runs already."))


@message("command.vm.reboot")
@attrs.frozen(kw_only=True)
class RebootVm(Command):
    """Ask the guest to start over, and wait until it does. Legal while the VM is up."""

    force: bool = parameter(False, not_yet(False, instead="Use reset."))


@message("command.vm.reset")
@attrs.frozen(kw_only=True)
class ResetVm(Command):
    """Press the reset button, which the guest cannot ignore. Legal while the VM is up, paused or rebooting."""


@message("command.vm.suspend")
@attrs.frozen(kw_only=True)
class SuspendVm(Command):
    """Save a VM's memory to the storage and end its QEMU; a start resumes it there. Legal while it is up."""


@message("command.vm.pause")
@attrs.frozen(kw_only=True)
class PauseVm(Command):
    """Stop a VM's CPUs. Legal while it is up (extension)."""


@message("command.vm.resume")
@attrs.frozen(kw_only=True)
class ResumeVm(Command):
    """Let a paused VM's CPUs go on. Legal while it is paused (extension; in oVirt a start does it)."""


@message("command.vm.freeze_file_systems")
@attrs.frozen(kw_only=True)
class FreezeVmFileSystems(Command):
    """Legal while the VM is up and its guest agent reports: every mounted writable file system is frozen, the root last.
    The guest thaws by itself after 60 seconds."""


@message("command.vm.thaw_file_systems")
@attrs.frozen(kw_only=True)
class ThawVmFileSystems(Command):
    """Legal while the VM is up and its guest agent reports, also when nothing is frozen."""


@message("command.vm.ticket")
@attrs.frozen(kw_only=True)
class SetVmTicket(Command):
    """Get a one-time console password, valid for two minutes unless said otherwise. Legal while the VM runs."""

    ticket: Ticket | None = None


@message("command.nic.add")
@attrs.frozen(kw_only=True)
class AddNic(Add):
    """Add a NIC to a VM (`parent_id`). Legal while the VM is down and no operation runs on it."""


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
    """Attach a disk to a VM by its id, or make a new one for it. Legal while the VM is down and no operation runs on
    it."""


@message("command.disk_attachment.update")
@attrs.frozen(kw_only=True)
class UpdateDiskAttachment(Update):
    """Change how a disk is attached to a VM. Legal while the VM is down and no operation runs on it."""


@message("command.disk_attachment.remove")
@attrs.frozen(kw_only=True)
class RemoveDiskAttachment(Remove):
    """Detach a disk from a VM and remove it; with `detach_only` it stays. Legal while the VM is down and no operation
    runs on it."""

    detach_only: bool = parameter(False, AT_ONCE)
