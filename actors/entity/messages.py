"""Messages that every durable entity's actor understands, and those between the rooms of the engine.

It must not hold commands of users: those are in `protocol.commands`.
"""

from __future__ import annotations

import attrs

from protocol.engine_messages import Principal
from protocol.errors import Refusal
from protocol.words import Lane, Tagged, word


@word("entity.command")
@attrs.frozen(kw_only=True)
class Commanded(Tagged):
    """An authorized command on its way to the entity's actor."""

    command_id: str
    principal: Principal
    command: Tagged
    correlation_id: str = ""
    dry_run: bool = False


@word("entity.timer_fired", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class TimerFired(Tagged):
    name: str
    generation: int


@word("entity.commit_failed", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class CommitFailed(Tagged):
    """What the actor had decided did not become durable: it goes back to what is."""

    refusal: Refusal
    version: int


@word("entity.wake", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class Wake(Tagged):
    """Go on with the operation that your state says is under way: sent once after the engine started."""


@word("entity.crash", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class Crash(Tagged):
    """Raises inside the handler: a test hook that only labs can reach."""
