"""An operation as its owner's state and events carry it: intent, steps with stable ids, progress, outcome.

It is part of its owner's state, so a lock is nothing but a live operation and cannot outlive it.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.message import Message


@attrs.frozen(kw_only=True)
class StepId:
    """Which step of which operation of whom, and the host that carries it out ("" for a step of another actor).

    The same step has the same id however often it is sent, so its receiver does it once; another `attempt` is another
    step. On the wire to a node, and as the token of a question to another actor, it is its text.
    """

    owner: str  # the address of the actor that gets the outcome: vm/<id>
    operation: str
    number: int
    attempt: int = 1
    host: str = ""

    def __str__(self) -> str:
        return f"{self.owner}:{self.operation}:{self.number}:{self.attempt}:{self.host}"

    @classmethod
    def parse(cls, text: str) -> StepId:
        """The reverse of `str`. Raises `ValueError` for a text that is no step's."""
        owner, operation, number, attempt, host = text.split(":")
        if "/" not in owner or not operation or not (number.isdecimal() and attempt.isdecimal()):
            raise ValueError(f"{text[:120]!r} is no step")
        return cls(owner=owner, operation=operation, number=int(number), attempt=int(attempt), host=host)


@attrs.frozen(kw_only=True)
class OperationStep:
    """One idempotent step."""

    id: StepId
    description: str
    status: str = "started"  # started | finished | failed | aborted
    progress: int = 0  # per cent
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None

    @property
    def host_id(self) -> str:
        return self.id.host


@attrs.frozen(kw_only=True)
class SideStep:
    """A step on a host beside the operation: it locks nothing, and is sent again until the host answers.

    One without `body`, a console ticket, is not sent again: its secret is kept nowhere.
    """

    id: StepId
    purpose: str  # ticket | stray | saved_state
    body: Message | None = None


@attrs.frozen(kw_only=True)
class Operation:
    """A durable operation. `id` is its job's; `command_id` that of the command that began it ("" when none did).

    `parent` is the job that this one is part of. `cause` says in a few messages what began it when no user's command did.
    """

    id: str
    kind: str  # start | shutdown | stop | ... : the verb
    description: str
    started_at: datetime.datetime
    command_id: str = ""
    correlation_id: str = ""
    user_id: str = ""
    parent: str = ""
    cause: str = ""
    host_id: str = ""
    steps: tuple[OperationStep, ...] = ()
    data: Message | None = None  # what the kind needs to go on after a crash
    rolling_back: str = ""  # why; "" while it goes forward
    is_unwanted: bool = False  # it goes back because somebody took it back, not because it failed
    revision: int = 1


@attrs.frozen(kw_only=True)
class Outcome:
    """How an operation ended, and why when it did not succeed."""

    outcome: str  # done | rolled_back | failed
    reason: str = ""


@attrs.frozen(kw_only=True)
class EntityEvent(Message):
    """Base of the events of an entity that acts. `operation`: the operation as it is after this event (None: unchanged);
    `ended`: it ends with this event."""

    at: datetime.datetime
    operation: Operation | None = None
    ended: Outcome | None = None
