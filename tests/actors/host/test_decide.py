"""A host's life as transcripts: announced, linked, up, silent, back, in maintenance, gone."""

from __future__ import annotations

import attrs
import pytest

from actors.host.signals import HostConfirmedDown, HostLost, HostReturned
from protocol.commands import host as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.model.host import Host
from protocol.model.storage import Disk, StorageDomain
from protocol.model.types import Ref
from protocol.model.vm import Vm
from tests.actors.host.playbook import CLUSTER, FACTS, HOST, Play, added, domain, silent, up

DEACTIVATE = commands.DeactivateHost(id=HOST)
ACTIVATE = commands.ActivateHost(id=HOST)


def with_vm(play: Play, id: str = "vm1", host: str | None = HOST) -> Play:
    return play.put("vm", Vm(id=id, name=id, host=Ref(id=host) if host else None))


def refused(play: Play) -> Refusal:
    assert isinstance(play.last.reply, Refusal), play.last
    assert play.happened == []
    return play.last.reply


# --- coming up ----------------------------------------------------------------------------------------------------


def test_added_waits_for_its_node() -> None:
    play = added()
    assert play.happened == ["HostAdded"]
    assert isinstance(play.last.reply, Accepted)
    assert play.last.store_outcome
    assert play.status == "installing"


def test_added_without_a_cluster_goes_to_the_default_one() -> None:
    play = Play().command(commands.AddHost(id=HOST, document=Host(name="one", address="one")))
    assert play.state is not None
    assert play.state.host.cluster == Ref(id=CLUSTER)


def test_without_a_cluster_to_go_to_it_is_refused() -> None:
    play = Play()
    play.rows.drop("cluster", CLUSTER)
    play.command(commands.AddHost(id=HOST, document=Host(name="one", address="one")))
    assert refused(play).field == "cluster"


def test_what_only_the_node_says_is_not_taken_from_people() -> None:
    document = Host(name="one", address="one", status="up", memory=1)
    play = Play().command(commands.AddHost(id=HOST, document=document))
    assert play.state is not None
    assert (play.state.host.status, play.state.host.memory) == (None, None)


def test_the_same_add_again_changes_nothing() -> None:
    play = added().command(commands.AddHost(id=HOST, document=Host(name="one", address="one")))
    assert isinstance(play.last.reply, Accepted)
    assert play.happened == []


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Host(address="one"), "name"),
        (Host(name="one"), "address"),
        (Host(name="a/b", address="one"), "name"),
        (Host(name="one", address="one", cluster=Ref(id="nowhere")), "cluster"),
        (Host(name="taken", address="one"), "name"),
        (Host(name="one", address="one", comment="\0"), "comment"),
    ],
)
def test_wrong_input_is_refused_with_its_field(document: Host, field: str) -> None:
    play = Play().put("host", Host(id="other", name="taken"))
    assert refused(play.command(commands.AddHost(id=HOST, document=document))).field == field


def test_linked_asks_for_everything_and_is_up_when_it_has_come() -> None:
    play = added().link()
    assert play.happened == ["HostLinked"]
    assert play.did == ["cancel silent", "node ReportNow"]
    assert play.status == "initializing"
    play.when(FACTS)
    assert play.happened == ["HostFactsChanged"]
    assert play.status == "initializing"
    play.report()
    assert play.happened == ["HostCameUp"]
    assert play.audit == ["Host one is up."]
    assert play.status == "up"


def test_a_machine_without_kvm_says_so_when_it_comes_up() -> None:
    reported = attrs.evolve(FACTS, virtualization="tcg", virtualization_reason="/dev/kvm is missing.")
    play = added().link().when(reported).report()
    assert play.audit == ["Host one is up. Guests run by tcg: /dev/kvm is missing."]


def test_a_domain_that_nobody_knows_is_left_alone_and_said() -> None:
    play = added().link().when(FACTS).report("stranger")
    assert "runs domain stranger" in play.audit[1]
    assert play.messages == {}
    assert play.report("stranger").audit == [], "once, when the host comes up"


def test_the_same_facts_are_not_journaled_twice() -> None:
    assert up().when(FACTS).happened == []


def test_a_report_while_up_only_tells_the_vms() -> None:
    play = with_vm(up()).report("vm1")
    assert play.happened == []
    assert list(play.messages) == ["vm/vm1"]


# --- silence ------------------------------------------------------------------------------------------------------


def test_a_cut_link_is_connecting_until_the_silent_period_is_over() -> None:
    play = with_vm(up()).cut()
    assert play.happened == ["HostLinkLost"]
    assert play.did == ["set silent 20"]
    assert play.messages == {}, "it may be a broken connection only"
    assert play.status == "connecting"


def test_silence_makes_it_non_responsive_and_its_vms_unknown() -> None:
    play = with_vm(up()).cut().timer("silent")
    assert play.happened == ["HostFellSilent"]
    assert play.messages == {"vm/vm1": HostLost(host_id=HOST)}
    assert play.status == "non_responsive"
    assert play.last.audit[0].severity == "error"


def test_silence_is_told_to_the_storage_of_the_host_too() -> None:
    play = up().put("storage_domain", StorageDomain(id="sd", name="sd", host=Ref(id=HOST)))
    play.put("disk", Disk(id="d1", name="d1", status="locked", storage_domain=Ref(id="sd")))
    play.put("disk", Disk(id="d2", name="d2", status="ok", storage_domain=Ref(id="sd")))
    play.cut().timer("silent")
    assert list(play.messages) == ["storage_domain/sd", "disk/d1"], "a disk at rest has nothing to wait for"


def test_a_link_that_is_back_in_time_is_no_silence() -> None:
    play = with_vm(up()).cut().link()
    assert play.did == ["cancel silent", "node ReportNow"]
    play.timer("silent")
    assert (play.happened, play.messages) == ([], {})
    assert play.report("vm1").status == "up"


def test_silence_once_more_only_reminds_the_vms() -> None:
    play = with_vm(silent()).timer("silent")
    assert play.happened == []
    assert list(play.messages) == ["vm/vm1"]


def test_one_that_never_enrolled_does_not_fall_silent() -> None:
    """The timer runs after each start of the engine; there was nobody to lose."""
    play = added().timer("silent")
    assert play.happened == []
    assert play.status == "installing"


def test_back_from_silence_each_resident_hears_what_became_of_it() -> None:
    play = with_vm(with_vm(silent(), "vm1"), "vm2").link()
    assert play.status == "initializing"
    play.report("vm1")
    assert play.messages == {
        "vm/vm1": HostReturned(host_id=HOST, domain=domain("vm1")),
        "vm/vm2": HostReturned(host_id=HOST, domain=None),
    }
    assert play.status == "up"


def test_a_stray_is_told_to_its_vm_and_a_stranger_to_nobody() -> None:
    play = with_vm(up(), "away", host=None).report("away", "never heard of")
    assert play.messages == {"vm/away": HostReturned(host_id=HOST, domain=domain("away"))}


def test_a_while_after_a_failed_commit_a_linked_host_is_looked_at_again() -> None:
    play = up()
    assert play.timer("linked").did == ["node ReportNow"], "up: it only reports again"
    play = added()
    play.linked = True
    play.timer("linked")
    assert play.happened == ["HostLinked"], "its coming was part of what did not become durable"
    play = silent()
    play.timer("linked")
    assert (play.happened, play.did) == ([], [])


# --- maintenance --------------------------------------------------------------------------------------------------


def test_an_empty_host_is_in_maintenance_at_once() -> None:
    play = up().command(DEACTIVATE)
    assert play.happened == ["HostMaintenanceRequested", "HostEnteredMaintenance"]
    assert play.status == "maintenance"


def test_with_vms_it_waits_for_the_last_one() -> None:
    play = with_vm(up()).command(DEACTIVATE)
    assert play.happened == ["HostMaintenanceRequested"]
    assert play.did == ["set emptied 2"]
    assert "1 VMs run on it" in play.audit[0]
    assert play.status == "preparing_for_maintenance"
    play.timer("emptied")
    assert (play.happened, play.did) == ([], ["set emptied 2"])
    with_vm(play, host=None).timer("emptied")
    assert play.happened == ["HostEnteredMaintenance"]
    assert play.status == "maintenance"
    assert play.timer("emptied").happened == []


def test_deactivated_twice_is_accepted_twice() -> None:
    play = up().command(DEACTIVATE).command(DEACTIVATE)
    assert isinstance(play.last.reply, Accepted)
    assert play.happened == []


def test_in_maintenance_links_come_and_go_without_a_word() -> None:
    play = up().command(DEACTIVATE).cut()
    assert (play.happened, play.did, play.status) == ([], ["set silent 20"], "maintenance")
    play.timer("silent")
    assert (play.happened, play.status) == ([], "maintenance")
    play.link()
    assert (play.happened, play.did, play.status) == ([], ["cancel silent", "node ReportNow"], "maintenance")
    assert play.report().status == "maintenance"


def test_activated_while_linked_it_reports_and_is_up() -> None:
    play = up().command(DEACTIVATE).command(ACTIVATE)
    assert play.happened == ["HostActivated", "HostLinked"]
    assert play.did == ["node ReportNow"]
    assert play.status == "initializing"
    assert play.report().status == "up"


def test_activated_without_a_link_it_has_the_silent_period_to_come() -> None:
    play = up().command(DEACTIVATE).cut().command(ACTIVATE)
    assert play.happened == ["HostActivated"]
    assert play.did == ["set silent 20"]
    assert play.status == "unassigned"
    assert play.timer("silent").status == "non_responsive"


def test_activated_on_the_way_to_maintenance_it_stays() -> None:
    play = with_vm(up()).command(DEACTIVATE).command(ACTIVATE).report("vm1")
    assert play.status == "up"
    assert play.timer("emptied").happened == []


def test_activating_one_that_is_up_is_refused() -> None:
    refusal = refused(up().command(ACTIVATE))
    assert (refusal.code, refusal.field) == ("not_legal", "status")


# --- fencing and removing -----------------------------------------------------------------------------------------


def test_a_confirmed_reboot_ends_its_vms() -> None:
    play = with_vm(silent()).command(commands.FenceHost(id=HOST))
    assert play.happened == ["HostConfirmedRebooted"]
    assert play.messages == {"vm/vm1": HostConfirmedDown(host_id=HOST)}
    assert play.last.audit, "every fence is in the trail"
    assert play.status == "non_responsive", "it is up when its node says so"


@pytest.mark.parametrize("play", [up(), added(), up().cut(), silent().link()], ids=lambda play: play.status)
def test_a_reboot_is_confirmed_of_a_silent_host_alone(play: Play) -> None:
    refusal = refused(with_vm(play).command(commands.FenceHost(id=HOST)))
    assert refusal.code == "not_legal"
    assert play.messages == {}


def test_a_host_that_is_linked_again_was_not_rebooted() -> None:
    play = silent()
    play.linked = True  # the message of its link is still on its way
    refused(play.command(commands.FenceHost(id=HOST)))


def test_other_ways_of_fencing_are_not_there_yet() -> None:
    assert refused(silent().command(commands.FenceHost(id=HOST, fence_type="restart"))).field == "fence_type"


def test_removing_needs_maintenance() -> None:
    assert refused(up().command(commands.RemoveHost(id=HOST))).code == "not_legal"
    assert up().command(DEACTIVATE).command(commands.RemoveHost(id=HOST)).status == "gone"


def test_one_that_never_came_up_can_be_removed() -> None:
    play = added().command(commands.RemoveHost(id=HOST))
    assert play.happened == ["HostRemoved"]
    assert play.status == "gone"


def test_a_host_in_use_is_not_removed_and_says_by_what() -> None:
    play = up().command(DEACTIVATE)
    with_vm(play).put("storage_domain", StorageDomain(id="sd", name="sd", host=Ref(id=HOST)))
    refusal = refused(play.command(commands.RemoveHost(id=HOST)))
    assert refusal.code == "conflict"
    assert refusal.reasons == ("VM vm1", "storage domain sd")


def test_one_that_is_gone_is_not_found() -> None:
    play = added().command(commands.RemoveHost(id=HOST))
    for command in (DEACTIVATE, ACTIVATE, commands.RemoveHost(id=HOST)):
        assert refused(play.command(command)).status == 404
    assert play.link().happened == []
    assert play.report().happened == []


# --- updating -----------------------------------------------------------------------------------------------------


def test_an_update_sets_what_is_set() -> None:
    play = up().command(commands.UpdateHost(id=HOST, document=Host(comment="rack 3")))
    assert play.happened == ["HostUpdated"]
    assert play.state is not None
    assert (play.state.host.comment, play.state.host.name) == ("rack 3", "one")
    play.command(commands.UpdateHost(id=HOST, document=Host(comment="rack 3")))
    assert play.happened == []
    assert isinstance(play.last.reply, Accepted)


def test_it_moves_to_another_cluster_in_maintenance_alone() -> None:
    play = up().put("cluster", attrs.evolve(up().rows.document("cluster", CLUSTER), id="c2", name="c2"))
    move = commands.UpdateHost(id=HOST, document=Host(cluster=Ref(id="c2")))
    assert refused(play.command(move)).code == "not_legal"
    play.command(DEACTIVATE).command(move)
    assert play.state is not None
    assert play.state.host.cluster == Ref(id="c2")


def test_a_name_that_another_host_has_is_refused() -> None:
    play = up().put("host", Host(id="other", name="taken"))
    refusal = refused(play.command(commands.UpdateHost(id=HOST, document=Host(name="taken"))))
    assert (refusal.code, refusal.field) == ("name_taken", "name")


def test_approval_is_for_those_that_wait_for_it() -> None:
    assert refused(up().command(commands.ApproveHost(id=HOST))).code == "not_legal"
