"""What can go wrong between two actors, as errors that a caller may see.

CorralError
|- Unavailable
|  |- MailboxFull   the receiver has no room; nothing was done
|- Internal
   |- ActorGone     its place in the tree has ended; nothing was done
   |- ActorCrashed  it crashed with the message in hand; the outcome is unknown
   |- AskTimeout    no answer in time; the outcome is unknown
"""

from __future__ import annotations

from protocol.errors import Internal, Unavailable


class MailboxFull(Unavailable):
    """The queue for the message's priority has no room left."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} has more to do than it can queue.", remedy="Try again in a moment.", entity=address
        )


class ActorGone(Internal):
    """The actor has ended for good."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} has ended.", remedy="Look whether the object still exists.", entity=address)


class ActorCrashed(Internal):
    """The actor crashed, and the message is lost with what it knew."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} failed while it worked on this.",
            remedy="Look at the object before asking again; the log has the details.",
            entity=address,
        )


class AskTimeout(Internal):
    """Nobody answered before the deadline."""

    status = 504

    def __init__(self, address: str, timeout_seconds: float) -> None:
        super().__init__(
            f"{address} did not answer within {timeout_seconds:g} seconds.",
            remedy="Look at the object before asking again.",
            entity=address,
        )
