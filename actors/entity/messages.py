"""Messages that every durable entity's actor understands, and those between the rooms of the engine."""

from __future__ import annotations

import attrs

from protocol.errors import Refusal
from protocol.live.engine import Principal
from protocol.message import Message, Priority, message


@message("entity.command")
@attrs.frozen(kw_only=True)
class CommandRequest(Message):
    """An authorized command on its way to the entity's actor."""

    command_id: str
    principal: Principal
    command: Message
    correlation_id: str = ""
    digest: str = ""  # of the command, when it came with an idempotency key
    dry_run: bool = False


@message("entity.timer_fired", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class TimerFired(Message):
    name: str
    number: int


@message("entity.commit_failed", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class CommitFailed(Message):
    """What the actor had decided did not become durable: it goes back to what is."""

    refusal: Refusal
    version: int


@message("entity.wake", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class Wake(Message):
    """Go on with the operation that your state says is under way: sent once after the engine started."""


@message("entity.crash", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class Crash(Message):
    """Raises inside the handler: a test hook that only labs can reach."""
