"""Steps of a VM's operation that disks carry out: what is kept of them in the operation, so that each can be sent
again, and how one disk after the other goes."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision
from actors.entity.ids import derived_id
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, with_step
from actors.entity.operation_record import Ask
from actors.storage.messages import DetachDisk, DiscardDisk, ProvideDisk
from actors.vm.facts import VmDecisionFacts
from actors.vm.operations.record import failure
from actors.vm.state import VmState
from protocol.activity.model import Event
from protocol.activity.operation import Operation
from protocol.errors import Refusal
from protocol.message import Message, message
from protocol.vm import events


@message("vm.add_data")
@attrs.frozen(kw_only=True)
class VmAddData(Message):
    """What a new VM's disks are made from, one after the other."""

    disks: tuple[ProvideDisk, ...]


@message("vm.disk_data")
@attrs.frozen(kw_only=True)
class VmDiskData(Message):
    """The one message to one disk's actor."""

    disk_id: str
    message: Message


@message("vm.remove_data")
@attrs.frozen(kw_only=True)
class VmRemoveData(Message):
    """The disks that go with the VM, and those that stay. Steps of the operation before `first_step` did other work."""

    discard: tuple[str, ...]
    detach: tuple[str, ...] = ()
    first_step: int = 0


def begin_on_disks(
    state: VmState, request: CommandRequest, kind: str, description: str, facts: VmDecisionFacts
) -> Operation:
    """The operation with its one step, which a disk carries out."""
    operation = begin_for(request, kind, description, facts.now)
    return with_step(operation, state.address, description, facts.now)


def ask_disk(disk_id: str, message: Message) -> Ask:
    return Ask(f"disk/{disk_id}", message)


def sends_one(state: VmState) -> Ask:
    """For an operation with a single message to a single disk."""
    assert state.operation is not None
    assert isinstance(state.operation.data, VmDiskData)
    return ask_disk(state.operation.data.disk_id, state.operation.data.message)


def sends_removal(state: VmState) -> Ask | None:
    """What the disk of the step under way is asked: to go, or to be detached. None beyond the last one."""
    operation = state.operation
    assert operation is not None
    assert isinstance(operation.data, VmRemoveData)
    data, number = operation.data, len(operation.steps) - 1 - operation.data.first_step
    if number < len(data.discard):
        message = DiscardDisk(operation_id=operation.id, vm_id=state.id, correlation_id=operation.correlation_id)
        return ask_disk(data.discard[number], message)
    number -= len(data.discard)
    return ask_disk(data.detach[number], DetachDisk(vm_id=state.id)) if number < len(data.detach) else None


def part_of(request: CommandRequest, what: str) -> str:
    """The id of a part that a command makes."""
    return derived_id(request.command_id, what)


def failed_where_it_is(state: VmState, refusal: Refusal, said: Event, facts: VmDecisionFacts) -> Decision:
    """The operation ends where it is, and the audit trail says why."""
    kind = events.VmCreated if state.status == "image_locked" else events.VmOperationEnded
    return Decision(events=(kind(at=facts.now, ended=failure(refusal)),), audit=(said,))
