"""An operation as its owner's state and events carry it: intent, steps with stable ids, progress, outcome.

It is part of its owner's state, so a lock is nothing but a live operation and cannot outlive it. It must not decide.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.message import Message


@attrs.frozen(kw_only=True)
class OperationStep:
    """One idempotent step. `id` is what the node keeps the outcome under."""

    id: str
    description: str
    status: str = "started"  # started | finished | failed | aborted
    progress: int = 0  # per cent
    host_id: str = ""
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None


@attrs.frozen(kw_only=True)
class Operation:
    """A durable operation. `id` is the command's id and the job's id; `revision` counts the job's rows."""

    id: str
    kind: str  # start | shutdown | stop | ... : the verb
    description: str
    started_at: datetime.datetime
    correlation_id: str = ""
    user_id: str = ""
    host_id: str = ""
    steps: tuple[OperationStep, ...] = ()
    data: Message | None = None  # what the kind needs to go on after a crash
    rolling_back: str = ""  # why; "" while it goes forward
    revision: int = 1


@attrs.frozen(kw_only=True)
class Outcome:
    """How an operation ended, and why when it did not succeed."""

    outcome: str  # done | rolled_back | failed
    reason: str = ""
