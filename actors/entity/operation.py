"""How an operation moves from step to step, and the job document that it shows as. Pure."""

from __future__ import annotations

import datetime
from typing import Final

import attrs

from actors.entity.ids import job_id_of
from actors.entity.messages import CommandRequest
from protocol.activity.model import Job, Step
from protocol.activity.operation import Operation, OperationStep, Outcome, StepId
from protocol.document import Ref, ref
from protocol.registry import BY_KIND


def begin(
    *,
    id: str,
    kind: str,
    description: str,
    at: datetime.datetime,
    correlation_id: str = "",
    user_id: str = "",
    parent: str = "",
    cause: str = "",
    host_id: str = "",
) -> Operation:
    """A new operation without steps that no command began: it is a part of `parent`, or `cause` says why it runs."""
    return Operation(
        id=id,
        kind=kind,
        description=description,
        started_at=at,
        correlation_id=correlation_id,
        user_id=user_id,
        parent=parent,
        cause=cause,
        host_id=host_id,
    )


def begin_for(
    request: CommandRequest, kind: str, description: str, at: datetime.datetime, host_id: str = ""
) -> Operation:
    """The operation that a command begins."""
    return Operation(
        id=job_id_of(request.command_id),
        kind=kind,
        description=description,
        started_at=at,
        command_id=request.command_id,
        correlation_id=request.correlation_id,
        user_id=request.principal.user_id,
        host_id=host_id,
    )


def with_step(
    operation: Operation, owner: str, description: str, at: datetime.datetime, host_id: str = ""
) -> Operation:
    """The operation with the step before finished and a new one begun, on a host or ("") by another actor."""
    done = finish_steps(operation, "finished", at)
    id = StepId(owner=owner, operation=operation.id, number=len(done.steps), host=host_id)
    step = OperationStep(id=id, description=description, started_at=at)
    return attrs.evolve(done, steps=(*done.steps, step), revision=operation.revision + 1)


def with_another_attempt(operation: Operation) -> Operation:
    """The step under way once more, as a step of its own: what its host has answered to the attempt before is told
    again for ever, and was not what is needed."""
    step = current_step(operation)
    assert step is not None
    again = attrs.evolve(step, id=attrs.evolve(step.id, attempt=step.id.attempt + 1))
    steps = tuple(again if each is step else each for each in operation.steps)
    return attrs.evolve(operation, steps=steps, revision=operation.revision + 1)


def finish_steps(operation: Operation, status: str, at: datetime.datetime) -> Operation:
    """Every step that still runs ends with `status`."""
    steps = tuple(
        attrs.evolve(step, status=status, ended_at=at, progress=100 if status == "finished" else step.progress)
        if step.status == "started"
        else step
        for step in operation.steps
    )
    return attrs.evolve(operation, steps=steps)


def current_step(operation: Operation) -> OperationStep | None:
    """The step that runs, if any."""
    return next((step for step in reversed(operation.steps) if step.status == "started"), None)


def job_of(operation: Operation, owner_kind: str, owner_id: str, ended: Outcome | None, at: datetime.datetime) -> Job:
    """The job that people see."""
    status = "started"
    if ended is not None:
        status = "finished" if ended.outcome == "done" else "failed"
        if ended.outcome == "rolled_back" and operation.is_unwanted:
            status = "aborted"
        operation = finish_steps(operation, status, at)
    shown: dict[str, Ref | None] = {"host": ref(operation.host_id)}
    if owner_kind in _REFERENCES:
        shown[owner_kind] = Ref(id=owner_id)
    return Job(
        id=operation.id,
        description=operation.description,
        status=status,
        auto_cleared=True,
        external=False,
        owner=ref(operation.user_id),
        start_time=operation.started_at,
        end_time=at if ended else None,
        last_updated=at,
        steps=tuple(_step_of(operation, number, step) for number, step in enumerate(operation.steps)),
        correlation_id=operation.correlation_id or None,
        parent_job=ref(operation.parent),
        cause=operation.cause or None,
        object=f"{owner_kind}/{owner_id}",
        outcome=ended.outcome if ended else None,
        reason=(ended.reason or None) if ended else (operation.rolling_back or None),
        **shown,
    )


_REFERENCES: Final = frozenset(field.name for field in attrs.fields(Job)) & frozenset(BY_KIND)
"""The kinds that a job refers to by an attribute of their own; `object` says it for every kind."""


def _step_of(operation: Operation, number: int, step: OperationStep) -> Step:
    return Step(
        id=f"{operation.id}.{number}",
        number=number,
        description=step.description,
        type="executing",
        status=step.status,
        progress=step.progress,
        start_time=step.started_at,
        end_time=step.ended_at,
        job=Ref(id=operation.id),
        execution_host=ref(step.host_id),
    )
