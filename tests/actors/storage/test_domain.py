"""The life of a storage domain: added through its host, followed through its host's absences, forgotten when empty."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from actors.host.signals import HostLost, HostReturned
from actors.storage.domain.decide import again, decide
from actors.storage.domain.evolve import evolve
from actors.storage.domain.remove import LookAgain
from protocol.commands.storage import AddStorageDomain, RemoveStorageDomain, UpdateStorageDomain
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.model.inventory import Cluster
from protocol.model.storage import Disk, HostStorage, StorageDomain
from protocol.model.types import Ref
from protocol.node_messages import ConnectStorageDomain, StepDone, StorageFacts
from tests.actors.storage.play import GiB, Play, host, put, storage_domain, world

new = "eeeeeeee-0000-4000-8000-000000000001"


def play() -> Play:
    rows = world()
    put(rows, "cluster", "cluster", Cluster(id="cluster", name="Default", data_center=Ref(id="dc")))
    return Play(new, "storage_domain", decide, evolve, rows)


def wanted(**more: Any) -> StorageDomain:
    given = StorageDomain(
        name="local", type="data", host=Ref(id=host), storage=HostStorage(type="localfs", path="/srv/local/")
    )
    return attrs.evolve(given, **more)


def facts(available: int = 10 * GiB, used: int = GiB, **more: Any) -> StorageFacts:
    return StorageFacts(storage_domain_id=new, available_bytes=available, used_bytes=used, **more)


def active() -> Play:
    p = play()
    p.command(AddStorageDomain(document=wanted()))
    p.done(facts())
    put(p.rows, "storage_domain", new, p.state.storage_domain)
    return p


def test_added_connected_active() -> None:
    p = play()
    reply = p.command(AddStorageDomain(document=wanted())).reply
    assert isinstance(reply, Accepted)
    command = p.sent()
    assert command.body == ConnectStorageDomain(storage_domain_id=new, path="/srv/local", create=True)
    assert p.state.status == "locked"
    assert again(p.state, attrs.evolve(_facts_of(p))).effects == p.last.effects  # a crash sends the same again
    p.done(facts())
    assert (p.state.status, p.state.storage_domain.available, p.state.storage_domain.data_center) == (
        "active",
        10 * GiB,
        Ref(id="dc"),
    )
    assert p.state.storage_domain.master is True
    assert p.forgotten() == [command.step_id]
    assert p.folded() == p.state


def _facts_of(p: Play) -> Any:
    from actors.storage.facts import StorageDecisionFacts
    from tests.actors.storage.play import now

    return StorageDecisionFacts(now=now, rows=p.rows, fresh_id="f")


@pytest.mark.parametrize(
    "result",
    [Refusal(code="conflict", reason="Another's."), facts(writable=False), facts(problem="I/O errors.")],
    ids=["refused", "read-only", "sick"],
)
def test_a_directory_that_does_not_do_is_rolled_back(result: Any) -> None:
    p = play()
    p.command(AddStorageDomain(document=wanted()))
    p.done(result)
    assert p.state is None
    ended: Any = p.journal[-1]
    assert ended.ended.outcome == "rolled_back"
    assert ended.ended.reason


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (wanted(name=None), "name"),
        (wanted(name="data"), "name"),
        (wanted(type="iso"), "type"),
        (wanted(type="tape"), "type"),
        (wanted(storage=HostStorage(type="nfs", path="/x")), "storage.type"),
        (wanted(storage=HostStorage(type="localfs", path="srv")), "storage.path"),
        (wanted(storage=HostStorage(type="localfs", path="/srv/../etc")), "storage.path"),
        (wanted(storage=HostStorage(type="localfs", path="/")), "storage.path"),
        (wanted(storage=HostStorage(type="localfs", path="/srv/data/within")), "storage.path"),
        (wanted(host=None), "host"),
    ],
)
def test_what_is_refused_names_its_field(document: StorageDomain, field: str) -> None:
    reply = play().command(AddStorageDomain(document=document)).reply
    assert isinstance(reply, Refusal)
    assert reply.field == field


def test_inactive_while_its_host_is_lost() -> None:
    p = active()
    p.tell(HostLost(host_id="another"))
    assert p.state.status == "active"
    p.tell(HostLost(host_id=host))
    assert (p.state.status, p.state.problem) == ("inactive", "Its host host-1 does not answer.")
    p.tell(HostReturned(host_id=host))
    assert p.sent().body == ConnectStorageDomain(storage_domain_id=new, path="/srv/local", create=False)
    p.done(facts())
    assert (p.state.status, p.state.problem) == ("active", "")
    assert p.folded() == p.state


def test_a_refused_reconnection_says_why_once() -> None:
    p = active()
    p.tell(HostReturned(host_id=host))
    step = p.sent().step_id
    for _ in range(2):
        p.tell(StepDone(step_id=step, result=Refusal(code="not_found", reason="No such directory.")))
    assert p.event_names().count("StorageDomainDeactivated") == 1
    assert p.state.problem == "No such directory."


def test_small_changes_of_space_are_not_journaled() -> None:
    p = active()
    p.tell(facts(available=10 * GiB - 1024))
    assert p.last.events == ()
    p.tell(facts(available=9 * GiB))
    assert p.event_names()[-1] == "StorageDomainSpaceChanged"
    p.tell(facts(available=9 * GiB))
    assert p.last.events == ()


def test_removed_when_nothing_came_to_it() -> None:
    p = active()
    p.command(RemoveStorageDomain(id=new), "remove")
    for _ in range(2):
        assert p.state.status == "detaching"
        (tell,) = p.tells()
        p.tell(tell.message)
        p.tell(tell.message)  # once more: nothing
        p.last = again(p.state, _facts_of(p)) if p.state else p.last
    assert p.state is None
    assert p.event_names()[-3:] == [
        "StorageDomainRemoveRequested",
        "StorageDomainOperationProgressed",
        "StorageDomainRemoved",
    ]


def test_not_removed_while_disks_live_on_it_even_if_they_come_late() -> None:
    p = active()
    disk = Disk(id="d", name="late", storage_domain=Ref(id=new))
    p.command(RemoveStorageDomain(id=new), "remove")
    p.tell(p.tells()[0].message)
    put(p.rows, "disk", "d", disk)
    p.tell(p.tells()[0].message)
    assert p.state.status == "inactive"
    assert p.event_names()[-1] == "StorageDomainRemoveAbandoned"
    p.done(facts())
    assert p.state.status == "active"
    reply = p.command(RemoveStorageDomain(id=new), "again").reply
    assert isinstance(reply, Refusal)
    assert "late" in reply.reason
    assert p.tell(LookAgain(step_id="stale")).events == ()


def test_changed() -> None:
    p = active()
    p.command(UpdateStorageDomain(id=new, document=StorageDomain(name="fast", status="locked")), "u")
    assert (p.state.storage_domain.name, p.state.status) == ("fast", "active")
    moved = UpdateStorageDomain(id=new, document=StorageDomain(host=Ref(id="elsewhere")))
    reply = p.command(moved, "v").reply
    assert isinstance(reply, Refusal)
    assert reply.field == "host"
    taken = p.command(UpdateStorageDomain(id=new, document=StorageDomain(name="data")), "w").reply
    assert isinstance(taken, Refusal)
    assert storage_domain
