"""Entities without behaviour, by the registry: added, changed, removed; never dangling, never twice, never half."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from actors.catalogue.bootstrap import bootstrap
from actors.catalogue.decide import CatalogueDecisionFacts, Verdict, decide
from actors.catalogue.rows import transaction_of
from actors.catalogue.status import data_center_status, due_changes
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.journal.port import EntityRow
from actors.kernel.ports import SeededIds
from protocol.codec import encode
from protocol.commands.catalogue import AddEntity, AddEvent, RemoveEntity, UpdateEntity
from protocol.engine_messages import Accepted, Principal
from protocol.errors import Refusal
from protocol.message import Message
from protocol.model.activity import Event
from protocol.model.host import Host
from protocol.model.inventory import Cluster, DataCenter, User
from protocol.model.network import Network, Nic, VnicProfile
from protocol.model.storage import StorageDomain
from protocol.model.types import Document, Ref
from protocol.model.vm import Vm

at = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
alice = Principal(user_id="u", name="alice@internal", administrator=True)


class Play:
    """The catalogue without its actor: verdicts are made durable at once."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.ids = SeededIds(7)
        self.numbers = iter(range(1000))
        self._write(bootstrap(self.ids, at))

    def _write(self, transaction: Any) -> None:
        for write in transaction.writes:
            present = self.rows.row(*write.row.key)
            assert write.expected_version == (present.version if present else 0)
            if isinstance(write.row, EntityRow):
                self.rows.put(write.row)
            else:
                self.rows.drop(*write.row.key)

    def give(self, command: Message, id: str = "", *, dry_run: bool = False) -> Verdict:
        id = id or f"command-{next(self.numbers)}"
        request = CommandRequest(command_id=id, principal=alice, command=command, dry_run=dry_run)
        verdict = decide(request, CatalogueDecisionFacts(now=at, rows=self.rows, fresh_id=self.ids.uuid))
        self._write(transaction_of(verdict.changes, at, audit=verdict.audit))
        return verdict

    def add(self, kind: str, document: Document, id: str = "") -> Verdict:
        return self.give(AddEntity(kind=kind, document=document), id)

    def update(self, kind: str, id: str, document: Document) -> Verdict:
        return self.give(UpdateEntity(kind=kind, id=id, document=document))

    def remove(self, kind: str, id: str) -> Verdict:
        return self.give(RemoveEntity(kind=kind, id=id))

    def only(self, kind: str) -> Any:
        (document,) = self.rows.documents(kind)
        return document

    def put(self, kind: str, document: Any) -> None:
        row = self.rows.row(kind, document.id)
        version = row.version + 1 if row else 1
        self.rows.put(EntityRow(kind, document.id, version, document.name, "", b"", encode(document)))


def refused(verdict: Verdict) -> Refusal:
    assert isinstance(verdict.reply, Refusal), verdict.reply
    assert verdict.changes == verdict.audit == ()
    return verdict.reply


def done(verdict: Verdict) -> Accepted:
    assert isinstance(verdict.reply, Accepted), verdict.reply
    return verdict.reply


def test_a_cluster_with_everything_that_was_left_out() -> None:
    p = Play()
    data_center = p.only("data_center").id
    reply = done(p.add("cluster", Cluster(name="two", data_center=Ref(id=data_center, name="Default")), "c2"))
    cluster = p.rows.document("cluster", "c2")
    assert reply.document == cluster
    assert cluster.data_center == Ref(id=data_center)
    assert (cluster.cpu.architecture, cluster.version.major) == ("x86_64", 4)


def test_a_network_brings_its_profile() -> None:
    p = Play()
    verdict = p.add("network", Network(name="blue", data_center=Ref(id=p.only("data_center").id)), "n2")
    assert [change.kind for change in verdict.changes] == ["network", "vnic_profile"]
    assert p.rows.document("network", "n2").status == "operational"
    (profile,) = p.rows.referring("vnic_profile", "network", "n2")
    assert p.rows.document("vnic_profile", profile).name == "blue"


def test_a_data_center_brings_its_management_network() -> None:
    p = Play()
    verdict = p.add("data_center", DataCenter(name="east", local=False), "dc2")
    assert [change.kind for change in verdict.changes] == ["data_center", "network", "vnic_profile"]
    assert len(p.rows.named("network", "ovirtmgmt")) == 2
    assert [change.kind for change in p.remove("data_center", "dc2").changes] == [
        "vnic_profile",
        "network",
        "data_center",
    ]
    assert len(p.rows.named("network", "ovirtmgmt")) == 1


def test_the_same_add_again_gets_the_same_answer() -> None:
    p = Play()
    document = User(user_name="bob@internal")
    first = done(p.add("user", document, "u2"))
    again = p.add("user", document, "u2")
    assert again.reply == first
    assert again.changes == ()


def test_a_dry_run_changes_nothing() -> None:
    p = Play()
    verdict = p.give(AddEntity(kind="user", document=User(user_name="bob@internal")), dry_run=True)
    done(verdict)
    assert verdict.changes == ()


@pytest.mark.parametrize(
    ("kind", "document", "field"),
    [
        ("cluster", Cluster(name="x"), "data_center"),
        ("cluster", Cluster(name="x", data_center=Ref(id="nowhere")), "data_center"),
        ("cluster", Cluster(name="x", data_center=Ref(name="Default")), "data_center"),
        ("data_center", DataCenter(name="x"), "local"),
        ("data_center", DataCenter(name="Default", local=False), "name"),
        ("data_center", DataCenter(name="x" * 300, local=False), "name"),
        ("data_center", DataCenter(name="x", local=False, quota_mode="sometimes"), "quota_mode"),
        ("user", User(user_name="admin@internal"), "user_name"),
        ("vm", Vm(name="x"), "kind"),
        ("cluster", DataCenter(name="x", local=False), "document"),
    ],
)
def test_what_is_refused_names_its_field(kind: str, document: Document, field: str) -> None:
    reply = refused(Play().add(kind, document))
    assert reply.field == field
    assert reply.reason


def test_names_of_networks_are_unique_within_a_data_center() -> None:
    p = Play()
    first = p.only("data_center").id
    done(p.add("data_center", DataCenter(name="east", local=False), "dc2"))
    done(p.add("network", Network(name="blue", mtu=1500, data_center=Ref(id="dc2"))))
    done(p.add("network", Network(name="blue", data_center=Ref(id=first))))
    assert refused(p.add("network", Network(name="blue", data_center=Ref(id=first)))).code == "name_taken"
    assert refused(p.add("network", Network(name="red", mtu=-1, data_center=Ref(id=first)))).field == "mtu"


def test_an_update_sets_what_is_given() -> None:
    p = Play()
    cluster = p.only("cluster")
    verdict = p.update("cluster", cluster.id, Cluster(description="Ours.", data_center=cluster.data_center))
    after = p.only("cluster")
    assert (after.description, after.name) == ("Ours.", "Default")
    assert done(verdict).document == after
    assert p.update("cluster", cluster.id, Cluster(description="Ours.")).changes == ()


def test_what_is_read_only_is_passed_over() -> None:
    p = Play()
    data_center = p.only("data_center")
    done(p.update("data_center", data_center.id, DataCenter(id="x", status="up", comment="!")))
    assert (p.only("data_center").status, p.only("data_center").comment) == ("uninitialized", "!")


def test_a_cluster_does_not_move() -> None:
    p = Play()
    done(p.add("data_center", DataCenter(name="east", local=False), "dc2"))
    assert refused(p.update("cluster", p.only("cluster").id, Cluster(data_center=Ref(id="dc2")))).field == "data_center"


def test_what_must_stay_stays() -> None:
    p = Play()
    refused(p.remove("network", p.only("network").id))
    refused(p.remove("user", p.only("user").id))
    refused(p.update("network", p.only("network").id, Network(name="mgmt")))
    assert refused(p.remove("cluster", "nowhere")).status == 404


def test_removal_names_what_is_in_the_way() -> None:
    p = Play()
    cluster = p.only("cluster")
    p.put("host", Host(id="h", name="host-1", cluster=Ref(id=cluster.id)))
    assert refused(p.remove("cluster", cluster.id)).reasons == ("It is used by the host host-1.",)
    reasons = refused(p.remove("data_center", p.only("data_center").id)).reasons
    assert reasons == ("It is used by the cluster Default.",)


def test_a_profile_that_a_nic_has_is_not_removed_nor_is_its_network() -> None:
    p = Play()
    done(p.add("network", Network(name="blue", data_center=Ref(id=p.only("data_center").id)), "n2"))
    (profile,) = p.rows.referring("vnic_profile", "network", "n2")
    p.put("vm", Vm(id="v", name="web", nics=(Nic(vnic_profile=Ref(id=profile)),)))
    for kind, id in (("vnic_profile", profile), ("network", "n2")):
        assert "web" in refused(p.remove(kind, id)).reasons[0]
    p.put("vm", Vm(id="v", name="web", nics=()))
    done(p.remove("network", "n2"))
    assert p.rows.document("vnic_profile", profile) is None


def test_a_profile_more() -> None:
    p = Play()
    done(p.add("vnic_profile", VnicProfile(name="fast", network=Ref(id=p.only("network").id)), "p2"))
    done(p.remove("vnic_profile", "p2"))


def test_an_event_from_outside() -> None:
    p = Play()
    event = Event(description="Backup done.", severity="normal", origin="backup", custom_id=7, index=3)
    (line,) = p.give(AddEvent(document=event)).audit
    assert (line.description, line.custom_id, line.index, line.code) == ("Backup done.", 7, None, 9000)
    assert refused(p.give(AddEvent(document=Event(description="x", origin="y")))).field == "severity"


def test_the_status_of_a_data_center_follows_its_storage() -> None:
    p = Play()
    id = p.only("data_center").id
    assert due_changes(p.rows, at) == ()
    for status, expected in (("active", "up"), ("inactive", "not_operational"), ("locked", "uninitialized")):
        p.put("storage_domain", StorageDomain(id="s", name="s", status=status, data_center=Ref(id=id)))
        assert data_center_status(p.rows, id) == expected
        p._write(transaction_of(due_changes(p.rows, at), at))
        assert p.only("data_center").status == expected
        assert due_changes(p.rows, at) == ()
