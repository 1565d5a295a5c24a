"""Entities without behaviour, by the registry: added, changed, removed; never dangling, never twice, never half."""

from __future__ import annotations

import attrs
import pytest

from protocol.access.model import User
from protocol.activity.model import Event
from protocol.document import Document, Ref
from protocol.host.model import Host
from protocol.inventory.commands import AddEntity, AddEvent, RemoveEntity, UpdateEntity
from protocol.inventory.events import EntityAdded, EntityRemoved, EntityUpdated
from protocol.inventory.model import Cluster, DataCenter
from protocol.network.model import Network, Nic, VnicProfile
from protocol.storage.model import StorageDomain
from protocol.vm.model import Vm
from tests.actors.expected import accepted, audit, refused, stored, stored_as
from tests.actors.inventory.lives import CLUSTER, DATA_CENTER, NETWORK, USER, changed, cluster, east, inventory, network
from tests.actors.playbook import object_id

FIRST = object_id(1)


def add(kind: str, document: Document) -> AddEntity:
    return AddEntity(kind=kind, document=document)


def update(kind: str, id: str, document: Document) -> UpdateEntity:
    return UpdateEntity(kind=kind, id=id, document=document)


def test_a_cluster_with_everything_that_was_left_out() -> None:
    play = inventory()
    play.when(add("cluster", cluster(data_center=Ref(id=DATA_CENTER, name="Default")))).then(
        changed(EntityAdded, "cluster", FIRST, name="two"),
        audit("cluster_added", user="u", cluster=FIRST),
        accepted("cluster", FIRST),
        stored,
    )
    made = play.rows.document("cluster", FIRST)
    assert (made.data_center, made.cpu.architecture, made.version.major) == (Ref(id=DATA_CENTER), "x86_64", 4)


def test_a_network_brings_its_profile() -> None:
    inventory().when(add("network", network())).then(
        changed(EntityAdded, "network", FIRST, name="blue"),
        changed(EntityAdded, "vnic_profile", name="blue"),
        audit("network_added", user="u"),
        accepted("network", FIRST, shows={"status": "operational"}),
        stored,
    )


def test_a_data_center_brings_its_management_network() -> None:
    play = inventory()
    play.when(add("data_center", east())).then(
        changed(EntityAdded, "data_center", FIRST, name="east"),
        changed(EntityAdded, "network", name="ovirtmgmt"),
        changed(EntityAdded, "vnic_profile", name="ovirtmgmt"),
        audit("data_center_added", user="u", data_center=FIRST),
        accepted("data_center", FIRST, shows={"status": "uninitialized"}),
        stored,
    )
    play.when(RemoveEntity(kind="data_center", id=FIRST)).then(
        changed(EntityRemoved, "vnic_profile"),
        changed(EntityRemoved, "network"),
        changed(EntityRemoved, "data_center", FIRST),
        audit("vnic_profile_removed", user="u"),
        audit("network_removed", user="u"),
        audit("data_center_removed", user="u"),
        accepted("data_center", FIRST, shows={"status": "uninitialized"}),
        stored,
    )


def test_the_same_add_again_gets_the_same_answer() -> None:
    bob = add("user", User(user_name="bob@internal"))
    play = inventory()
    play.when(bob).then(
        changed(EntityAdded, "user", FIRST), audit("user_added", user="u"), accepted("user", FIRST), stored
    )
    play.when(bob, again=True).then(accepted("user", FIRST))


def test_a_dry_run_changes_nothing() -> None:
    inventory().when(add("user", User(user_name="bob@internal")), dry_run=True).then(accepted("user", FIRST))
    inventory().when(add("user", User()), dry_run=True).then(refused("missing_attribute", "user_name"))


@pytest.mark.parametrize(
    ("kind", "document", "code", "field"),
    [
        ("cluster", cluster(data_center=None), "missing_attribute", "data_center"),
        ("cluster", cluster(data_center=Ref(id="nowhere")), "not_found", "data_center"),
        ("cluster", cluster(data_center=Ref(name="Default")), "invalid", "data_center"),
        ("data_center", DataCenter(name="x"), "missing_attribute", "local"),
        ("data_center", east(name="Default"), "name_taken", "name"),
        ("data_center", east(name="x" * 300), "invalid", "name"),
        ("data_center", east(quota_mode="sometimes"), "invalid", "quota_mode"),
        ("network", network(mtu=-1), "invalid", "mtu"),
        ("network", network(mtu=67), "invalid", "mtu"),
        ("user", User(user_name="admin@internal"), "name_taken", "user_name"),
        ("vm", Vm(name="x"), "invalid", "kind"),
        ("cluster", east(), "invalid", "document"),
    ],
)
def test_what_is_refused_names_its_field(kind: str, document: Document, code: str, field: str) -> None:
    inventory().when(add(kind, document)).then(refused(code, field))


def test_names_of_networks_are_unique_within_a_data_center() -> None:
    play = inventory().given(add("data_center", east())).given(add("network", network(data_center=Ref(id=FIRST))))
    play.when(add("network", network())).then(
        changed(EntityAdded, "network", object_id(3), name="blue"),
        changed(EntityAdded, "vnic_profile", name="blue"),
        audit("network_added", user="u"),
        accepted("network", object_id(3), shows={"status": "operational"}),
        stored,
    )
    play.when(add("network", network())).then(refused("name_taken", "name"))


def test_an_update_sets_what_is_given() -> None:
    play = inventory()
    change = update("cluster", CLUSTER, Cluster(description="Ours.", data_center=Ref(id=DATA_CENTER)))
    play.when(change).then(
        changed(EntityUpdated, "cluster", CLUSTER, name="Default"),
        audit("cluster_updated", user="u", cluster=CLUSTER),
        accepted("cluster", CLUSTER),
        stored,
    )
    assert (play.only("cluster").description, play.only("cluster").name) == ("Ours.", "Default")
    play.when(change).then(accepted("cluster", CLUSTER))
    play.when(update("data_center", DATA_CENTER, DataCenter(name="West"))).then(
        changed(EntityUpdated, "data_center", DATA_CENTER, name="West"),
        audit("data_center_updated", user="u", data_center=DATA_CENTER),
        accepted("data_center", DATA_CENTER, shows={"status": "uninitialized"}),
        stored,
    )


def test_what_is_read_only_is_passed_over() -> None:
    play = inventory()
    play.when(update("data_center", DATA_CENTER, DataCenter(id="x", status="up", comment="!"))).then(
        changed(EntityUpdated, "data_center", DATA_CENTER, name="Default"),
        audit("data_center_updated", user="u", data_center=DATA_CENTER),
        accepted("data_center", DATA_CENTER, shows={"status": "uninitialized"}),
        stored,
    )
    assert (play.only("data_center").status, play.only("data_center").comment) == ("uninitialized", "!")


@pytest.mark.parametrize(
    ("kind", "id", "document", "code", "field"),
    [
        ("cluster", CLUSTER, Cluster(data_center=Ref(id="dc2")), "invalid", "data_center"),
        ("cluster", CLUSTER, DataCenter(name="x"), "invalid", "document"),
        ("data_center", DATA_CENTER, DataCenter(quota_mode="sometimes"), "invalid", "quota_mode"),
        ("network", NETWORK, Network(name="mgmt"), "invalid", "name"),
        ("network", NETWORK, Network(mtu=1), "invalid", "mtu"),
        ("user", USER, User(user_name="root@internal"), "invalid", "user_name"),
        ("cluster", "nowhere", Cluster(name="x"), "not_found", ""),
    ],
)
def test_what_cannot_be_changed_names_its_field(kind: str, id: str, document: Document, code: str, field: str) -> None:
    inventory().when(update(kind, id, document)).then(refused(code, field))


def test_what_must_stay_stays() -> None:
    inventory().when(RemoveEntity(kind="network", id=NETWORK)).then(refused("not_legal"))
    inventory().when(RemoveEntity(kind="user", id=USER)).then(refused("not_legal"))
    inventory().when(RemoveEntity(kind="cluster", id="nowhere")).then(refused("not_found", status=404))


def test_removal_names_what_is_in_the_way() -> None:
    play = inventory().with_row("host", Host(id="h", name="host-1", cluster=Ref(id=CLUSTER)))
    play.when(RemoveEntity(kind="cluster", id=CLUSTER)).then(
        refused("conflict", reasons=("It is used by host host-1.",))
    )
    play.when(RemoveEntity(kind="data_center", id=DATA_CENTER)).then(
        refused("conflict", reasons=("It is used by cluster Default.",))
    )


def test_a_profile_that_a_nic_has_is_not_removed_nor_is_its_network() -> None:
    play = inventory().given(add("network", network()))
    (profile,) = play.rows.referring("vnic_profile", "network", FIRST)
    play.with_row("vm", Vm(id="v", name="web", nics=(Nic(vnic_profile=Ref(id=profile)),)))
    in_use = refused("conflict", reasons=("It is used by VM web.",))
    play.when(RemoveEntity(kind="vnic_profile", id=profile)).then(in_use)
    play.when(RemoveEntity(kind="network", id=FIRST)).then(in_use)
    play.with_row("vm", Vm(id="v", name="web", nics=()))
    play.when(RemoveEntity(kind="network", id=FIRST)).then(
        changed(EntityRemoved, "vnic_profile"),
        changed(EntityRemoved, "network", FIRST),
        audit("vnic_profile_removed", user="u"),
        audit("network_removed", user="u"),
        accepted("network", FIRST, shows={"status": "operational"}),
        stored,
    )


def test_a_profile_more() -> None:
    play = inventory()
    play.when(add("vnic_profile", VnicProfile(name="fast", network=Ref(id=NETWORK)))).then(
        changed(EntityAdded, "vnic_profile", FIRST, name="fast"),
        audit("vnic_profile_added", user="u"),
        accepted("vnic_profile", FIRST),
        stored,
    )
    play.when(RemoveEntity(kind="vnic_profile", id=FIRST)).then(
        changed(EntityRemoved, "vnic_profile", FIRST),
        audit("vnic_profile_removed", user="u"),
        accepted("vnic_profile", FIRST),
        stored,
    )


def test_an_event_from_outside() -> None:
    event_ = Event(description="Backup done.", severity="normal", origin="backup", custom_id=7, index=3)
    play = inventory().when(AddEvent(document=event_)).then(audit("external", user="u"), accepted("event"), stored)
    (line,) = play.decision.audit
    assert (line.description, line.custom_id, line.index, line.origin) == ("Backup done.", 7, None, "backup")
    inventory().when(AddEvent(document=event_), dry_run=True).then(accepted("event"))
    inventory().when(AddEvent(document=Event(description="x", origin="y"))).then(
        refused("missing_attribute", "severity")
    )
    forged = Event(description="VM web was removed by bob.", severity="normal", origin="corral")
    inventory().when(AddEvent(document=forged)).then(refused("invalid", "origin"))
    in_another_name = attrs.evolve(event_, user=Ref(id="bob"))
    inventory().when(AddEvent(document=in_another_name)).then(audit("external", user="u"), accepted("event"), stored)
    inventory().when(AddEvent(document=User(user_name="x"))).then(refused("invalid", "document"))


@pytest.mark.parametrize(
    ("storage", "follows"), [("active", "up"), ("inactive", "not_operational"), ("maintenance", "not_operational")]
)
def test_the_status_of_a_data_center_follows_its_storage(storage: str, follows: str) -> None:
    domain = StorageDomain(id="s", name="s", status=storage, data_center=Ref(id=DATA_CENTER))
    play = inventory().with_row("storage_domain", domain)
    play.when_restarted().then(changed(EntityUpdated, "data_center", DATA_CENTER, status=follows))
    play.when_restarted().then()


def test_without_storage_a_data_center_is_as_it_began() -> None:
    inventory().when_restarted().then()
    locked = StorageDomain(id="s", name="s", status="locked", data_center=Ref(id=DATA_CENTER))
    inventory().with_row("storage_domain", locked).when_restarted().then()


def test_a_user_goes_the_administrator_stays() -> None:
    bob = object_id(1)
    play = inventory().given(add("user", User(user_name="bob@internal")))
    play.when(RemoveEntity(kind="user", id=bob)).then(
        changed(EntityRemoved, "user", bob),
        audit("user_removed", user="u"),
        accepted("user", bob),
        stored,
    )


def test_the_stored_outcome_says_what_came_under_an_idempotency_key() -> None:
    play = inventory()
    change = update("cluster", CLUSTER, Cluster(description="Ours.", data_center=Ref(id=DATA_CENTER)))
    play.when(change, digest="d1").then(
        changed(EntityUpdated, "cluster", CLUSTER, description="Ours."),
        audit("cluster_updated", user="u", cluster=CLUSTER),
        accepted("cluster", CLUSTER),
        stored_as(accepted("cluster", CLUSTER, digest="d1")),
    )
    play.when(change, digest="d1").then(
        accepted("cluster", CLUSTER),
        stored_as(accepted("cluster", CLUSTER, digest="d1")),
    )
    play.when(change, digest="d1", dry_run=True).then(accepted("cluster", CLUSTER))
