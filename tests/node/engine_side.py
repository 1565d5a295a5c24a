"""A stand-in for the engine in tests of the node: the true hub and session, with an actor that only listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from actors.host.link.hub import LinkHub
from actors.host.messages import FromNode, NodeLinked, NodeUnlinked
from actors.kernel.ports import Ports
from protocol.message import Message
from protocol.node.commands import NodeCommand
from protocol.node.reports import StepDone
from tests.engine.machine import accepting
from tests.node.memory_link import Accept


@attrs.define
class Ear:
    """A ref that keeps what it is told."""

    heard: list[Message] = attrs.field(factory=list)

    def tell(self, message: Message, **_: Any) -> None:
        self.heard.append(message)

    @property
    def messages(self) -> list[Message]:
        return [message.message for message in self.heard if isinstance(message, FromNode)]

    def of(self, cls: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, cls)]

    @property
    def links(self) -> list[NodeLinked | NodeUnlinked]:
        return [message for message in self.heard if isinstance(message, NodeLinked | NodeUnlinked)]

    def outcomes(self, step_id: str) -> list[Message]:
        return [done.result for done in self.of(StepDone) if done.step_id == step_id]


@attrs.define
class EngineSide:
    """One host's engine side over memory wires."""

    nursery: trio.Nursery
    ports: Ports
    epoch: int = 1
    ear: Ear = attrs.field(factory=Ear)
    hub: LinkHub = attrs.field(init=False)
    accept: Accept = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hub = LinkHub(lambda address: self.ear)  # type: ignore[arg-type, return-value]
        self.accept = accepting(self.nursery, self.hub, self.ports, lambda: self.epoch)

    def command(self, host_id: str, step_id: str, body: Message, *, epoch: int | None = None) -> bool:
        return self.hub.send(host_id, NodeCommand(epoch=epoch or self.epoch, step_id=step_id, body=body))

    async def until(self, condition: Callable[[], object], *, seconds: float = 120.0) -> None:
        with trio.fail_after(seconds):
            while not condition():  # noqa: ASYNC110 - the condition is anything that a test can say
                await trio.sleep(0.05)
