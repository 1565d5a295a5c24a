"""What is known of a disk. The document is its public face."""

from __future__ import annotations

import attrs

from actors.entity.refusals import busy, not_legal
from protocol.activity.operation import Operation
from protocol.errors import Refusal
from protocol.message import Message, message
from protocol.storage.disk_events import DiskWork
from protocol.storage.model import Disk


@message("state.disk")
@attrs.frozen(kw_only=True)
class DiskState(Message):
    """`children` are disks that rest on this one; `problem` says why it is illegal."""

    disk: Disk
    operation: Operation | None = None
    children: tuple[str, ...] = ()
    problem: str = ""

    @property
    def id(self) -> str:
        assert self.disk.id is not None
        return self.disk.id

    @property
    def name(self) -> str:
        return self.disk.name or self.id

    @property
    def address(self) -> str:
        return f"disk/{self.id}"

    @property
    def title(self) -> str:
        """For sentences."""
        return f"The disk {self.name}"

    @property
    def status(self) -> str:
        assert self.disk.status is not None
        return self.disk.status

    @property
    def vm_ids(self) -> tuple[str, ...]:
        return tuple(vm.id for vm in self.disk.vms or () if vm.id)

    @property
    def work(self) -> DiskWork:
        """What the operation under way works on. Asserts that there is one."""
        assert self.operation is not None
        assert isinstance(self.operation.data, DiskWork)
        return self.operation.data


def unusable(state: DiskState, verb: str) -> Refusal | None:
    """Why nothing can be done with the disk now but to remove it."""
    if state.operation is not None or state.status == "ok":
        return busy(state, verb)
    return not_legal(state, verb, "ok", f"{state.problem} Remove it.".strip())
