"""What may be asked about a VM, its NICs and its disk attachments. It must not name domains: those are the node's."""

from __future__ import annotations

import attrs

from protocol.commands.base import Add, Command, Remove, Update
from protocol.message import message
from protocol.model.document import Ticket
from protocol.model.types import AT_ONCE, not_yet, parameter
from protocol.model.vm import Vm


@message("command.vm.add")
@attrs.frozen(kw_only=True)
class AddVm(Add):
    """Always legal. Disks of the template are made thin, or full copies with `clone`."""

    clone: bool = parameter(False, AT_ONCE)


@message("command.vm.update")
@attrs.frozen(kw_only=True)
class UpdateVm(Update):
    """Legal unless an operation runs. What cannot change while the VM runs is applied at its next start."""

    next_run: bool = parameter(False, AT_ONCE, "Of a VM that runs, everything but its names waits for the next start.")


@message("command.vm.remove")
@attrs.frozen(kw_only=True)
class RemoveVm(Remove):
    """Legal while the VM is down and not delete protected. Its disks go with it unless `detach_only`."""

    detach_only: bool = parameter(False, AT_ONCE)


@message("command.vm.start")
@attrs.frozen(kw_only=True)
class StartVm(Command):
    """Legal while the VM is down or suspended; while it is paused it resumes. `vm` overrides for this run only."""

    vm: Vm | None = None
    pause: bool = parameter(False, AT_ONCE)
    volatile: bool = parameter(False, not_yet(False))


@message("command.vm.shutdown")
@attrs.frozen(kw_only=True)
class ShutdownVm(Command):
    """Legal while the VM runs: asks the guest to power off. `force` acts also while an operation runs."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, AT_ONCE)


@message("command.vm.stop")
@attrs.frozen(kw_only=True)
class StopVm(Command):
    """Legal while the VM is not down: ends QEMU, whatever the guest does."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Without it, stop takes the place of what runs already."))


@message("command.vm.reboot")
@attrs.frozen(kw_only=True)
class RebootVm(Command):
    """Legal while the VM is up."""

    force: bool = parameter(False, not_yet(False, instead="Use reset."))


@message("command.vm.reset")
@attrs.frozen(kw_only=True)
class ResetVm(Command):
    """Legal while the VM is up, paused or not responding: the reset button."""


@message("command.vm.suspend")
@attrs.frozen(kw_only=True)
class SuspendVm(Command):
    """Legal while the VM is up: memory goes to a file on the storage and QEMU ends."""


@message("command.vm.pause")
@attrs.frozen(kw_only=True)
class PauseVm(Command):
    """Legal while the VM is up: its CPUs stop (extension)."""


@message("command.vm.resume")
@attrs.frozen(kw_only=True)
class ResumeVm(Command):
    """Legal while the VM is paused (extension; oVirt resumes by `start`)."""


@message("command.vm.ticket")
@attrs.frozen(kw_only=True)
class SetVmTicket(Command):
    """Legal while the VM runs: a one-time console password, made when none is given."""

    ticket: Ticket | None = None


@message("command.nic.add")
@attrs.frozen(kw_only=True)
class AddNic(Add):
    """Legal while no operation runs on the VM (`parent_id`) and it is down."""


@message("command.nic.update")
@attrs.frozen(kw_only=True)
class UpdateNic(Update):
    """Legal while no operation runs on the VM and it is down."""


@message("command.nic.remove")
@attrs.frozen(kw_only=True)
class RemoveNic(Remove):
    """Legal while no operation runs on the VM and it is down."""


@message("command.disk_attachment.add")
@attrs.frozen(kw_only=True)
class AddDiskAttachment(Add):
    """Legal while the VM is down and no operation runs: attaches a disk by id, or makes it first."""


@message("command.disk_attachment.update")
@attrs.frozen(kw_only=True)
class UpdateDiskAttachment(Update):
    """Legal while the VM is down and no operation runs."""


@message("command.disk_attachment.remove")
@attrs.frozen(kw_only=True)
class RemoveDiskAttachment(Remove):
    """Legal while the VM is down and no operation runs. The disk stays when `detach_only`."""

    detach_only: bool = parameter(False, AT_ONCE)
