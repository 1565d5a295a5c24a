"""Every operation of a VM by its kind, and the command that begins each: a new operation is a file and its lines here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.add import ADD
from actors.vm.operations.attach_disk import ADD_DISK, ATTACH_DISK
from actors.vm.operations.detach_disk import DETACH_DISK
from actors.vm.operations.freeze import FREEZE, THAW
from actors.vm.operations.pause import PAUSE, RESUME
from actors.vm.operations.reboot import REBOOT
from actors.vm.operations.record import VmOperation
from actors.vm.operations.remove import REMOVE
from actors.vm.operations.reset import RESET
from actors.vm.operations.shutdown import SHUTDOWN
from actors.vm.operations.start import RESTORE, START
from actors.vm.operations.stop import STOP
from actors.vm.operations.suspend import SUSPEND
from actors.vm.state import VmState
from protocol.message import Message
from protocol.vm import commands

OPERATIONS: Final[Mapping[str, VmOperation]] = {
    each.kind: each
    for each in (
        ADD, REMOVE, START, RESTORE, SHUTDOWN, STOP, REBOOT, RESET, PAUSE, RESUME, SUSPEND, FREEZE, THAW,
        ADD_DISK, ATTACH_DISK, DETACH_DISK,
    )
}  # fmt: skip

BEGUN_BY: Final[Mapping[type[Message], Callable[[VmState, CommandRequest, VmDecisionFacts], Decision]]] = {
    commands.RemoveVm: REMOVE.request,
    commands.StartVm: START.request,
    commands.ShutdownVm: SHUTDOWN.request,
    commands.StopVm: STOP.request,
    commands.RebootVm: REBOOT.request,
    commands.ResetVm: RESET.request,
    commands.PauseVm: PAUSE.request,
    commands.ResumeVm: RESUME.request,
    commands.SuspendVm: SUSPEND.request,
    commands.FreezeVmFileSystems: FREEZE.request,
    commands.ThawVmFileSystems: THAW.request,
    commands.AddDiskAttachment: ATTACH_DISK.request,
    commands.RemoveDiskAttachment: DETACH_DISK.request,
}
