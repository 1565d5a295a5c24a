"""What one operation does, as a record: what its step under way sends, and what follows when the step has ended.

An entity keeps a table of these by the operation's kind. Sending a step, sending it again after a crash, and hearing
its outcome are the same few functions for all of them, here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

import attrs

from actors.entity.decision import NOTHING, AcknowledgeStep, Decision, Effect, RunStep, SetTimer, StopStep, Tell
from actors.entity.messages import CommandRequest
from actors.entity.operation import current_step
from protocol.activity.operation import EntityEvent, Operation, StepId
from protocol.command import Command
from protocol.errors import Internal, Overtaken, Refusal, Unavailable
from protocol.message import Message


class HasOperation(Protocol):
    """The state of an entity that can have an operation under way."""

    @property
    def address(self) -> str: ...

    @property
    def operation(self) -> Operation | None: ...


S = TypeVar("S", bound=HasOperation)
F = TypeVar("F")
E = TypeVar("E", bound=EntityEvent)

RETRY: Final = "step"
"""The timer of a step that another actor or its host could not take just now."""
RETRY_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 10.0
AGAIN_SECONDS_MAX: Final = 300.0
"""What failed on a host and must succeed all the same is asked again after these, each time twice as long."""


NOT_TRIED: Final = frozenset({Unavailable.code, Overtaken.code, Internal.code})
"""Refusals of another actor that say nothing of the step: the database was away, or the actor full, or it crashed."""


def _never(_: object) -> bool:
    return False


def nothing(*_: object) -> Decision:
    """What follows where a record says nothing."""
    return NOTHING


@attrs.frozen
class Ask:
    """A step that another actor carries out; its answer is the step's outcome."""

    address: str
    message: Message


@attrs.frozen(kw_only=True)
class CommandRecord(Generic[S, F]):
    """What decides one command on an entity that is there.

    `request` decides the command `begun_by` (None: no command begins it, or the one that adds the entity), `answered`
    the answer of another actor that the command waited for.
    """

    begun_by: type[Command] | None = None
    request: Callable[[S, CommandRequest, F], Decision] = nothing
    answered: Callable[[S, CommandRequest, Message, F], Decision] = nothing


@attrs.frozen(kw_only=True)
class OperationRecord(CommandRecord[S, F]):
    """One kind of operation on an entity.

    `sends`: what the step under way asks, from the state alone, so that it is the same whenever it is sent: a message
    for the node of the step's host, an `Ask` for another actor, or None while the step only waits.
    `done` and `failed`: what follows from its outcome. `cancel`: what follows when a user cancels it, None for what
    cannot be cancelled. `is_unwanted`: whether the step under way makes what nobody wants any more, so that its host is
    to end it.
    """

    kind: str
    sends: Callable[[S], Message | Ask | None]
    done: Callable[[S, Message, F], Decision]
    failed: Callable[[S, Refusal, F], Decision]
    cancel: Callable[[S, CommandRequest, F], Decision] | None = None
    is_unwanted: Callable[[S], bool] = _never


Table = Mapping[str, OperationRecord[S, F]]


def record_of(records: Iterable[CommandRecord[S, F]], command: Message) -> CommandRecord[S, F] | None:
    """The record of that command."""
    return next((each for each in records if each.begun_by is type(command)), None)


def step_effects(record: OperationRecord[S, F], state: S) -> tuple[Effect, ...]:
    """What the step under way sends; nothing when none is, or when it only waits."""
    step = current_step(state.operation) if state.operation is not None else None
    body = record.sends(state) if step is not None else None
    if state.operation is None or step is None or body is None:
        return ()
    if isinstance(body, Ask):
        return (Tell(address=body.address, message=body.message, token=str(step.id)),)
    run = RunStep(step=step.id, body=body, correlation_id=state.operation.correlation_id)
    return (run, *stopped(record, state))


def with_step_sent(
    record: OperationRecord[S, F], evolve: Callable[[S | None, E], S | None], before: S | None, event: E
) -> Decision:
    """The operation in `event` begins or goes on, and its step is sent."""
    after = evolve(before, event)
    assert after is not None
    return Decision(events=(event,), effects=step_effects(record, after))


def stopped(record: OperationRecord[S, F], state: S) -> tuple[Effect, ...]:
    """What ends the step under way when nobody wants it any more. Sent again, the step goes first: its host must know
    it to tell how it ended."""
    step = current_step(state.operation) if state.operation is not None else None
    if step is None or not step.host_id or not record.is_unwanted(state):
        return ()
    return (StopStep(step=step.id),)


def again_after(attempt: int) -> float:
    """Seconds from the failure of an attempt to the next one, which is `attempt` (2 or more)."""
    return min(AGAIN_SECONDS * 2.0 ** min(attempt - 2, 10), AGAIN_SECONDS_MAX)


def retried(refusal: Refusal) -> Decision | None:
    """The other actor had no time or crashed: asked again in a moment. None when the refusal is meant."""
    return _asked_later() if refusal.retryable else None


def _asked_later() -> Decision:
    return Decision(effects=(SetTimer(name=RETRY, seconds=RETRY_SECONDS),))


def sent_again(table: Table[S, F], state: S | None, host_id: str | None = None) -> tuple[Effect, ...]:
    """The step under way once more, after a crash or the return of its host; with `host_id` only when it is that
    host's."""
    step = current_step(state.operation) if state is not None and state.operation is not None else None
    if state is None or state.operation is None or step is None or (host_id is not None and step.host_id != host_id):
        return ()
    return step_effects(table[state.operation.kind], state)


def step_ended(
    table: Table[S, F], state: S | None, step: StepId, result: Message, facts: F, *, host_id: str = ""
) -> Decision:
    """The outcome of a step, from the host `host_id` or from another actor.

    A host is believed about its own steps alone. An outcome that nobody waits for any more is only acknowledged.
    """
    if host_id != step.host:
        return NOTHING
    acknowledged: tuple[Effect, ...] = (AcknowledgeStep(step=step),) if step.host else ()
    under_way = current_step(state.operation) if state is not None and state.operation is not None else None
    if state is None or state.operation is None or under_way is None or under_way.id != step:
        return Decision(effects=acknowledged)
    record = table[state.operation.kind]
    if not step.host and isinstance(result, Refusal) and result.code in NOT_TRIED:
        return _asked_later()
    decision = record.failed(state, result, facts) if isinstance(result, Refusal) else record.done(state, result, facts)
    if not decision.events:  # the step is still the one under way
        return decision
    return attrs.evolve(decision, effects=(*acknowledged, *decision.effects))


def step_declined(state: HasOperation | None, step: StepId, host_id: str) -> Decision:
    """The host has not tried the step: it is sent again in a moment. The operation stands where it stood."""
    under_way = current_step(state.operation) if state is not None and state.operation is not None else None
    if under_way is None or under_way.id != step or host_id != step.host:
        return NOTHING
    return _asked_later()


def step_answered(table: Table[S, F], state: S | None, token: str, result: Message, facts: F) -> Decision:
    """Another actor's answer, by its token; one to a question of an earlier incarnation is ignored."""
    try:
        step = StepId.parse(token)
    except ValueError:
        return NOTHING
    return step_ended(table, state, step, result, facts)
