"""Which link is a host's own, and what its actor hears, without any socket."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from actors.host.link.hub import HostLink, LinkHub
from actors.host.messages import BulkFromNode, FromNode, NodeLinked, NodeUnlinked, UrgentFromNode
from actors.kernel.failures import MailboxFull
from actors.wire.frames import FrameQueue, LinkEnded
from protocol.codec import decode
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import CertificateIssued, ConsoleData, EngineHeartbeat
from protocol.node.reports import Done, GuestSilent, NodeHeartbeat, StepDone, StepProgress
from tests.actors.host.link_bench import node_hello


@attrs.define
class HostActor:
    """A ref with a small mailbox."""

    room: int = 100
    heard: list[Message] = attrs.field(factory=list)

    def tell(self, message: Message, **_: Any) -> None:
        if len(self.heard) >= self.room:
            raise MailboxFull("host/h")
        self.heard.append(message)


def hub_of(actor: HostActor | None) -> LinkHub:
    return LinkHub(lambda address: actor if address == "host/h" else None)  # type: ignore[arg-type, return-value]


def link(session_id: str = "s1", **changes: Any) -> HostLink:
    return HostLink(host_id="h", session_id=session_id, hello=node_hello(host_id="h"), **changes)


def test_a_host_is_linked_until_it_is_detached() -> None:
    actor = HostActor()
    hub, first = hub_of(actor), link()
    assert not hub.send("h", EngineHeartbeat(epoch=1))
    hub.attach(first)
    assert hub.linked("h")
    assert hub.send("h", EngineHeartbeat(epoch=1))
    hub.detach(first, "gone")
    assert not hub.linked("h")
    assert [type(m) for m in actor.heard] == [NodeLinked, NodeUnlinked]


def test_a_new_link_replaces_the_old_one_whose_messages_count_no_more() -> None:
    actor = HostActor()
    hub, old, new = hub_of(actor), link("s1"), link("s2")
    hub.attach(old)
    hub.attach(new)
    assert old.queue.ended
    with pytest.raises(LinkEnded, match="replaced"):
        hub.received(old, NodeHeartbeat(epoch=1))
    hub.detach(old, "replaced")
    assert hub.session_of("h") == "s2"
    assert hub.linked("h")


def test_a_link_for_renewal_carries_nothing_else() -> None:
    hub, only = hub_of(HostActor()), link(renewal_only=True)
    hub.attach(only)
    assert not hub.linked("h")
    assert not hub.send("h", EngineHeartbeat(epoch=1))
    assert hub.send("h", CertificateIssued(certificate_pem="x"))


def test_a_host_without_an_actor_gets_no_link() -> None:
    with pytest.raises(LinkEnded, match="not known"):
        hub_of(None).attach(link())


def test_words_keep_their_priority() -> None:
    actor = HostActor()
    hub, held = hub_of(actor), link()
    hub.attach(held)
    hub.received(held, StepDone(step_id="s", result=Done()))
    hub.received(held, Refusal(code="x", reason="y"))
    hub.received(held, StepProgress(step_id="s", percent=5))
    hub.received(held, ConsoleData(stream_id="c"))
    _, urgent, data, bulk, console = actor.heard
    assert isinstance(urgent, UrgentFromNode)
    assert type(data) is FromNode
    assert isinstance(bulk, BulkFromNode)
    assert bulk.conflation_key.endswith(" s")
    assert type(console) is FromNode, "console bytes are never conflated"
    assert isinstance(urgent, FromNode), "one class to match on"


def test_a_full_actor_ends_the_link_for_what_matters_and_drops_the_rest() -> None:
    actor = HostActor(room=1)
    hub, held = hub_of(actor), link()
    hub.attach(held)
    hub.received(held, GuestSilent(vm_id="v", since=decode_time(), reason=""))
    assert held.queue.dropped == 1
    with pytest.raises(LinkEnded):
        hub.received(held, StepDone(step_id="s", result=Done()))


def decode_time() -> Any:
    import datetime

    return datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


async def test_the_queue_serves_control_first_and_conflates() -> None:
    queue = FrameQueue()
    queue.put(StepProgress(step_id="s", percent=1))
    queue.put(StepProgress(step_id="t", percent=1))
    queue.put(StepProgress(step_id="s", percent=2))
    queue.put(StepDone(step_id="s", result=Done()))
    got = [decode(await queue.get()) for _ in range(3)]
    assert got[0] == StepDone(step_id="s", result=Done())
    assert StepProgress(step_id="s", percent=2) in got
    assert StepProgress(step_id="s", percent=1) not in got


async def test_control_that_finds_no_room_ends_the_link_and_bulk_is_dropped() -> None:
    queue = FrameQueue(frames_max=2)
    for _ in range(3):
        queue.put(ConsoleData(stream_id="c", data=b"x"))
    assert queue.dropped == 1
    assert not queue.ended
    for number in range(3):
        queue.put(StepDone(step_id=str(number), result=Done()))
    assert "too slowly" in queue.ended
    with pytest.raises(LinkEnded):
        await queue.get()


async def test_bytes_are_bounded_too() -> None:
    queue = FrameQueue(bytes_max=10_000)
    assert queue.put(ConsoleData(stream_id="c", data=bytes(6_000)))
    assert not queue.put(ConsoleData(stream_id="c", data=bytes(6_000)))
    await queue.get()
    assert queue.put(ConsoleData(stream_id="c", data=bytes(6_000)))
