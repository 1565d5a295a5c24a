"""Cancels the job under way: what is refused, what is said, and how an operation that is taken back ends. Pure.

It must not know how an operation undoes itself: that is in the operation's record.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation_record import F, S, Table
from protocol.activity.audit import line
from protocol.activity.commands import CancelJob
from protocol.activity.model import NAMED_IN_EVENTS, Event, Job
from protocol.activity.operation import Operation, Outcome
from protocol.document import Ref, kind_and_id
from protocol.errors import NotLegal, Refusal
from protocol.live.engine import Accepted
from protocol.merge import changed_by

NOT_WANTED: Final = "It is not wanted any more."
"""Why the parts of an operation that is taken back are taken back."""


def cancelled(table: Table[S, F], state: S | None, request: CommandRequest, facts: F) -> Decision:
    """The job that the command names is undone as its operation's record says. Asked for again meanwhile, it is the
    same undoing."""
    command = request.command
    assert isinstance(command, CancelJob)
    operation = state.operation if state is not None else None
    if state is None or operation is None or operation.id != command.id:
        return refuse(over(command.id, None))
    accepted = Accepted(kind="job", id=command.id, job_id=command.id, command_id=request.command_id)
    if operation.rolling_back:
        return Decision(reply=accepted)
    cancel = table[operation.kind].cancel
    if cancel is None:
        return refuse(_not_cancellable(operation))
    decision = cancel(state, request, facts)
    said = _line(operation, state.address, request)
    return attrs.evolve(decision, audit=(said, *decision.audit), reply=accepted, outcome=accepted)


def cancelled_by(operation: Operation, request: CommandRequest) -> Operation:
    """The operation on its way back because a user wants it so."""
    return taken_back(operation, f"Cancelled by {request.principal.name}.")


def taken_back(operation: Operation, why: str) -> Operation:
    """The operation on its way back because nobody wants it any more, not because something failed."""
    return attrs.evolve(operation, rolling_back=why, is_unwanted=True)


def rolled_back(operation: Operation) -> Outcome:
    """How it ends once nothing is left of it."""
    return Outcome(outcome="rolled_back", reason=operation.rolling_back)


def over(job_id: str, job: Job | None) -> Refusal:
    """A job that has ended cannot be cancelled. `job`: its document, when that says already how it ended."""
    name, how = (f"'{job.description}'", _how(job)) if job is not None else (job_id, "")
    return NotLegal(
        f"Job {name} has ended{how or '.'}",
        remedy="There is nothing left to cancel.",
        entity=f"job/{job_id}",
        field="status",
    ).refusal


def _how(job: Job) -> str:
    outcome = (job.outcome or "").replace("_", " ")
    return f": {outcome}. {job.reason}" if job.reason else f": {outcome}."


def _not_cancellable(operation: Operation) -> Refusal:
    return NotLegal(
        f"Job '{operation.description}' cannot be cancelled.",
        remedy="Wait for it to end.",
        entity=f"job/{operation.id}",
    ).refusal


def _line(operation: Operation, address: str, request: CommandRequest) -> Event:
    kind, id = kind_and_id(address)
    by = request.principal
    said = line("job_cancelled", user=by.user_id, user_name=by.name, description=operation.description)
    return changed_by(said, {kind: Ref(id=id)} if kind in NAMED_IN_EVENTS else {})
