"""Tags as transcripts: a tree below the built-in root, given to other objects and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from actors.entity.assignments import assignment_id
from protocol.document import Ref
from protocol.inventory.assignment import ASSIGNMENT
from protocol.inventory.assignment_commands import Assign, Unassign
from protocol.inventory.commands import AddEntity, RemoveEntity, UpdateEntity
from protocol.inventory.events import EntityAdded, EntityRemoved, EntityUpdated
from protocol.inventory.model import ROOT_TAG_ID, Tag
from protocol.vm.model import Vm
from tests.actors.expected import accepted, audit, refused, stored
from tests.actors.inventory.lives import InventoryPlay, changed, inventory
from tests.actors.playbook import object_id
from tests.engine.relations import comments_of_their_own

PROD, WEB = object_id(1), object_id(2)
JOINED = assignment_id(("vm", "v"), ("tag", WEB))


def tree() -> InventoryPlay:
    """root > prod > web."""
    prod, web = Tag(name="prod"), Tag(name="web", parent=Ref(id=PROD))
    return inventory().given(AddEntity(kind="tag", document=prod)).given(AddEntity(kind="tag", document=web))


def with_vm() -> InventoryPlay:
    return tree().with_row("vm", Vm(id="v", name="one"))


def test_a_tag_lies_below_the_root_unless_another_parent_is_given() -> None:
    play = inventory()
    play.when(AddEntity(kind="tag", document=Tag(name="prod"))).then(
        changed(EntityAdded, "tag", PROD, parent=Ref(id=ROOT_TAG_ID)),
        audit("tag_added", user="u"),
        accepted("tag", PROD),
        stored,
    )


def test_an_installation_from_before_gets_the_root() -> None:
    inventory().without_row("tag", ROOT_TAG_ID).when_restarted().then(
        changed(EntityAdded, "tag", ROOT_TAG_ID, name="root", parent=None)
    )


def test_a_tag_moves() -> None:
    tree().when(UpdateEntity(kind="tag", id=WEB, document=Tag(parent=Ref(id=ROOT_TAG_ID)))).then(
        changed(EntityUpdated, "tag", WEB, parent=Ref(id=ROOT_TAG_ID)),
        audit("tag_updated", user="u"),
        accepted("tag", WEB),
        stored,
    )


@pytest.mark.parametrize(
    ("id", "parent", "code"),
    [(PROD, PROD, "conflict"), (PROD, WEB, "conflict"), (ROOT_TAG_ID, WEB, "conflict"), (WEB, "nowhere", "not_found")],
)
def test_a_tree_stays_a_tree(id: str, parent: str, code: str) -> None:
    tree().when(UpdateEntity(kind="tag", id=id, document=Tag(parent=Ref(id=parent)))).then(refused(code, "parent"))


def test_a_tag_is_given_once_and_taken_back() -> None:
    play = with_vm()
    play.when(Assign(relation="tag", id=WEB, holder="vm", parent_id="v")).then(
        changed(EntityAdded, ASSIGNMENT, JOINED, left=Ref(id="v"), right=Ref(id=WEB)),
        audit("tag_assigned_to_vm", user="u", vm="v"),
        accepted("tag", WEB),
        stored,
    )
    play.when(Assign(relation="tag", id=WEB, holder="vm", parent_id="v")).then(accepted("tag", WEB))
    play.when(Unassign(relation="tag", id=WEB, holder="vm", parent_id="v")).then(
        changed(EntityRemoved, ASSIGNMENT, JOINED),
        audit("tag_taken_from_vm", user="u", vm="v"),
        accepted("tag", WEB),
        stored,
    )
    play.when(Unassign(relation="tag", id=WEB, holder="vm", parent_id="v")).then(refused("not_found", status=404))


def test_a_tag_goes_with_all_below_it_and_what_they_were_given_to() -> None:
    play = with_vm().given(Assign(relation="tag", id=WEB, holder="vm", parent_id="v"))
    play.when(RemoveEntity(kind="tag", id=PROD)).then(
        changed(EntityRemoved, ASSIGNMENT, JOINED),
        changed(EntityRemoved, "tag", WEB),
        changed(EntityRemoved, "tag", PROD),
        audit("tag_removed", user="u", text="web"),
        audit("tag_removed", user="u", text="prod"),
        accepted("tag", PROD),
        stored,
    )


@pytest.mark.parametrize(
    ("relation", "holder", "parent", "code"),
    [
        ("tag", "cluster", "v", "invalid"),
        ("nothing", "vm", "v", "invalid"),
        ("tag", "vm", "nowhere", "not_found"),
        ("tag", "host", "v", "not_found"),
    ],
)
def test_what_cannot_be_given(relation: str, holder: str, parent: str, code: str) -> None:
    field = "relation" if code == "invalid" else ""
    with_vm().when(Assign(relation=relation, id=WEB, holder=holder, parent_id=parent)).then(refused(code, field))


def test_what_is_not_there_cannot_be_given() -> None:
    with_vm().when(Assign(relation="tag", id="nowhere", holder="vm", parent_id="v")).then(refused("not_found"))


def test_the_root_stays() -> None:
    inventory().when(RemoveEntity(kind="tag", id=ROOT_TAG_ID)).then(refused("not_legal"))


def test_what_a_relation_says_of_itself() -> None:
    play, to_vm = with_vm(), {"relation": "tag", "id": WEB, "holder": "vm", "parent_id": "v"}
    with comments_of_their_own():
        play.when(Assign(**to_vm, document=Tag(comment="first"))).then(
            changed(EntityAdded, ASSIGNMENT, JOINED, attributes=Tag(comment="first")),
            audit("tag_assigned_to_vm", user="u", vm="v"),
            accepted("tag", WEB),
            stored,
        )
        play.when(Assign(**to_vm, document=Tag(comment="first", name="web"))).then(accepted("tag", WEB))
        play.when(Assign(**to_vm, document=Tag(comment="\0"))).then(refused("invalid", "comment"))
        play.when(Assign(**to_vm, document=Tag(comment="second"))).then(
            changed(EntityUpdated, ASSIGNMENT, JOINED, attributes=Tag(comment="second")),
            audit("tag_updated_in_vm", user="u", vm="v"),
            accepted("tag", WEB),
            stored,
        )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Tag(description="new"), "description"),
        (Tag(comment="new"), "comment"),
        (Tag(name="other"), "name"),
        (Vm(), "document"),
    ],
)
def test_what_is_the_same_for_all_holders_is_not_changed_there(document: Any, field: str) -> None:
    assign = Assign(relation="tag", id=WEB, holder="vm", parent_id="v", document=document)
    with_vm().when(assign).then(refused("invalid", field))
