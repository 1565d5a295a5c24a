"""What the disks of a running operation answered, and what the one in hand was asked last.

It must not hold what an operation does: each has a file of its own.
"""

from __future__ import annotations

from actors.entity.decision import Decision, Tell
from actors.storage.messages import DiskRecorded
from actors.vm import attach, template_disks
from actors.vm.disk_step import VmAddData, VmDiskData, VmRemoveData, ask, token
from actors.vm.facts import VmDecisionFacts
from actors.vm.remove import next_removal, removed_one
from actors.vm.state import VmState
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.message import Message


def current_message(state: VmState) -> Tell | None:
    """What the running disk operation has asked last: sent again after a crash, harmless twice."""
    operation = state.operation
    if operation is None:
        return None
    if operation.rolling_back:
        return template_disks.next_rollback(state, operation)
    match operation.data:
        case VmAddData() as data:
            return template_disks.current(operation, data)
        case VmDiskData(disk_id=disk_id, message=message):
            return ask(disk_id, message)
        case VmRemoveData() as data:
            return next_removal(state, operation, data, len(operation.steps) - 1)
    return None


def recorded(state: VmState, message: DiskRecorded) -> Decision:
    """The disk that a command wants can be read by now: the command is answered, the making goes on."""
    operation = state.operation
    if operation is None or operation.kind != "add_disk":
        return Decision()
    accepted = Accepted(kind="disk_attachment", id=message.disk_id, job_id=operation.id, command_id=operation.id)
    return Decision(reply=accepted, reply_token=token(message.disk_id))


def answered(state: VmState, disk_id: str, answer: Message, facts: VmDecisionFacts) -> Decision:
    """A disk's actor has done, or refused, what the running operation asked."""
    operation = state.operation
    expected = current_message(state)
    if operation is None or expected is None or expected.token != token(disk_id):
        return Decision()
    refusal = answer if isinstance(answer, Refusal) else None
    if operation.rolling_back:
        return template_disks.rolled_back_one(state, operation, refusal, facts)
    match operation.data:
        case VmAddData() as data:
            return template_disks.provided_one(state, operation, data, refusal, facts)
        case VmDiskData():
            done = attach.detached if operation.kind == "detach_disk" else attach.attached
            return done(state, operation, disk_id, refusal, facts)
        case VmRemoveData() as data:
            return removed_one(state, operation, data, refusal, facts)
    return Decision()
