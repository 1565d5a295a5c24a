"""What a host's actor hears from the link to its node. It must not hold what a node says itself: that is inside."""

from __future__ import annotations

import attrs

from actors.entity.decision import Effect
from protocol.link import NodeHello
from protocol.words import Lane, Tagged, WhenFull, word, word_of


@word("host.node_linked", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class NodeLinked(Tagged):
    """The node has a new link; an older session of the same host is over. With `renewal_only` nothing can be sent."""

    host_id: str
    session_id: str
    hello: NodeHello
    renewal_only: bool = False


@word("host.node_unlinked", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class NodeUnlinked(Tagged):
    """The session has ended. One that was replaced says so after the `NodeLinked` of its successor: compare ids."""

    host_id: str
    session_id: str
    reason: str


@word("host.from_node")
@attrs.frozen(kw_only=True)
class FromNode(Tagged):
    """One word of the node, in the lane of data. Match on this class: the other lanes are its children."""

    session_id: str
    message: Tagged


@word("host.urgent_from_node", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class UrgentFromNode(FromNode):
    """A `FromNode` in the control lane: outcomes, domains."""


@word("host.bulk_from_node", lane=Lane.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class BulkFromNode(FromNode):
    """A `FromNode` in the lane of bulk: the newest one of a kind replaces an unread one."""

    @property
    def conflation_key(self) -> str:
        return f"{word_of(self.message).tag} {getattr(self.message, 'conflation_key', '')}"


@attrs.frozen(kw_only=True)
class IssueToken(Effect):
    """An effect of a host's decision: make a one-time enrolment token, for who is kept under the command's id."""

    command_id: str


def from_node(session_id: str, message: Tagged) -> FromNode:
    """The envelope in the lane of what is inside."""
    entry = word_of(message)
    if entry.lane is Lane.CONTROL:
        return UrgentFromNode(session_id=session_id, message=message)
    if entry.lane is Lane.BULK and entry.when_full is WhenFull.CONFLATE:
        return BulkFromNode(session_id=session_id, message=message)
    return FromNode(session_id=session_id, message=message)
