"""The host's shell: what its node says and somebody has no room for."""

from __future__ import annotations

from typing import Any

import pytest

from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.host.actor import HostActor
from actors.host.link.hub import HostLink, LinkHub
from actors.host.messages import from_node
from actors.host.state import HostState
from actors.journal.memory.journal import MemoryStore
from actors.journal.port import EntityRow
from actors.journal.writer import JournalWriter
from actors.kernel import Directory, Ports
from actors.kernel.failures import MailboxFull
from protocol.codec import encode
from protocol.host.model import Host
from protocol.message import Message
from protocol.node.link import NodeHello
from protocol.node.reports import Done, GuestReport, StepDone
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisors.tree import running
from tests.actors.host.lives import HOST


class Full:
    """A VM without room."""

    def tell(self, message: Any, **_: Any) -> None:
        raise MailboxFull("vm/v")


@pytest.mark.parametrize(
    ("message", "ends"),
    [(StepDone(step_id=f"vm/v:op:0:1:{HOST}", result=Done()), True), (GuestReport(vm_id="v", fqdn="web.lab"), False)],
)
async def test_what_matters_and_finds_no_room_is_said_again_on_a_new_link(
    message: Message, ends: bool, autojump_clock: object
) -> None:
    ports, rows, dynamic_supervisor = Ports.seeded(1), Rows(), DynamicSupervisorHandle()
    # In maintenance nothing is written when its node comes: no journal is needed.
    document = Host(id=HOST, name="one", status="maintenance")
    rows.put(
        EntityRow("host", HOST, 1, "one", "", encode(HostState(host=document, status="maintenance")), encode(document))
    )
    rows.put(EntityRow("vm", "v", 1, "v", "", b"", None))
    hub = LinkHub(lambda address: dynamic_supervisor.ensure(HOST))
    nobody: Any = None
    services = Services(
        rows=rows, nodes=hub, epoch=lambda: 1, ensure=lambda kind, key: Full(),  # type: ignore[arg-type, return-value]
        writer=JournalWriter(
            MemoryStore(ports.clock).connect(), 1, clock=ports.clock, random=ports.random, on_deposed=lambda: None
        ),
        silent_after_seconds=20, guest_up_timeout_seconds=60, shutdown_timeout_seconds=300,
    )  # fmt: skip
    hosts = DynamicSupervisorSpec(
        "hosts",
        lambda context, key: HostActor(context, services, key, nobody, nobody),
        address="host",
        handle=dynamic_supervisor,
    )
    async with running(SupervisorSpec("test", children=(hosts,)), ports, Directory(), observer=lambda _: None):
        link = HostLink(HOST, "s", NodeHello(host_id=HOST, node_version="", version_min=1, version_max=1))
        hub.attach(link)
        dynamic_supervisor.ensure(HOST).tell(from_node("s", message))
        await ports.clock.sleep(5)
        assert bool(link.queue.ended) is ends
