"""What a disk does next: finds who decides on each message. Decides; never performs."""

from __future__ import annotations

from actors.entity.decision import NOTHING, Decision
from actors.entity.messages import CommandRequest, TimerFired, Wake
from actors.host.signals import HostLost, HostReturned
from actors.kernel.envelope import Answer
from actors.operations.operation import current_step
from actors.storage.disk import change, create, remove, sharing, steps
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts, refusal
from actors.storage.messages import AttachDisk, BackDisk, DetachDisk, DiscardDisk, ProvideDisk, UnbackDisk
from protocol.commands.storage import AddDisk, RemoveDisk, UpdateDisk
from protocol.message import Message
from protocol.node_messages import StepDone, StepProgress


def decide(disk_id: str, state: DiskState | None, message: Message, facts: StorageDecisionFacts) -> Decision:
    """`state` is None while there is no such disk. Raises `NotImplementedError` for a message that is not a disk's."""
    match message:
        case CommandRequest():
            return _decide_command(state, message, facts)
        case ProvideDisk():
            return create.provide(state, message, facts)
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
        case StepDone():
            return steps.node_answered(state, message, facts)
        case Answer(token=token, body=body):
            return steps.disk_answered(state, token, body, facts)
        case HostReturned(host_id=host_id):
            return again(state, host_id)
        case TimerFired() | Wake():
            return again(state)
        case HostLost() | StepProgress():
            return NOTHING
    raise NotImplementedError(f"disk/{disk_id} got {type(message).__name__}")


def again(state: DiskState | None, host_id: str | None = None) -> Decision:
    """The step under way once more; with `host_id` only when it is that host's."""
    step = current_step(state.operation) if state is not None and state.operation is not None else None
    if state is None or step is None or (host_id is not None and step.host_id != host_id):
        return NOTHING
    return Decision(effects=steps.effects_of(state))


def _decide_command(state: DiskState | None, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    match request.command:
        case AddDisk() as command:
            return create.add(state, request, command, facts)
        case UpdateDisk() as command:
            return change.update(state, request, command, facts)
        case RemoveDisk() as command:
            return remove.remove(state, request, command, facts)
    return Decision(reply=refusal("invalid", f"A disk knows no {type(request.command).__name__}.", status=400))
