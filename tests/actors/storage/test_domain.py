"""The life of a storage domain: added through its host, followed through its host's absences, forgotten when empty."""

from __future__ import annotations

from typing import Any

import pytest

from actors.entity.host_signals import HostLost, HostReturned, StepAdvanced, StepDeclined, StepOutcome, StorageSeen
from actors.entity.messages import Wake
from actors.kernel.envelope import Answer
from actors.storage.domain.operations.remove import LookAgain
from actors.storage.messages import DetachDisk
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.model import Host
from protocol.message import Message
from protocol.node.commands import ConnectStorageDomain
from protocol.node.reports import Done
from protocol.storage.commands import RemoveStorageDomain, UpdateStorageDomain
from protocol.storage.domain_events import (
    StorageDomainActivated,
    StorageDomainAdded,
    StorageDomainDeactivated,
    StorageDomainOperationProgressed,
    StorageDomainRemoveAbandoned,
    StorageDomainRemoved,
    StorageDomainRemoveRequested,
    StorageDomainSpaceChanged,
    StorageDomainUpdated,
)
from protocol.storage.model import Disk, HostStorage, StorageDomain
from protocol.vm.commands import StartVm
from tests.actors.expected import (
    accepted,
    ack,
    ask,
    audit,
    beside,
    event,
    refused,
    reply,
    status,
    stored,
    timer,
    to_node,
)
from tests.actors.playbook import answered, done, fired, step_under_way
from tests.actors.storage.lives import (
    DISK,
    GONE,
    HOST,
    NEW,
    SD,
    GiB,
    active,
    adding_domain,
    connecting,
    no_domain,
    reported,
    seen,
    storage_domain,
)

REMOVE = RemoveStorageDomain(id=NEW)
STALE = str(StepId(owner=f"storage_domain/{NEW}", operation="before", number=0))


def to(**document: Any) -> UpdateStorageDomain:
    return UpdateStorageDomain(id=NEW, document=StorageDomain(**document))


def test_added_its_host_connects_it() -> None:
    play = no_domain()
    play.when(adding_domain()).then(
        event(StorageDomainAdded, begins="add", step="Connecting the directory"),
        to_node(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local", create=True)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )
    play.when_restarted().then(to_node(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local", create=True)))
    play.when(HostReturned(host_id=HOST)).then(
        to_node(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local", create=True))
    )
    play.when(done(seen())).then(
        event(StorageDomainActivated, available_bytes=10 * GiB, used_bytes=GiB, ends="done"),
        audit("storage_domain_added", user="u", host=HOST, storage_domain=NEW),
        audit("storage_domain_active", host=HOST, storage_domain=NEW),
        ack(),
        status("active"),
    )
    storage_domain = play.state.storage_domain
    assert (storage_domain.available, storage_domain.data_center, storage_domain.master) == (
        10 * GiB,
        Ref(id="dc"),
        True,
    )


def test_the_second_one_of_a_data_center_is_not_its_master() -> None:
    play = no_domain().with_row("storage_domain", storage_domain(SD, "data", data_center=Ref(id="dc")))
    play.given(adding_domain())
    assert play.state.storage_domain.master is False


def test_the_same_add_again_gets_the_same_answer() -> None:
    connecting().when(adding_domain(), again=True).then(accepted(job=True, shows={"status": "locked"}))
    active().when(adding_domain()).then(refused("conflict"))


def test_a_dry_run_adds_nothing() -> None:
    no_domain().when(adding_domain(), dry_run=True).then(accepted(shows={"status": "locked"}))


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Refusal(code="conflict", reason="Another's."), "Another's."),
        (seen(writable=False), "It cannot be written."),
        (seen(problem="I/O errors."), "I/O errors."),
    ],
    ids=["refused", "read-only", "sick"],
)
def test_a_directory_that_does_not_do_is_rolled_back(result: Message, why: str) -> None:
    play = connecting()
    play.when(done(result)).then(
        event(StorageDomainRemoved, ends="rolled_back", why=why),
        audit("storage_domain_add_failed", severity="error", text=why, user="u", host=HOST),
        ack(),
        status("gone"),
    )
    play.when(done(result, of=ConnectStorageDomain)).then(ack())


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"name": None}, "missing_attribute", "name"),
        ({"name": " "}, "invalid", "name"),
        ({"name": "data"}, "name_taken", "name"),
        ({"type": "iso"}, "invalid", "type"),
        ({"type": "tape"}, "invalid", "type"),
        ({"storage": HostStorage(type="nfs", path="/x")}, "invalid", "storage.type"),
        ({"storage": HostStorage(type="localfs")}, "missing_attribute", "storage.path"),
        ({"storage": HostStorage(type="localfs", path="srv")}, "invalid", "storage.path"),
        ({"storage": HostStorage(type="localfs", path="/srv/../etc")}, "invalid", "storage.path"),
        ({"storage": HostStorage(type="localfs", path="/")}, "invalid", "storage.path"),
        ({"storage": HostStorage(type="localfs", path="/srv/\n")}, "invalid", "storage.path"),
        ({"storage": HostStorage(type="localfs", path="/srv/data/within")}, "conflict", "storage.path"),
        ({"host": None}, "missing_attribute", "host"),
        ({"host": Ref(id="nowhere")}, "not_found", "host"),
        ({"host": Ref(id="silent")}, "not_legal", "host"),
        ({"data_center": Ref(id="another")}, "invalid", "data_center"),
    ],
)
def test_what_is_refused_names_its_field(document: dict[str, Any], code: str, field: str) -> None:
    play = no_domain().with_row("host", Host(id="silent", name="silent", status="non_responsive"))
    play.when(adding_domain(**document)).then(refused(code, field))


def test_inactive_while_its_host_is_lost() -> None:
    play = active().when(HostLost(host_id="another")).then()
    play.when(HostLost(host_id=HOST)).then(
        event(StorageDomainDeactivated, reason="Its host host-1 does not answer."),
        audit("storage_domain_inactive", severity="error", host=HOST, storage_domain=NEW),
        status("inactive"),
    )
    assert play.state.problem == "Its host host-1 does not answer."
    play.when(HostLost(host_id=HOST)).then()
    play.when(HostReturned(host_id=HOST)).then(
        beside(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local"), host=HOST)
    )
    play.when(done(seen(), of=ConnectStorageDomain)).then(
        event(StorageDomainActivated, available_bytes=10 * GiB, used_bytes=GiB),
        audit("storage_domain_active", host=HOST, storage_domain=NEW),
        ack(),
        status("active"),
    )
    assert (play.state.problem, play.folded()) == ("", play.state)


def test_after_a_restart_an_inactive_one_is_looked_at() -> None:
    active().when_restarted().then()
    active().given(HostLost(host_id=HOST)).when_restarted().then(
        beside(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local"), host=HOST)
    )
    active().given(HostLost(host_id=HOST)).when(Wake()).then(
        beside(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local"), host=HOST)
    )
    active().when(HostReturned(host_id="another")).then()


def test_a_refused_reconnection_says_why_once() -> None:
    play = active().given(HostReturned(host_id=HOST))
    play.when(done(GONE, of=ConnectStorageDomain)).then(
        event(StorageDomainDeactivated, reason="It is gone."),
        audit("storage_domain_inactive", severity="error", host=HOST, storage_domain=NEW),
        ack(),
        status("inactive"),
    )
    play.when(done(GONE, of=ConnectStorageDomain)).then(ack())


def test_a_reconnection_that_brings_nothing_new_is_acknowledged() -> None:
    active().given(HostReturned(host_id=HOST)).when(done(seen(), of=ConnectStorageDomain)).then(ack())
    active().given(HostReturned(host_id=HOST)).when(done(Done(), of=ConnectStorageDomain)).then(ack())


def test_small_changes_of_space_are_not_journaled() -> None:
    play = active().when(reported(available=10 * GiB - 1024)).then()
    play.with_row("disk", Disk(id=DISK, name="d", provisioned_size=GiB, storage_domain=Ref(id=NEW)))
    play.when(reported(available=9 * GiB)).then(
        event(StorageDomainSpaceChanged, available_bytes=9 * GiB, used_bytes=GiB, committed_bytes=GiB)
    )
    play.when(reported(available=9 * GiB)).then()
    play.when(reported(available=9 * GiB, used=2 * GiB)).then(
        event(StorageDomainSpaceChanged, available_bytes=9 * GiB, used_bytes=2 * GiB, committed_bytes=GiB)
    )


def test_what_cannot_be_written_is_inactive_until_it_can() -> None:
    play = active()
    play.when(reported(writable=False)).then(
        event(StorageDomainDeactivated, reason="It cannot be written."),
        audit("storage_domain_inactive", severity="error", host=HOST, storage_domain=NEW),
        status("inactive"),
    )
    play.when(reported(writable=False)).then()
    play.when(reported(problem="I/O errors.")).then(
        event(StorageDomainDeactivated, reason="I/O errors."),
        audit("storage_domain_inactive", severity="error", host=HOST, storage_domain=NEW),
    )
    play.when(reported()).then(
        event(StorageDomainActivated, available_bytes=10 * GiB, used_bytes=GiB),
        audit("storage_domain_active", host=HOST, storage_domain=NEW),
        status("active"),
    )


def test_what_a_host_sees_while_it_is_added_or_gone_is_nothing() -> None:
    connecting().when(reported()).then()
    no_domain().when(reported()).then()
    no_domain().when(HostReturned(host_id=HOST)).then()
    no_domain().when(Wake()).then()
    active().when(StepAdvanced(host_id=HOST, step=StepId(owner="x/y", operation="o", number=0), percent=7)).then()


def test_what_its_host_has_not_tried_is_asked_again_in_a_moment() -> None:
    play = connecting()
    step = step_under_way(play)
    play.when(StepDeclined(host_id="elsewhere", step=step)).then()
    play.when(StepDeclined(host_id=HOST, step=step)).then(timer("step", 2))
    play.when(fired("step")).then(to_node(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local", create=True)))
    play = active()
    play.when(StepDeclined(host_id=HOST, step=step)).then(timer("step", 2))
    play.when(fired("step")).then(beside(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local"), host=HOST))
    no_domain().when(StepDeclined(host_id=HOST, step=step)).then()
    no_domain().when(fired("step")).then()


def test_removed_when_nothing_came_to_it() -> None:
    play = active()
    play.when(REMOVE).then(
        event(StorageDomainRemoveRequested, begins="remove", step="Blocking new disks"),
        ask(f"storage_domain/{NEW}", LookAgain()),
        accepted(job=True, shows={"status": "active"}),
        stored,
        status("detaching"),
    )
    play.when_restarted().then(ask(f"storage_domain/{NEW}", LookAgain()))
    play.when(HostReturned(host_id=HOST)).then(ask(f"storage_domain/{NEW}", LookAgain()))
    play.when(answered(Done())).then(
        event(StorageDomainOperationProgressed, step="Checking for disks again"),
        ask(f"storage_domain/{NEW}", LookAgain()),
    )
    play.when(answered(Done())).then(
        event(StorageDomainRemoved, ends="done"), audit("storage_domain_removed", user="u", host=HOST), status("gone")
    )


def test_a_word_to_itself_of_before_is_nothing() -> None:
    active().when(Answer(token=STALE, body=Done())).then()
    active().given(REMOVE).when(Answer(token=STALE, body=Done())).then()
    active().given(REMOVE).when(Answer(token="no step", body=Done())).then()
    no_domain().when(Answer(token=STALE, body=Done())).then()


def test_a_look_at_itself_is_answered_once_all_before_it_is_durable() -> None:
    active().when(LookAgain()).then(reply(Done()))


def test_not_removed_while_disks_live_on_it() -> None:
    play = active().with_row("disk", Disk(id=DISK, name="late", storage_domain=Ref(id=NEW)))
    play.when(REMOVE).then(refused("conflict", reason="late"))


def test_a_disk_that_came_late_abandons_the_removal() -> None:
    play = active().given(REMOVE).given(answered(Done()))
    play.with_row("disk", Disk(id=DISK, name="late", storage_domain=Ref(id=NEW))).when(answered(Done())).then(
        event(
            StorageDomainRemoveAbandoned,
            reason="Its removal was abandoned.",
            ends="rolled_back",
            why="The storage domain local holds 1 disks: late. Remove them first.",
        ),
        audit("storage_domain_remove_failed", severity="error", user="u", storage_domain=NEW),
        beside(ConnectStorageDomain(storage_domain_id=NEW, path="/srv/local"), host=HOST),
        status("inactive"),
    )
    play.when(done(seen(), of=ConnectStorageDomain)).then(
        event(StorageDomainActivated, available_bytes=10 * GiB, used_bytes=GiB),
        audit("storage_domain_active", host=HOST, storage_domain=NEW),
        ack(),
        status("active"),
    )


def test_what_is_not_there_or_busy_is_not_removed_nor_changed() -> None:
    no_domain().when(REMOVE).then(refused("not_found"))
    no_domain().when(to(name="x")).then(refused("not_found"))
    connecting().when(REMOVE).then(refused("busy"))
    connecting().when(to(name="x")).then(refused("busy"))
    active().when(REMOVE, dry_run=True).then(accepted(shows={"status": "active"}))


def test_changed() -> None:
    play = active()
    play.when(to(name="fast", status="locked")).then(
        event(StorageDomainUpdated),
        audit("storage_domain_updated", user="u", storage_domain=NEW),
        accepted(shows={"status": "active"}),
        stored,
    )
    assert (play.state.storage_domain.name, play.state.status) == ("fast", "active")
    play.when(to(name="fast")).then(accepted(shows={"status": "active"}))
    play.when(to(description="x"), dry_run=True).then(accepted(shows={"status": "active"}))


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"host": Ref(id="elsewhere")}, "invalid", "host"),
        ({"type": "tape"}, "invalid", "type"),
        ({"name": "data"}, "name_taken", "name"),
        ({"name": " "}, "invalid", "name"),
    ],
)
def test_what_cannot_be_changed_names_its_field(document: dict[str, Any], code: str, field: str) -> None:
    active().when(to(**document)).then(refused(code, field))


def test_what_a_storage_domain_does_not_understand() -> None:
    active().when(StartVm(id=NEW)).then(refused("invalid", "command"))
    with pytest.raises(NotImplementedError):
        active().happens(DetachDisk(vm_id="x"))


def test_only_the_host_that_holds_the_directory_is_believed() -> None:
    connecting().when(done(seen(), host="elsewhere")).then(status("locked"))
    active().when(StorageSeen(host_id="elsewhere", facts=seen(writable=False))).then(status("active"))
    play = active().given(HostReturned(host_id=HOST))
    play.when(done(GONE, of=ConnectStorageDomain, host="elsewhere")).then(status("active"))
    lie = StepId(owner=f"storage_domain/{NEW}", operation="probe", number=0, host="elsewhere")
    play.when(StepOutcome(host_id="elsewhere", step=lie, result=GONE)).then(ack(), status("active"))
