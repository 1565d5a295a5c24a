"""Plays messages to the pure deciding of a storage entity: what the shell does, without the shell."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import attrs

from actors.entity.decision import Decision, Tell, ToNode
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.journal.port import EntityRow
from actors.operations.operation import job_of
from actors.storage.facts import StorageDecisionFacts
from actors.storage.messages import DiskRecorded
from protocol.codec import decode, encode
from protocol.engine_messages import Principal
from protocol.message import Message
from protocol.model.host import Host
from protocol.model.storage import HostStorage, StorageDomain
from protocol.model.types import Ref
from protocol.node_messages import ForgetSteps, NodeCommand, StepDone, VolumeFacts

now = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
GiB = 1024**3
host = "aaaaaaaa-0000-4000-8000-000000000001"
storage_domain = "dddddddd-0000-4000-8000-000000000001"
alice = Principal(user_id="uuuuuuuu", name="alice@internal", administrator=True)


@attrs.define
class Play:
    """One entity. `tell` decides, evolves, and keeps what was said; `crash` forgets all that is not durable."""

    id: str
    kind: str
    decide: Callable[[str, Any, Message, StorageDecisionFacts], Decision]
    evolve: Callable[[Any, Any], Any]
    rows: Rows
    state: Any = None
    version: int = 0
    journal: list[Message] = attrs.field(factory=list)
    last: Decision = attrs.field(factory=Decision)

    def tell(self, message: Message) -> Decision:
        facts = StorageDecisionFacts(now=now, rows=self.rows, fresh_id="ffffffff-0000-4000-8000-000000000001")
        self.last = self.decide(self.id, self.state, message, facts)
        for event in self.last.events:
            event = decode(encode(event))
            previous = getattr(self.state, "operation", None)
            self.state = self.evolve(self.state, event)
            self.version += 1
            self.journal.append(event)
            operation = event.operation or previous
            if operation is not None:
                put(self.rows, "job", operation.id, job_of(operation, self.kind, self.id, event.ended, now))
        if self.state is not None:
            self.state = decode(encode(self.state))
        return self.last

    def command(self, command: Message, id: str | None = None, *, dry_run: bool = False) -> Decision:
        return self.tell(
            CommandRequest(
                command_id=id or self.id, principal=alice, command=command, correlation_id="c", dry_run=dry_run
            )
        )

    def done(self, result: Message) -> Decision:
        """The node's answer to the last command sent to it."""
        return self.tell(StepDone(step_id=self.sent().step_id, result=result))

    def sent(self) -> NodeCommand:
        """The one command in the last decision."""
        (command,) = self.commands()
        return command

    def commands(self) -> list[NodeCommand]:
        return [e.message for e in self.last.effects if isinstance(e, ToNode) and isinstance(e.message, NodeCommand)]

    def forgotten(self) -> list[str]:
        found = [e.message for e in self.last.effects if isinstance(e, ToNode) and isinstance(e.message, ForgetSteps)]
        return [step for message in found for step in message.step_ids]

    def tells(self) -> list[Tell]:
        return [e for e in self.last.effects if isinstance(e, Tell) and not isinstance(e.message, DiskRecorded)]

    def folded(self) -> Any:
        """The state by the journal alone."""
        state = None
        for event in self.journal:
            state = self.evolve(state, event)
        return state

    def event_names(self) -> list[str]:
        return [type(event).__name__ for event in self.journal]


def put(rows: Rows, kind: str, id: str, document: Any) -> None:
    """Makes a document durable."""
    before = rows.row(kind, id)
    name = getattr(document, "name", None)
    rows.put(EntityRow(kind, id, before.version + 1 if before else 1, name, "", b"", encode(document)))


def world() -> Rows:
    """A host that is up, with one active storage domain."""
    rows = Rows()
    put(rows, "host", host, Host(id=host, name="host-1", status="up", cluster=Ref(id="cluster")))
    put(
        rows,
        "storage_domain",
        storage_domain,
        StorageDomain(
            id=storage_domain,
            name="data",
            type="data",
            status="active",
            host=Ref(id=host),
            storage=HostStorage(type="localfs", path="/srv/data"),
        ),
    )
    return rows


def volume_facts(command: NodeCommand, size: int, actual: int = 4096) -> VolumeFacts:
    body: Any = command.body
    return VolumeFacts(volume=getattr(body, "volume", None) or body.target, size_bytes=size, actual_bytes=actual)
