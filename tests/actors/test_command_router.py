"""Where commands come in: what is refused at the door, what goes to whom, and what a repeated command gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from actors.command_router import ROUTES, CommandRouter
from actors.entity.ids import object_id_of
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.journal.memory.journal import MemoryJournal, MemoryStore
from actors.journal.port import CommandOutcome, EntityRow, Transaction
from actors.kernel import Actor, Context, Directory, Envelope, Ports
from protocol import command as base
from protocol.codec import encode
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host import commands as host
from protocol.inventory import commands as inventory
from protocol.live.engine import Accepted, Principal, Submit
from protocol.message import Message, all_message_types, message
from protocol.network.model import Nic
from protocol.storage import commands as storage
from protocol.template import commands as template
from protocol.vm import commands as vm
from protocol.vm.model import Vm
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.tree import running

ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)
GUEST = Principal(user_id="g", name="guest@internal", administrator=False)


@message("test.unknown_command")
@attrs.frozen(kw_only=True)
class Unknown(base.Command):
    """Nobody serves it."""


@attrs.define
class Desk:
    door: CommandRouter
    journal: MemoryJournal
    epoch: int
    rows: Rows
    got: list[tuple[str, CommandRequest]]
    available: bool = True

    async def submit(self, command: Message, *, id: str = "c1", by: Principal = ADMIN, **more: Any) -> Any:
        return await self.door.submit(Submit(command_id=id, principal=by, command=command, **more))

    def put(self, kind: str, document: Any) -> None:
        self.rows.put(EntityRow(kind, document.id, 1, document.name, "", b"", encode(document)))


class Clerk(Actor):
    """Writes down what it is asked, and says yes."""

    def __init__(
        self, context: Context, got: list[tuple[str, CommandRequest]], answer: Callable[[CommandRequest], Message]
    ) -> None:
        super().__init__(context)
        self._got = got
        self._answer = answer

    async def receive(self, envelope: Envelope) -> None:
        request = envelope.message
        assert isinstance(request, CommandRequest)
        self._got.append((self.context.address, request))
        self.context.reply(envelope, self._answer(request))


def accept(request: CommandRequest) -> Message:
    return Accepted(kind="vm", id="1", command_id=request.command_id)


@asynccontextmanager
async def opened(answer: Callable[[CommandRequest], Message] = accept) -> AsyncIterator[Desk]:
    """A door in front of clerks, one for each address that is asked for."""
    ports, directory = Ports.seeded(1), Directory()
    journal = MemoryStore(ports.clock).connect()
    epoch = await journal.acquire_lease("engine", 1e6)
    assert epoch is not None
    got: list[tuple[str, CommandRequest]] = []
    addresses = (
        "vm/1",
        f"vm/{object_id_of('c1')}",
        "host/h",
        "disk/d",
        "template/t",
        "storage_domain/s",
        "inventory/main",
    )
    children = tuple(
        ChildSpec(address.replace("/", "-"), lambda context: Clerk(context, got, answer), address=address)
        for address in addresses
    )
    rows = Rows()
    door = CommandRouter(
        rows, journal, lambda kind, key: directory.find(f"{kind}/{key}"), lambda: desk.available, lambda _: None
    )
    desk = Desk(door, journal, epoch, rows, got)
    async with running(SupervisorSpec("test", children=children), ports, directory, observer=lambda _: None):
        yield desk


async def test_a_command_reaches_its_actor_with_who_asked(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        reply = await desk.submit(vm.StartVm(id="1"), correlation_id="corr", dry_run=True)
        assert reply == Accepted(kind="vm", id="1", command_id="c1")
        ((address, request),) = desk.got
        assert address == "vm/1"
        assert (request.principal, request.correlation_id, request.dry_run) == (ADMIN, "corr", True)


async def test_an_unknown_command_is_no_command(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        for command in (Unknown(id="1"), Vm(id="1")):
            refusal = await desk.submit(command)
            assert isinstance(refusal, Refusal)
            assert (refusal.status, refusal.code) == (400, "invalid")


@pytest.mark.parametrize(
    "command",
    [
        vm.StartVm(id="1"),
        vm.AddNic(parent_id="1", document=Nic(name="nic1")),
        vm.RemoveNic(parent_id="1", id="n"),
        host.ActivateHost(id="h"),
        storage.RemoveDisk(id="d"),
        template.RemoveTemplate(id="t"),
        storage.RemoveStorageDomain(id="s"),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_what_is_not_there_is_not_found(command: Message, autojump_clock: MockClock) -> None:
    async with opened() as desk:
        refusal = await desk.submit(command)
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code) == (404, "not_found")
        assert desk.got == []


async def test_a_part_goes_to_the_object_that_it_is_part_of(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        await desk.submit(vm.AddNic(parent_id="1", document=Nic(name="nic1")))
        assert [address for address, _ in desk.got] == ["vm/1"]


async def test_what_is_added_gets_an_id_that_follows_from_its_commands(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        await desk.submit(vm.AddVm(document=Vm(name="web", cluster=Ref(id="c"))))
        ((address, request),) = desk.got
        assert address == f"vm/{object_id_of('c1')}"
        assert request.command.id == object_id_of("c1")  # type: ignore[attr-defined]
        assert request.command.id != "c1", "the object and the command are two things"


async def test_passive_objects_go_to_the_inventory(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        await desk.submit(inventory.RemoveEntity(kind="network", id="n"))
        assert [address for address, _ in desk.got] == ["inventory/main"]


async def test_nothing_is_taken_while_the_database_is_away(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        desk.available = False
        refusal = await desk.submit(vm.StartVm(id="1"))
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code, refusal.retryable) == (503, "unavailable", True)
        assert desk.got == []


async def test_a_database_that_goes_away_meanwhile_is_unavailable_too(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        desk.journal.store.away = True
        refusal = await desk.submit(vm.StartVm(id="1"))
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.retryable) == (503, True)
        assert desk.got == []


async def test_a_command_given_again_gets_what_it_got(autojump_clock: MockClock) -> None:
    """Also when the object is gone by then: the first one may have removed it."""
    async with opened() as desk:
        known = Accepted(kind="vm", id="1", command_id="c1", job_id="c1")
        await desk.journal.append(desk.epoch, [Transaction(outcome=CommandOutcome("c1", encode(known)))])
        assert await desk.submit(vm.RemoveVm(id="1")) == known
        assert desk.got == []


async def test_an_idempotency_key_is_of_one_request_even_while_that_is_under_way(autojump_clock: MockClock) -> None:
    answers: list[Any] = []
    async with opened() as desk:
        desk.journal.store.delay_seconds = 1.0
        desk.put("vm", Vm(id="1", name="one"))

        async def give(command: Message) -> None:
            answers.append(await desk.submit(command, idempotency_key="key"))

        async with trio.open_nursery() as nursery:
            for command in (vm.RemoveVm(id="1"), vm.RemoveVm(id="1", detach_only=True), vm.RemoveVm(id="1")):
                nursery.start_soon(give, command)
                await trio.sleep(0.1)
    assert sorted(type(answer).__name__ for answer in answers) == ["Accepted", "Accepted", "Refusal"]
    (refusal,) = (answer for answer in answers if isinstance(answer, Refusal))
    assert (refusal.code, refusal.field) == ("conflict", "Idempotency-Key")
    assert {request.command.detach_only for _, request in desk.got} == {False}


async def test_what_is_shown_once_takes_no_idempotency_key(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="one"))
        refusal = await desk.submit(vm.SetVmTicket(id="1"), idempotency_key="key")
        assert (refusal.code, refusal.field) == ("invalid", "Idempotency-Key")
        assert desk.got == []


async def test_who_may_not_is_refused_before_anything_is_looked_up(autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        known = Accepted(kind="vm", id="1", command_id="c1")
        await desk.journal.append(desk.epoch, [Transaction(outcome=CommandOutcome("c1", encode(known)))])
        for id in ("c1", "c2"):
            refusal = await desk.submit(vm.StartVm(id="1"), id=id, by=GUEST)
            assert isinstance(refusal, Refusal)
            assert (refusal.status, refusal.code) == (403, "forbidden"), "nor is told what others were"
        unknown, known_one = (
            await desk.submit(vm.StartVm(id="2"), by=GUEST),
            await desk.submit(vm.StartVm(id="1"), by=GUEST),
        )
        assert unknown.status == known_one.status == 403
        assert desk.got == []


@pytest.mark.parametrize("value", ["\ud800", 1 << 70])
async def test_what_no_message_can_carry_is_refused_at_the_door(value: Any, autojump_clock: MockClock) -> None:
    async with opened() as desk:
        desk.put("vm", Vm(id="1", name="web"))
        document = Vm(name=value) if isinstance(value, str) else Vm(memory=value)
        refusal = await desk.submit(vm.UpdateVm(id="1", document=document))
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code) == (400, "invalid")
        assert desk.got == []


async def test_an_actor_that_fails_is_a_refusal(autojump_clock: MockClock) -> None:
    def fail(_: CommandRequest) -> Message:
        raise RuntimeError("a bug")

    async with opened(fail) as desk:
        desk.put("vm", Vm(id="1", name="web"))
        refusal = await desk.submit(vm.StartVm(id="1"))
        assert isinstance(refusal, Refusal)
        assert refusal.status == 500
        await trio.sleep(1)


def test_every_command_has_a_way() -> None:
    known = {entry.cls for tag, entry in all_message_types().items() if tag.startswith("command.")}
    assert known == set(ROUTES)


async def test_an_engine_whose_tree_goes_down_refuses() -> None:
    store = MemoryStore(Ports.seeded(1).clock)
    door = CommandRouter(Rows(), store.connect(), lambda _kind, _key: None, lambda: True, lambda _: None)
    submit = Submit(
        command_id="c1", principal=Principal(user_id="u", name="admin@internal", administrator=True),
        command=inventory.AddEntity(kind="network", document=Nic(name="n")),
    )  # fmt: skip
    answer = await door.submit(submit)
    assert isinstance(answer, Refusal)
    assert answer.status == 503
