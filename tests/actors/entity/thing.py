"""The smallest durable entity: a number with a name and operations, which does what the test decides.

On a simulated journal, its writer and a supervisor.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from actors.entity.decision import Decision, RunStep
from actors.entity.durable import DurableActor
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation import begin, current_step, with_step
from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.journal.memory.journal import MemoryStore
from actors.journal.writer import JournalWriter
from actors.kernel import ActorRef, Answer, Context, Directory, Ports
from protocol.activity.operation import EntityEvent, Operation, StepId
from protocol.codec import decode
from protocol.errors import Refusal
from protocol.live.engine import Accepted, Principal
from protocol.message import Message, message
from protocol.node.commands import NodeCommand
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import AsyncTask, ChildSpec, DynamicSupervisorSpec, Restart, SupervisorSpec
from supervisors.tree import running

ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)
AT = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


@message("test.thing")
@attrs.frozen(kw_only=True)
class Thing(Message):
    """State and document in one."""

    id: str = "t"
    name: str = "t"
    count: int = 0
    operation: Operation | None = None


@message("test.thing_changed")
@attrs.frozen(kw_only=True)
class Changed(EntityEvent):
    """The thing as it is now."""

    at: datetime.datetime = AT
    count: int = 0
    name: str = "t"


@message("test.thing_gone")
@attrs.frozen(kw_only=True)
class Gone(EntityEvent):
    at: datetime.datetime = AT


@message("test.do")
@attrs.frozen(kw_only=True)
class Do(Message):
    """Decide this, in the state that is found."""

    decide: Any


@message("test.thing_work")
@attrs.frozen(kw_only=True)
class Work(Message):
    """What a node, or another actor, is asked in a step."""


def step(number: int = 0) -> StepId:
    return StepId(owner="thing/t", operation="op", number=number, host="h")


def evolve(thing: Thing | None, event: Message) -> Thing | None:
    if isinstance(event, Gone):
        return None
    assert isinstance(event, Changed)
    before = thing.operation if thing is not None else None
    operation = None if event.ended is not None else event.operation or before
    return Thing(name=event.name, count=event.count, operation=operation)


def yes(id: str = "t", **more: Any) -> Accepted:
    return Accepted(kind="thing", id=id, **more)


def operation(id: str = "op", correlation_id: str = "") -> Operation:
    begun = begin(id=id, kind="work", description=f"Working on {id}", at=AT, correlation_id=correlation_id)
    return with_step(begun, "thing/t", "First", AT, "h")


class ThingActor(DurableActor[Thing, EntityEvent]):
    kind = "thing"
    states = Thing
    events = EntityEvent

    def __init__(self, context: Context, services: Services, id: str, fired: list[str]) -> None:
        super().__init__(context, services, id)
        self._fired = fired

    def decide(self, message: Message) -> Decision:
        if isinstance(message, TimerFired):
            self._fired.append(f"{message.name} at {trio.current_time():g}")
        if isinstance(message, Answer):
            return Decision(reply=message.body)
        if isinstance(message, CommandRequest):
            message = message.command
        if not isinstance(message, Do):
            return Decision()
        decided = message.decide(self.state) if callable(message.decide) else message.decide
        assert isinstance(decided, Decision)
        return decided

    def evolve(self, state: Any, event: Message) -> Any:
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        assert isinstance(state, Thing)
        return state

    def name_of(self, state: Any) -> str | None:
        return str(state.name)

    def recovered(self, state: Thing) -> Decision:
        step = current_step(state.operation) if state.operation else None
        return Decision(effects=(RunStep(step=step.id, body=Work()),) if step else ())


@attrs.define
class Nodes:
    """Writes down what is sent."""

    sent: list[str] = attrs.field(factory=list)

    def send(self, host_id: str, message: Message) -> bool:
        assert isinstance(message, NodeCommand)
        self.sent.append(f"{host_id}: {message.step_id}")
        return True

    def linked(self, host_id: str) -> bool:
        return True

    def session_of(self, host_id: str) -> str:
        return ""

    def disconnect(self, host_id: str, reason: str) -> None:
        self.sent.append(f"{host_id}: disconnected, {reason}")


@attrs.define
class Room:
    store: MemoryStore
    rows: Rows
    writer: JournalWriter
    nodes: Nodes
    dynamic_supervisor: DynamicSupervisorHandle
    fired: list[str]
    services: Services
    answers: list[str] = attrs.field(factory=list)
    _nursery: trio.Nursery | None = None

    def thing(self, id: str = "t") -> ActorRef:
        return self.dynamic_supervisor.ensure(id)

    async def command(
        self, decide: Decision | Callable[[Any], Decision], command_id: str = "c", **more: Any
    ) -> Message:
        """The decision of a user's command."""
        request = CommandRequest(command_id=command_id, principal=ADMIN, command=Do(decide=decide), **more)
        return await self.thing().ask(request, timeout_seconds=100)

    async def ask(self, decide: Decision | Callable[[Any], Decision], id: str = "t") -> Message:
        return await self.thing(id).ask(Do(decide=decide), timeout_seconds=100)

    def ask_soon(self, decide: Decision | Callable[[Any], Decision], label: str) -> None:
        """Asks beside the test; the answer goes to `answers` as `label: code`."""

        async def run() -> None:
            try:
                answer: Any = await self.thing().ask(Do(decide=decide), timeout_seconds=100)
            except Exception as error:  # noqa: BLE001 - what the asker gets is what is looked at
                self.answers.append(f"{label}: {type(error).__name__}")
                return
            self.answers.append(f"{label}: {answer.code if isinstance(answer, Refusal) else 'accepted'}")

        assert self._nursery is not None
        self._nursery.start_soon(run)

    @property
    def durable(self) -> Thing | None:
        """What the database holds."""
        row = self.store.tables.entities.get(("thing", "t"))
        found = decode(row.state) if row else None
        assert found is None or isinstance(found, Thing)
        return found

    def journal(self, kind: str) -> list[Any]:
        return [row for row in self.store.tables.journal if row.kind == kind]


@asynccontextmanager
async def opened(*, delay_seconds: float = 0.0) -> AsyncIterator[Room]:
    """A dynamic supervisor of things over a database that takes `delay_seconds` for a commit."""
    ports = Ports.seeded(1)
    store = MemoryStore(ports.clock)
    journal = store.connect()
    epoch = await journal.acquire_lease("engine", 1e6)
    assert epoch is not None
    writer = JournalWriter(journal, epoch, clock=ports.clock, random=ports.random, on_deposed=lambda: None)
    rows, nodes, dynamic_supervisor = Rows(), Nodes(), DynamicSupervisorHandle()
    fired: list[str] = []
    services = Services(
        rows=rows, writer=writer, nodes=nodes, epoch=lambda: 1,
        ensure=lambda kind, key: dynamic_supervisor.ensure(key) if kind == "thing" else None,
        silent_after_seconds=20, guest_up_timeout_seconds=60, shutdown_timeout_seconds=300,
    )  # fmt: skip
    things = DynamicSupervisorSpec(
        "things", lambda context, key: ThingActor(context, services, key, fired), restart=Restart.TRANSIENT,
        address="thing", handle=dynamic_supervisor,
    )  # fmt: skip
    tree = SupervisorSpec("test", children=(ChildSpec("writer", AsyncTask(lambda _: writer.run())), things))
    async with running(tree, ports, Directory(), observer=lambda _: None), trio.open_nursery() as nursery:
        store.delay_seconds = delay_seconds
        yield Room(store, rows, writer, nodes, dynamic_supervisor, fired, services, nursery=nursery)
        nursery.cancel_scope.cancel()
