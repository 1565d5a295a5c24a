"""Which host has a link now; carries messages between host actors and links."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from actors.host.messages import NodeLinked, NodeUnlinked, from_node
from actors.kernel.failures import ActorGone, MailboxFull
from actors.kernel.ref import ActorRef
from actors.wire.frames import FrameQueue, LinkEnded
from protocol.message import Message, Priority, message_type
from protocol.node.commands import CertificateIssued
from protocol.node.link import NodeHello

log = logging.getLogger("corral.link")


@attrs.define(eq=False)
class HostLink:
    """One session of one host, as the hub sees it."""

    host_id: str
    session_id: str
    hello: NodeHello
    renewal_only: bool = False
    queue: FrameQueue = attrs.field(factory=FrameQueue)


class LinkHub:
    """At most one link per host. A new one of the same host replaces the old one, because a node that lost power may
    be back long before the old connection is known to be dead."""

    def __init__(self, directory_find: Callable[[str], ActorRef | None]) -> None:
        self._find = directory_find
        self._links: dict[str, HostLink] = {}

    def send(self, host_id: str, message: Message) -> bool:
        """Queues a message for a node; False when the host has no link that may carry it."""
        link = self._links.get(host_id)
        if link is None or (link.renewal_only and not isinstance(message, CertificateIssued)):
            return False
        return link.queue.put(message)

    def linked(self, host_id: str) -> bool:
        """Whether commands can be sent to the host now."""
        link = self._links.get(host_id)
        return link is not None and not link.renewal_only and not link.queue.ended

    def session_of(self, host_id: str) -> str:
        """The id of the host's session, empty when there is none."""
        link = self._links.get(host_id)
        return link.session_id if link else ""

    def disconnect(self, host_id: str, reason: str) -> None:
        """Ends the host's link, if there is one; `NodeUnlinked` follows."""
        if link := self._links.get(host_id):
            link.queue.end(reason)

    def attach(self, link: HostLink) -> None:
        """Makes a link the host's own and tells the host's actor. Raises `LinkEnded` when there is no such actor."""
        ref = self._find(f"host/{link.host_id}")
        if ref is None:
            raise LinkEnded(f"host {link.host_id} is not known here")
        old = self._links.get(link.host_id)
        linked = NodeLinked(
            host_id=link.host_id, session_id=link.session_id, hello=link.hello, renewal_only=link.renewal_only
        )
        try:
            ref.tell(linked)
        except (MailboxFull, ActorGone) as error:
            raise LinkEnded(str(error)) from error
        self._links[link.host_id] = link
        if old is not None:
            old.queue.end("replaced by a new link of the same host")

    def detach(self, link: HostLink, reason: str) -> None:
        """Forgets a link that has ended and tells the host's actor."""
        link.queue.end(reason)
        if self._links.get(link.host_id) is link:
            del self._links[link.host_id]
        if ref := self._find(f"host/{link.host_id}"):
            try:
                ref.tell(NodeUnlinked(host_id=link.host_id, session_id=link.session_id, reason=reason))
            except (MailboxFull, ActorGone) as error:
                log.warning("the end of the link of host %s was not heard: %s", link.host_id, error)

    def received(self, link: HostLink, message: Message) -> None:
        """Hands a node's message to its host's actor. Raises `LinkEnded` when a message that matters finds no room: the
        reconnect brings everything again."""
        if self._links.get(link.host_id) is not link:
            raise LinkEnded("replaced by a new link of the same host")
        ref = self._find(f"host/{link.host_id}")
        if ref is None:
            raise LinkEnded(f"host {link.host_id} was removed")
        try:
            ref.tell(from_node(link.session_id, message))
        except ActorGone as error:
            raise LinkEnded(f"host {link.host_id} was removed") from error
        except MailboxFull as error:
            if message_type(message).priority is Priority.CONTROL:
                raise LinkEnded(str(error)) from error
            link.queue.dropped += 1
