"""Tags on the real engine: the tree, what bears a tag, and that no assignment outlives one of its sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from actors.journal.memory.tables import MemoryTables
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.assignment import ASSIGNMENT
from protocol.inventory.assignment_commands import Assign, Unassign
from protocol.inventory.commands import AddEntity, RemoveEntity, UpdateEntity
from protocol.inventory.model import ROOT_TAG_ID, Tag
from protocol.live.engine import Accepted
from protocol.vm.commands import RemoveVm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id


@pytest.fixture
async def site() -> AsyncIterator[Installation]:
    async with small_installation(vms=2, hosts=1) as made:
        yield made


async def tag(site: Installation, name: str, parent: str = "") -> str:
    document = Tag(name=name, parent=Ref(id=parent) if parent else None)
    return await site.ask(AddEntity(kind="tag", document=document), id=named_id(f"add {name}"))


async def assign(site: Installation, tag_id: str, vm: str = "vm-1", holder: str = "vm") -> None:
    await site.ask(Assign(relation="tag", id=tag_id, holder=holder, parent_id=named_id(vm)))


def assignments(tables: MemoryTables) -> int:
    return sum(kind == ASSIGNMENT for kind, _ in tables.entities)


async def refused(site: Installation, command: Any) -> Refusal:
    reply = await site.give(named_id(f"refused {command!r}"), command)
    assert isinstance(reply, Refusal), reply
    return reply


async def test_the_root_is_there_and_stays(site: Installation) -> None:
    root = site.document("tag", ROOT_TAG_ID)
    assert (root.name, root.parent) == ("root", None)
    assert (await refused(site, RemoveEntity(kind="tag", id=ROOT_TAG_ID))).code == "not_legal"
    renamed = await refused(site, UpdateEntity(kind="tag", id=ROOT_TAG_ID, document=Tag(name="top")))
    assert "keeps its name" in renamed.reason
    below = await tag(site, "a")
    assert site.document("tag", below).parent.id == ROOT_TAG_ID
    moved = await refused(site, UpdateEntity(kind="tag", id=ROOT_TAG_ID, document=Tag(parent=Ref(id=below))))
    assert moved.code == "conflict"


async def test_a_tag_moves_but_never_below_itself(site: Installation) -> None:
    a = await tag(site, "a")
    b = await tag(site, "b", a)
    c = await tag(site, "c", b)
    for below in (a, b, c):
        refusal = await refused(site, UpdateEntity(kind="tag", id=a, document=Tag(parent=Ref(id=below))))
        assert (refusal.code, refusal.field) == ("conflict", "parent")
    nowhere = await refused(site, UpdateEntity(kind="tag", id=a, document=Tag(parent=Ref(id=named_id("nowhere")))))
    assert nowhere.code == "not_found"
    await site.ask(UpdateEntity(kind="tag", id=c, document=Tag(parent=Ref(id=ROOT_TAG_ID))))
    await site.ask(UpdateEntity(kind="tag", id=a, document=Tag(parent=Ref(id=c))))
    assert site.document("tag", a).parent.id == c


async def test_a_name_is_there_once(site: Installation) -> None:
    a = await tag(site, "a")
    again = await refused(site, AddEntity(kind="tag", document=Tag(name="a", parent=Ref(id=a))))
    assert again.code == "name_taken"


async def test_a_tag_goes_with_all_below_it_and_their_assignments(site: Installation) -> None:
    a = await tag(site, "a")
    b = await tag(site, "b", a)
    other = await tag(site, "other")
    for each in (a, b, other):
        await assign(site, each)
    await assign(site, b, "host-0", "host")
    await assign(site, b, "tiny", "template")
    before = site.store.tables.sequence
    await site.ask(RemoveEntity(kind="tag", id=a))
    assert assignments(site.store.tables) == 1
    gone = [row for row in site.store.tables.journal if row.sequence > before and row.kind in ("tag", ASSIGNMENT)]
    assert [row.removed for row in gone] == [True] * 6
    assert site.document("tag", b) is None


async def test_assigning_twice_and_taking_back(site: Installation) -> None:
    a = await tag(site, "a")
    await assign(site, a)
    before = site.store.tables.sequence
    await assign(site, a)
    assert site.store.tables.sequence == before
    await site.ask(Unassign(relation="tag", id=a, holder="vm", parent_id=named_id("vm-1")))
    assert assignments(site.store.tables) == 0
    again = await refused(site, Unassign(relation="tag", id=a, holder="vm", parent_id=named_id("vm-1")))
    assert (again.code, again.status) == ("not_found", 404)


@pytest.mark.parametrize(
    ("holder", "vm", "relation", "status"),
    [("vm", "nobody", "tag", 404), ("cluster", "vm-1", "tag", 400), ("vm", "vm-1", "network", 400)],
)
async def test_what_cannot_be_assigned(site: Installation, holder: str, vm: str, relation: str, status: int) -> None:
    a = await tag(site, "a")
    refusal = await refused(site, Assign(relation=relation, id=a, holder=holder, parent_id=named_id(vm)))
    assert refusal.status == status, refusal


async def test_a_vm_takes_its_assignments_along(site: Installation) -> None:
    a = await tag(site, "a")
    await assign(site, a)
    await assign(site, a, "vm-0")
    await site.ask(RemoveVm(id=named_id("vm-1")))
    await site.until_gone("vm", named_id("vm-1"))
    assert assignments(site.store.tables) == 1
    assert site.engine.rows.assignments_of("vm", named_id("vm-1")) == []


async def test_an_assignment_that_the_removal_did_not_know_of_makes_it_try_again(site: Installation) -> None:
    """The VM's actor looks before the assignment is durable: the store refuses, and the VM goes when it has looked again."""
    a = await tag(site, "a")
    site.engine.rows.assignments_of = lambda *_: []  # type: ignore[method-assign]
    await assign(site, a)
    reply = await site.give(named_id("first"), RemoveVm(id=named_id("vm-1")))
    assert isinstance(reply, Accepted | Refusal)
    if isinstance(reply, Refusal):
        assert reply.retryable
    assert site.document("vm", named_id("vm-1")) is not None
    assert assignments(site.store.tables) == 1
    del site.engine.rows.assignments_of
    await site.give(named_id("second"), RemoveVm(id=named_id("vm-1")))
    await site.until_gone("vm", named_id("vm-1"))
    assert assignments(site.store.tables) == 0


@pytest.mark.parametrize("removed_first", [True, False])
@pytest.mark.parametrize("side", ["vm", "tag"])
async def test_of_a_removal_and_an_assignment_at_the_same_moment_one_wins(
    site: Installation, side: str, removed_first: bool
) -> None:
    a = await tag(site, "a")
    removal = RemoveVm(id=named_id("vm-1")) if side == "vm" else RemoveEntity(kind="tag", id=a)
    commands = [removal, Assign(relation="tag", id=a, holder="vm", parent_id=named_id("vm-1"))]
    site.store.delay_seconds = 0.02
    replies: list[Any] = []

    async def give(command: Any) -> None:
        replies.append(await site.give(named_id(f"at once {type(command).__name__}"), command))

    async with trio.open_nursery() as nursery:
        for command in commands if removed_first else reversed(commands):
            nursery.start_soon(give, command)
            await trio.sleep(0.001)
    site.store.delay_seconds = 0.0
    assert any(isinstance(reply, Accepted) for reply in replies), replies
    for reply in replies:
        if isinstance(reply, Refusal):
            assert reply.code in ("overtaken", "not_found"), reply
            assert reply.retryable == (reply.code == "overtaken"), reply
    gone = site.document(removal.kind if isinstance(removal, RemoveEntity) else "vm", removal.id) is None
    if not gone:
        await site.ask(removal)
        await site.until_gone(side, removal.id)
    assert assignments(site.store.tables) == 0
