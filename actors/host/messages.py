"""Messages from a host's link to its actor."""

from __future__ import annotations

import attrs

from actors.entity.decision import Effect
from protocol.message import Message, Priority, WhenFull, message, message_type
from protocol.node.link import NodeHello


@message("host.node_linked", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class NodeLinked(Message):
    """The node has a new link; an older session of the same host is over. With `renewal_only` nothing can be sent."""

    host_id: str
    session_id: str
    hello: NodeHello
    renewal_only: bool = False


@message("host.node_unlinked", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class NodeUnlinked(Message):
    """The session has ended. One that was replaced says so after the `NodeLinked` of its successor: compare ids."""

    host_id: str
    session_id: str
    reason: str


@message("host.from_node")
@attrs.frozen(kw_only=True)
class FromNode(Message):
    """One message of the node, as data. Match on this class: its children have the other priorities."""

    session_id: str
    message: Message


@message("host.urgent_from_node", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class UrgentFromNode(FromNode):
    """A `FromNode` of control priority: outcomes, domains."""


@message("host.bulk_from_node", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class BulkFromNode(FromNode):
    """A `FromNode` with the priority of bulk: the newest one of a kind replaces an unread one."""

    @property
    def conflation_key(self) -> str:
        return f"{message_type(self.message).tag} {getattr(self.message, 'conflation_key', '')}"


@attrs.frozen(kw_only=True)
class IssueToken(Effect):
    """An effect of a host's decision: make a one-time enrolment token, for who is kept under the command's id."""

    command_id: str


def from_node(session_id: str, message: Message) -> FromNode:
    """The envelope with the priority of what is inside."""
    entry = message_type(message)
    if entry.priority is Priority.CONTROL:
        return UrgentFromNode(session_id=session_id, message=message)
    if entry.priority is Priority.BULK and entry.when_full is WhenFull.CONFLATE:
        return BulkFromNode(session_id=session_id, message=message)
    return FromNode(session_id=session_id, message=message)
