"""What a VM's operation asks a disk's actor in one step, kept so that it can be asked again. It must not decide."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, Tell
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, with_step
from actors.storage.messages import ProvideDisk
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.audit import line
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Operation, Outcome
from protocol.message import Message, message

KINDS: Final = frozenset({"add", "remove", "add_disk", "attach_disk", "detach_disk"})
"""Operations of a VM that disks carry out."""


@message("vm.add_data")
@attrs.frozen(kw_only=True)
class VmAddData(Message):
    """What a new VM's disks are made from, one after the other."""

    disks: tuple[ProvideDisk, ...]


@message("vm.disk_data")
@attrs.frozen(kw_only=True)
class VmDiskData(Message):
    """One message to one disk's actor, kept so that it can be sent again."""

    disk_id: str
    message: Message


@message("vm.remove_data")
@attrs.frozen(kw_only=True)
class VmRemoveData(Message):
    """The disks that go with the VM, and those that stay."""

    discard: tuple[str, ...]
    detach: tuple[str, ...]


def token(disk_id: str) -> str:
    return f"disk:{disk_id}"


def ask(disk_id: str, message: Message) -> Tell:
    """The question to a disk's actor; its answer comes back under the disk's token."""
    return Tell(address=f"disk/{disk_id}", message=message, token=token(disk_id))


def begin_on_disks(
    state: VmState, request: CommandRequest, kind: str, description: str, facts: VmDecisionFacts
) -> Operation:
    """The operation with its one step, which the disks carry out."""
    operation = begin_for(request, kind, description, facts.now)
    return with_step(operation, state.address, description, facts.now)


def failed(state: VmState, operation: Operation, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """The operation ends where it is, and says why."""
    ended = Outcome(outcome="failed", reason=str(refusal))
    event: events.VmEvent = (
        events.VmCreated(at=facts.now, ended=ended)
        if state.status == "image_locked"
        else events.VmOperationEnded(at=facts.now, ended=ended)
    )
    audit = line("vm_operation_failed", f"{operation.description} failed: {refusal}", severity="error", vm=state.id)
    return Decision(events=(event,), audit=(audit,))
