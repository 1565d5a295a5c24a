"""What deciding yields: events to make durable, and effects and a reply that wait until they are.

Pure data, so that a test reads as a transcript. It must not perform anything.
"""

from __future__ import annotations

import attrs

from protocol.message import Message
from protocol.model.activity import Event


@attrs.frozen(kw_only=True)
class Tell:
    """A message to another actor. With `token` its answer comes back as `Answer(token)`."""

    address: str
    message: Message
    token: str = ""


@attrs.frozen(kw_only=True)
class ToNode:
    """A message to a host's node; `NodeCommand` and `ForgetSteps` get the engine's epoch when they leave."""

    host_id: str
    message: Message


@attrs.frozen(kw_only=True)
class SetTimer:
    """Tells the actor `TimerFired(name)` after `seconds`; a timer of the same name is replaced."""

    name: str
    seconds: float


@attrs.frozen(kw_only=True)
class CancelTimer:
    name: str


Effect = Tell | ToNode | SetTimer | CancelTimer


@attrs.frozen(kw_only=True)
class Decision:
    """`events` move the state; `audit` are lines of the audit trail, written in the same transaction.

    `reply` answers the message in hand; None leaves it open (`Defer`-like: an `Answer` will decide it).
    With `reply_token` it answers instead whoever waits for the answer to that question.
    `store_outcome` keeps the reply under the command's id, so that a retried command gets it again; `outcome` is what
    is kept when the reply itself comes later.
    """

    events: tuple[Message, ...] = ()
    effects: tuple[Effect, ...] = ()
    audit: tuple[Event, ...] = ()
    reply: Message | None = None
    reply_token: str = ""
    store_outcome: bool = False
    outcome: Message | None = None


NOTHING = Decision()


def refuse(refusal: Message) -> Decision:
    """Nothing happens but the reply."""
    return Decision(reply=refusal)
