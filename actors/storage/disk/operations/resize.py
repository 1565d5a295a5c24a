"""Operation *resize*: the volume of a disk grows.

grow -> resized
     -> it keeps its size
"""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for
from actors.storage.disk.operations.phases import DiskOperation, begun, line_of, sends
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts, host_of
from protocol.activity.operation import Outcome
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.reports import VolumeFacts
from protocol.storage import disk_events as events
from protocol.storage.disk_events import DiskWork


def begin_resize(
    state: DiskState, request: CommandRequest, size: int, facts: StorageDecisionFacts
) -> events.DiskResizeRequested:
    """The operation that a larger size begins, on the host of the disk's storage domain."""
    host_id = host_of(state.disk, facts)
    operation = begin_for(request, "resize", f"Extending disk {state.disk.name}", facts.now, host_id)
    operation = begun(operation, state.id, DiskWork(phase="grow", size_bytes=size), facts)
    return events.DiskResizeRequested(at=facts.now, operation=operation, size_bytes=size)


def done(state: DiskState, result: Message, facts: StorageDecisionFacts) -> Decision:
    assert isinstance(result, VolumeFacts), result
    event = events.DiskResized(
        at=facts.now,
        size_bytes=result.size_bytes,
        actual_bytes=result.actual_bytes,
        ended=Outcome(outcome="done"),
    )
    return Decision(
        events=(event,), audit=(line_of(state, "disk_extended", size_gib=f"{result.size_bytes / 1024**3:g}"),)
    )


def failed(state: DiskState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    reason = str(refusal)
    ended = Outcome(outcome="rolled_back", reason=reason)
    return Decision(
        events=(events.DiskResizeFailed(at=facts.now, reason=reason, ended=ended),),
        audit=(line_of(state, "disk_extend_failed", reason=reason),),
    )


RESIZE: Final = DiskOperation(kind="resize", sends=sends, done=done, failed=failed)
