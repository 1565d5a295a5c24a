"""The storage room inside a real engine tree on a simulated journal, with a host whose node does as it is told.

Every message goes through the codec.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import attrs
import trio.testing

from actors.entity.host_signals import StepOutcome
from actors.entity.ids import job_id_of
from actors.entity.services import Nodes
from actors.journal.memory.journal import MemoryStore
from cli.daemons.engine.wiring import Engine
from protocol.activity.operation import StepId
from protocol.codec import decode
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.model import Host
from protocol.inventory.model import Cluster
from protocol.message import Message
from protocol.node.commands import (
    Body,
    ConnectStorageDomain,
    CopyVolume,
    CreateVolume,
    ForgetSteps,
    ImportVolume,
    NodeCommand,
    RemoveImage,
    ResizeVolume,
)
from protocol.node.reports import Done, StorageFacts, VolumeFacts
from tests.engine.running import RunningEngine, running_engine

host_id = "aaaaaaaa-0000-4000-8000-000000000001"
GiB = 1024**3
image_bytes = GiB // 2


@attrs.define
class Node:
    """Keeps volumes and outcomes as a node does: one effect for each step id, the stored answer to repeats."""

    answer: Callable[[str, Message], None]
    volumes: dict[str, int] = attrs.field(factory=dict)  # virtual size by image
    outcomes: dict[str, Message] = attrs.field(factory=dict)
    seen: list[str] = attrs.field(factory=list)
    failing: set[type[Body]] = attrs.field(factory=set)
    before: Callable[[NodeCommand], None] = lambda _: None
    is_linked: bool = True
    effects: int = 0

    def send(self, host_id: str, message: Message) -> bool:
        if not self.is_linked:
            return False
        if isinstance(message, ForgetSteps):
            for step_id in message.step_ids:
                self.outcomes.pop(step_id, None)
        elif isinstance(message, NodeCommand):
            self.seen.append(f"{type(message.body).__name__}")
            self.before(message)
            if message.step_id not in self.outcomes:
                self.outcomes[message.step_id] = self._act(message.body)
            self.answer(message.step_id, self.outcomes[message.step_id])
        return True

    def linked(self, host_id: str) -> bool:
        return self.is_linked

    def _act(self, body: Message) -> Message:
        if type(body) in self.failing:
            return Refusal(code="host_failed", reason="No space left on device.", status=500)
        self.effects += 1
        match body:
            case ConnectStorageDomain(storage_domain_id=id):
                return StorageFacts(storage_domain_id=id, available_bytes=100 * GiB, used_bytes=GiB)
            case CreateVolume(volume=volume, size_bytes=size) | ResizeVolume(volume=volume, size_bytes=size):
                self.volumes[volume.image_id] = size
                return VolumeFacts(volume=volume, size_bytes=size, actual_bytes=4096)
            case CopyVolume(target=volume) | ImportVolume(target=volume):
                self.volumes[volume.image_id] = image_bytes
                return VolumeFacts(volume=volume, size_bytes=image_bytes, actual_bytes=4096)
            case RemoveImage(image_id=id):
                self.volumes.pop(id, None)
                return Done()
        raise AssertionError(body)


@attrs.define
class Room(RunningEngine):
    node: Node

    async def settle(self) -> None:
        """Lets everything happen that needs no longer than a minute."""
        await trio.sleep(60)

    def outcome(self, command_id: str) -> str:
        """Of the job that the command began."""
        return str(self.document("job", job_id_of(command_id)).outcome)

    def histories(self, kind: str) -> dict[str, list[Message]]:
        """The events of each entity of a kind, by id."""
        found: dict[str, list[Message]] = {}
        for row in self.store.tables.journal:
            if row.kind == kind:
                found.setdefault(row.id, []).append(decode(row.event))
        return found


@asynccontextmanager
async def opened(store: MemoryStore | None = None, *, seed: int = 1) -> AsyncIterator[Room]:
    """An engine over `store`, with one host that is up. Needs an autojumping clock."""
    made: list[Node] = []

    def node_of(engine: Engine) -> Nodes:
        def answer(step_id: str, result: Message) -> None:
            step = StepId.parse(step_id)
            ref = engine.ensure(*step.owner.split("/"))
            assert ref is not None
            ref.tell(StepOutcome(host_id=step.host, step=step, result=result))

        made.append(Node(answer))
        return cast(Nodes, made[0])

    async with running_engine(store, seed=seed, nodes=node_of) as alive:
        room = Room(alive.engine, alive.store, made[0])
        if room.engine.rows.row("host", host_id) is None:
            (cluster,) = room.engine.rows.all(Cluster)
            await room.put("host", Host(id=host_id, name="host-1", status="up", cluster=Ref(id=cluster.id)))
        yield room
