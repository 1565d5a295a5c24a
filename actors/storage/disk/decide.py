"""What a disk does next: finds who decides on each message."""

from __future__ import annotations

from typing import Final

from actors.entity.commanded import commanded
from actors.entity.decision import NOTHING, Decision
from actors.entity.host_signals import HostLost, HostReturned, StepAdvanced, StepDeclined, StepOutcome
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation_record import CommandRecord, sent_again, step_answered, step_declined, step_ended
from actors.kernel.envelope import Answer
from actors.storage.disk import change, sharing
from actors.storage.disk.operations import OPERATIONS, make, remove
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from actors.storage.messages import AttachDisk, BackDisk, DetachDisk, DiscardDisk, ProvideDisk, UnbackDisk
from protocol.message import Message
from protocol.storage.commands import AddDisk, UpdateDisk

CHANGES: Final = (CommandRecord[DiskState, StorageDecisionFacts](begun_by=UpdateDisk, request=change.update),)
"""What is decided at once, without an operation."""


def decide(disk_id: str, state: DiskState | None, message: Message, facts: StorageDecisionFacts) -> Decision:
    """`state` is None while there is no such disk. Raises `NotImplementedError` for a message that is not a disk's."""
    match message:
        case CommandRequest(command=AddDisk() as command):
            return make.add(state, message, command, facts)
        case CommandRequest():
            return commanded(f"disk/{disk_id}", OPERATIONS, CHANGES, state, message, facts)
        case ProvideDisk():
            return make.provide(state, message, facts)
        case DiscardDisk():
            return remove.discard(state, message, facts)
        case AttachDisk():
            return sharing.attach(state, disk_id, message, facts)
        case DetachDisk():
            return sharing.detach(state, message, facts)
        case BackDisk():
            return sharing.back(state, disk_id, message, facts)
        case UnbackDisk():
            return sharing.unback(state, message, facts)
        case StepOutcome(step=step, result=result, host_id=host_id):
            return step_ended(OPERATIONS, state, step, result, facts, host_id=host_id)
        case StepDeclined(step=step, host_id=host_id):
            return step_declined(state, step, host_id)
        case Answer(token=token, body=body):
            return step_answered(OPERATIONS, state, token, body, facts)
        case HostReturned(host_id=host_id):
            return again(state, host_id)
        case TimerFired():
            return again(state)
        case HostLost() | StepAdvanced():
            return NOTHING
    raise NotImplementedError(f"disk/{disk_id} got {type(message).__name__}")


def again(state: DiskState | None, host_id: str | None = None) -> Decision:
    """The step under way once more; with `host_id` only when it is that host's."""
    return Decision(effects=sent_again(OPERATIONS, state, host_id))
