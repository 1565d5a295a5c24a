"""What deciding in this room needs beside the state, and the refusals and acceptances that its entities share.

It must not change anything: look-ups read documents that the journal has confirmed.
"""

from __future__ import annotations

import datetime
from typing import Any

import attrs

from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from protocol.commands.base import Add
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events.operation import Operation
from protocol.model.types import Document


@attrs.frozen(kw_only=True)
class StorageDecisionFacts:
    now: datetime.datetime
    rows: Rows
    fresh_id: str = ""  # an id that nobody used yet


def accepted(kind: str, request: CommandRequest, document: Any, *, job_id: str = "") -> Accepted:
    """The reply to a command on `document`."""
    return Accepted(kind=kind, id=document.id, job_id=job_id, command_id=request.command_id, document=document)


def new_id(request: CommandRequest) -> str:
    """The id of what an *add* adds: the command's own, unless it names one."""
    assert isinstance(request.command, Add)
    return request.command.id or request.command_id


def again_or_taken(kind: str, request: CommandRequest, document: Document, operation: Operation | None) -> Decision:
    """An *add* for an id that exists: the same command gets the same answer, any other is refused."""
    id: str = getattr(document, "id", "")
    if request.command_id not in (id, operation.id if operation else id):
        return Decision(reply=refusal("conflict", f"The {kind.replace('_', ' ')} {id} exists already.", entity=id))
    return Decision(reply=accepted(kind, request, document, job_id=operation.id if operation else ""))


def refusal(
    code: str, reason: str, remedy: str = "", *, entity: str = "", field: str = "", status: int = 409
) -> Refusal:
    return Refusal(
        code=code, reason=reason, remedy=remedy, entity=entity, field=field, status=status, retryable=code == "busy"
    )


def not_found(what: str, id: str) -> Refusal:
    return refusal("not_found", f"There is no {what} {id}.", "Look at the list of them.", entity=id, status=404)


def busy(entity: str, what: str, operation: Operation) -> Refusal:
    """Refused while an operation runs: the lock is that operation, and it is named."""
    return refusal(
        "busy",
        f"{what} is locked: '{operation.description}' goes on.",
        f"Wait for job {operation.id} to end.",
        entity=entity,
    )


def name_taken(what: str, name: str) -> Refusal:
    return refusal("name_taken", f"The name {name!r} is taken by another {what}.", "Choose another name.", field="name")


def host_of_step(rows: Rows, step_id: str) -> str:
    """Where a step of an operation that is over ran, by its job; "" when that is not known any more."""
    _, operation_id, number = step_id.rsplit(":", 2)
    job = rows.document("job", operation_id)
    steps = (job.steps or ()) if job is not None else ()
    place = int(number) if number.isdecimal() else len(steps)
    host = steps[place].execution_host if place < len(steps) else None
    return (host.id if host is not None else None) or ""
