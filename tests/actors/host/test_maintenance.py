"""Emptying a host, taking it back, removing it, changing it."""

from __future__ import annotations

from actors.entity.host_signals import HostReturned
from protocol.document import Ref
from protocol.host.commands import ActivateHost, DeactivateHost, RemoveHost, UpdateHost
from protocol.host.events import (
    HostActivated,
    HostCameUp,
    HostEnteredMaintenance,
    HostFellSilent,
    HostLinked,
    HostMaintenanceRequested,
    HostRemoved,
    HostUpdated,
)
from protocol.host.model import Host
from protocol.inventory.model import Cluster
from protocol.storage.model import StorageDomain
from tests.actors.expected import accepted, audit, cancel, event, look, refused, status, stored, tell, timer
from tests.actors.host.lives import HOST, added, cut, domain, link, report, up
from tests.actors.playbook import fired

AWAY = DeactivateHost(id=HOST)
BACK = ActivateHost(id=HOST)
REMOVE = RemoveHost(id=HOST)


def test_an_empty_host_is_in_maintenance_at_once() -> None:
    play = up()
    play.when(AWAY).then(
        event(HostMaintenanceRequested),
        event(HostEnteredMaintenance),
        audit("host_maintenance_requested", user="u", host=HOST),
        audit("host_maintenance", host=HOST),
        accepted(),
        stored,
        status("maintenance"),
    )
    play.when(AWAY).then(accepted())


def test_with_vms_it_waits_for_the_last_one() -> None:
    play = up().with_vm()
    play.when(DeactivateHost(id=HOST, reason="a new disk")).then(
        event(HostMaintenanceRequested, reason="a new disk"),
        audit("host_maintenance_requested", text="VMs still running on it: 1. Shut", user="u", host=HOST),
        timer("emptied", 2),
        accepted(),
        stored,
        status("preparing_for_maintenance"),
    )
    play.when(fired("emptied")).then(timer("emptied", 2))
    play.with_vm(host=None).when(fired("emptied")).then(
        event(HostEnteredMaintenance), audit("host_maintenance", host=HOST), status("maintenance")
    )
    play.when(fired("emptied")).then()


def test_in_maintenance_links_come_and_go_without_a_word() -> None:
    play = up().given(AWAY).when(cut).then(timer("silent", 20))
    play.when(fired("silent")).then()
    play.when(link).then(cancel("silent"), look(HOST))
    play.when(report()).then()


def test_activated_while_linked_it_reports_and_is_up() -> None:
    play = up().given(AWAY)
    play.when(BACK).then(
        event(HostActivated),
        event(HostLinked),
        audit("host_activated", user="u", host=HOST),
        look(HOST),
        accepted(),
        stored,
        status("initializing"),
    )
    play.when(report()).then(event(HostCameUp), audit("host_up", host=HOST), status("up"))


def test_activated_without_a_link_it_has_the_silent_period_to_come() -> None:
    play = up().given(AWAY).given(cut)
    play.when(BACK).then(
        event(HostActivated),
        audit("host_activated", user="u", host=HOST),
        timer("silent", 20),
        accepted(),
        stored,
        status("unassigned"),
    )
    play.when(fired("silent")).then(
        event(HostFellSilent), audit("host_silent", severity="error", host=HOST), status("non_responsive")
    )


def test_activated_on_the_way_to_maintenance_it_stays() -> None:
    play = up().with_vm().given(AWAY)
    play.when(BACK).then(
        event(HostActivated),
        event(HostLinked),
        audit("host_activated", user="u", host=HOST),
        look(HOST),
        accepted(),
        stored,
        status("initializing"),
    )
    play.when(report("vm1")).then(
        event(HostCameUp),
        audit("host_up", host=HOST),
        tell("vm/vm1", HostReturned(host_id=HOST, domain=domain("vm1"))),
        status("up"),
    )
    play.when(fired("emptied")).then()


def test_activating_one_that_is_up_is_refused() -> None:
    up().when(BACK).then(refused("not_legal", "status"))


def test_removing_needs_maintenance() -> None:
    up().when(REMOVE).then(refused("not_legal", "status"))
    up().given(AWAY).when(REMOVE).then(
        event(HostRemoved), audit("host_removed", user="u"), accepted(), stored, status("gone")
    )


def test_one_that_never_came_up_can_be_removed() -> None:
    added().when(REMOVE).then(event(HostRemoved), audit("host_removed", user="u"), accepted(), stored, status("gone"))


def test_a_host_in_use_is_not_removed_and_says_by_what() -> None:
    play = up().given(AWAY).with_vm().with_row("storage_domain", StorageDomain(id="sd", name="sd", host=Ref(id=HOST)))
    play.when(REMOVE).then(refused("conflict", reasons=("It is used by VM vm1.", "It is used by storage domain sd.")))


def test_an_update_sets_what_is_set() -> None:
    play = (
        up()
        .when(UpdateHost(id=HOST, document=Host(comment="rack 3")))
        .then(event(HostUpdated), audit("host_updated", user="u", host=HOST), accepted(), stored)
    )
    assert (play.state.host.comment, play.state.host.name) == ("rack 3", "one")
    play.when(UpdateHost(id=HOST, document=Host(comment="rack 3"))).then(accepted())


def test_it_moves_to_another_cluster_in_maintenance_alone() -> None:
    move = UpdateHost(id=HOST, document=Host(cluster=Ref(id="c2")))
    play = up().with_row("cluster", Cluster(id="c2", name="c2")).when(move).then(refused("not_legal", "status"))
    play = up().with_row("cluster", Cluster(id="c2", name="c2")).given(AWAY)
    play.when(move).then(event(HostUpdated), audit("host_updated", user="u", host=HOST), accepted(), stored)
    assert play.state.host.cluster == Ref(id="c2")


def test_a_name_that_another_host_has_is_refused() -> None:
    taken = UpdateHost(id=HOST, document=Host(name="taken"))
    up().with_row("host", Host(id="other", name="taken")).when(taken).then(refused("name_taken", "name"))
