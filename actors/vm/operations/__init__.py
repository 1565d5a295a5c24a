"""Every operation of a VM by its kind: a new one is a file and its name here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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

OPERATIONS: Final[Mapping[str, VmOperation]] = {
    each.kind: each
    for each in (
        ADD, REMOVE, START, RESTORE, SHUTDOWN, STOP, REBOOT, RESET, PAUSE, RESUME, SUSPEND, FREEZE, THAW,
        ADD_DISK, ATTACH_DISK, DETACH_DISK,
    )
}  # fmt: skip
