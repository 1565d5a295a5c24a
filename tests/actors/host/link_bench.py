"""A real listener on loopback with an authority of its own, and peers of every kind, for tests of the link."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import attrs
import trio

from actors.host.enrolment.authority import Authority, Lifetimes
from actors.host.enrolment.tokens import Enrolment
from actors.host.link.hub import LinkHub
from actors.host.link.listener import LinkListener
from actors.kernel.ports import Ports, SystemIds, SystemRandom, TrioClock, system_wall
from actors.wire.frames import FrameTransport
from node.link.dial import EngineAddress, WebSocketDial, enrol
from node.link.identity import Identity
from protocol import limits
from protocol.codec import decode, encode
from protocol.node.link import EngineHello, Enrol, NodeHello, version_max, version_min
from tests.node.engine_side import Ear

host_id = "00000000-0000-4000-8000-0000000000aa"


@attrs.define(slots=False)
class Bench:
    """The engine's side. `shift` moves its wall clock, not the nodes'."""

    state_dir: pathlib.Path
    lifetimes: Lifetimes = attrs.field(factory=Lifetimes)
    shift: datetime.timedelta = datetime.timedelta(0)
    epoch: int = 1
    known: set[str] = attrs.field(factory=lambda: {host_id})
    ear: Ear = attrs.field(factory=Ear)
    port: int = 0
    settings: dict[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.ports = Ports(TrioClock(lambda: system_wall() + self.shift), SystemRandom(), SystemIds())
        self.authority = Authority(self.state_dir / "engine", self.ports.clock.wall, self.lifetimes)
        self.enrolment = Enrolment(self.authority, self.state_dir / "engine", self.ports)
        self.hub = LinkHub(lambda address: self.ear)  # type: ignore[arg-type, return-value]

    def listener(self) -> LinkListener:
        return LinkListener(
            hub=self.hub,
            tls=self.authority.server_context(["127.0.0.1", "localhost"]),
            judge=self.authority.judge,
            epoch=lambda: self.epoch,
            known_host=lambda asked: asked in self.known,
            enrol=self.enrolment.enrol,
            renew=self.enrolment.renew,
            addresses=["127.0.0.1"],
            port=0,
            ports=self.ports,
            **self.settings,
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Bench]:
        async with trio.open_nursery() as nursery:
            self.port = await nursery.start(self.listener().run)
            yield self
            nursery.cancel_scope.cancel()

    @property
    def address(self) -> EngineAddress:
        return EngineAddress("127.0.0.1", self.port)

    def identity(self, name: str = "node") -> Identity:
        return Identity(self.state_dir / name, self.authority.ca_file)

    async def enrolled(self, name: str = "node", host: str = host_id) -> Identity:
        identity = self.identity(name)
        request = Enrol(
            token=await self.enrolment.issue_token(host), csr_pem=identity.request(name), name=name, address="::1"
        )
        await enrol(self.address, identity, request, self.ports.clock)
        return identity

    def dial(self, identity: Identity) -> WebSocketDial:
        return WebSocketDial(self.address, identity, self.ports.clock)


def node_hello(**changes: Any) -> NodeHello:
    fields: dict[str, Any] = {
        "host_id": host_id,
        "version_min": version_min,
        "version_max": version_max,
        "node_version": "test",
    }
    return NodeHello(**(fields | changes))


async def greet(transport: FrameTransport, **changes: Any) -> Any:
    """Sends a hello and returns the answer."""
    await transport.send(encode(node_hello(**changes)))
    return decode(await transport.receive())


async def linked(transport: FrameTransport) -> EngineHello:
    answer = await greet(transport)
    assert isinstance(answer, EngineHello), answer
    return answer


frame_before_authentication = limits.frame_before_authentication_bytes_max
