"""How an operation moves from step to step, and the job document it shows as. Pure; it must not perform a step."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.messages import CommandRequest
from protocol.events.operation import Operation, OperationStep, Outcome
from protocol.model.activity import Job, Step
from protocol.model.types import Ref, ref


def begin(
    *,
    id: str,
    kind: str,
    description: str,
    at: datetime.datetime,
    correlation_id: str = "",
    user_id: str = "",
    host_id: str = "",
) -> Operation:
    """A new operation without steps."""
    return Operation(
        id=id,
        kind=kind,
        description=description,
        started_at=at,
        correlation_id=correlation_id,
        user_id=user_id,
        host_id=host_id,
    )


def begin_for(
    request: CommandRequest, kind: str, description: str, at: datetime.datetime, host_id: str = ""
) -> Operation:
    """The operation that a command becomes: it bears the command's id, and so does its job."""
    return begin(
        id=request.command_id,
        kind=kind,
        description=description,
        at=at,
        correlation_id=request.correlation_id,
        user_id=request.principal.user_id,
        host_id=host_id,
    )


def step_id(owner: str, operation_id: str, number: int) -> str:
    """Stable id of a step: `vm/<id>:<operation>:<number>`. The part before the first colon is who gets the outcome."""
    return f"{owner}:{operation_id}:{number}"


def owner_of(step: str) -> str:
    """The address of the actor that a step belongs to."""
    return step.split(":", 1)[0]


def with_step(
    operation: Operation, owner: str, description: str, at: datetime.datetime, host_id: str = ""
) -> Operation:
    """The operation with the step before finished and a new one begun."""
    done = finish_steps(operation, "finished", at)
    step = OperationStep(
        id=step_id(owner, operation.id, len(done.steps)), description=description, host_id=host_id, started_at=at
    )
    return attrs.evolve(done, steps=(*done.steps, step), revision=operation.revision + 1)


def finish_steps(operation: Operation, status: str, at: datetime.datetime) -> Operation:
    """Every step that still runs ends with `status`."""
    steps = tuple(
        attrs.evolve(step, status=status, ended_at=at, progress=100 if status == "finished" else step.progress)
        if step.status == "started"
        else step
        for step in operation.steps
    )
    return attrs.evolve(operation, steps=steps)


def with_progress(operation: Operation, step: str, percent: int) -> Operation:
    """The same operation, further on in one step. Not journaled for itself: it shows with the next event."""
    steps = tuple(attrs.evolve(s, progress=percent) if s.id == step else s for s in operation.steps)
    return attrs.evolve(operation, steps=steps)


def current_step(operation: Operation) -> OperationStep | None:
    """The step that runs, if any."""
    return next((step for step in reversed(operation.steps) if step.status == "started"), None)


def job_of(operation: Operation, owner_kind: str, owner_id: str, ended: Outcome | None, at: datetime.datetime) -> Job:
    """The job that people see."""
    status = "started"
    if ended is not None:
        status = "finished" if ended.outcome == "done" else "failed"
        operation = finish_steps(operation, status, at)
    owner = Ref(id=owner_id)
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
        outcome=ended.outcome if ended else None,
        reason=(ended.reason or None) if ended else (operation.rolling_back or None),
        vm=owner if owner_kind == "vm" else None,
        host=owner if owner_kind == "host" else ref(operation.host_id),
        disk=owner if owner_kind == "disk" else None,
        template=owner if owner_kind == "template" else None,
    )


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
