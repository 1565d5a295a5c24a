"""Adding, changing and removing a NIC of a VM that is down."""

from __future__ import annotations

from typing import Any

from actors.entity.ids import derived_id
from actors.reservations.messages import Reserve, Reserved
from protocol.document import Ref
from protocol.network.model import Nic
from protocol.vm.commands import ActivateNic, AddNic, DeactivateNic, RemoveNic, UpdateNic
from protocol.vm.events import VmNicsChanged
from tests.actors.expected import accepted, audit, event, question, refused, release_claim, stored
from tests.actors.playbook import answered, command_id
from tests.actors.vm.lives import MAC, NIC, NO, VM, added, launching, up

NIC_2 = derived_id(command_id(2), "nic0")
MAC_2 = "56:6f:00:00:00:02"


def adding(**more: Any) -> AddNic:
    return AddNic(parent_id=VM, document=Nic(**({"name": "nic2", "vnic_profile": Ref(id="profile")} | more)))


def test_a_nic_claims_an_address_first() -> None:
    added().when(adding()).then(
        question("reservations/main", Reserve(holder=command_id(2), owner_id=VM, macs=("",))), release_claim()
    )


def test_a_nic_is_added_in_the_next_slot() -> None:
    play = added().given(adding())
    play.when(answered(Reserved(macs=(MAC_2,)))).then(
        event(VmNicsChanged),
        audit("nic_added", user="u", vm=VM),
        accepted("nic", NIC_2),
        stored,
    )
    assert [(nic.name, nic.slot) for nic in play.state.vm.nics] == [("nic1", 0), ("nic2", 1)]


def test_a_nic_is_changed() -> None:
    play = added()
    play.when(UpdateNic(parent_id=VM, id=NIC, document=Nic(name="uplink"))).then(
        question("reservations/main", Reserve(holder=command_id(2), owner_id=VM, macs=(MAC,))), release_claim()
    )
    play.when(answered(Reserved(macs=(MAC,)))).then(
        event(VmNicsChanged), audit("nic_updated", user="u", vm=VM), accepted("nic", NIC), stored
    )
    assert [(nic.id, nic.name, nic.slot) for nic in play.state.vm.nics] == [(NIC, "uplink", 0)]


def test_a_nic_is_removed() -> None:
    play = added()
    play.when(RemoveNic(parent_id=VM, id=NIC)).then(
        event(VmNicsChanged), audit("nic_removed", user="u", vm=VM), accepted("nic", NIC), stored
    )
    assert play.state.vm.nics == ()


def test_no_address_is_free() -> None:
    added().given(adding()).when(answered(NO)).then(refused("host_failed"))


def test_a_profile_that_goes_meanwhile_lets_the_claim_go() -> None:
    play = added().given(adding()).without_row("vnic_profile", "profile")
    play.when(answered(Reserved(macs=(MAC_2,)))).then(refused("not_found", "vnic_profile"))


def test_a_nic_that_is_not_there_is_not_found() -> None:
    added().when(UpdateNic(parent_id=VM, id="none", document=Nic(name="x"))).then(refused("not_found"))
    added().when(RemoveNic(parent_id=VM, id="none")).then(refused("not_found"))


def test_a_second_nic_of_the_same_name_is_refused() -> None:
    added().when(adding(name="nic1")).then(refused("name_taken", "name"))


def test_the_nics_of_a_running_vm_stay_as_they_are() -> None:
    up().when(adding()).then(refused("not_legal", "status"))
    launching().when(adding()).then(refused("busy"))


def test_a_dry_run_claims_an_address_and_adds_nothing() -> None:
    play = added()
    reserve = Reserve(holder=command_id(2), owner_id=VM, macs=("",))
    play.when(adding(), dry_run=True).then(question("reservations/main", reserve), release_claim())
    play.when(answered(Reserved(macs=(MAC_2,)))).then(accepted("nic", NIC_2))
    assert len(play.state.vm.nics) == 1


def test_a_nic_is_unplugged_and_plugged_in() -> None:
    play = added()
    play.when(DeactivateNic(parent_id=VM, id=NIC)).then(
        event(VmNicsChanged), audit("nic_deactivated", user="u", vm=VM), accepted("nic", NIC), stored
    )
    assert [nic.plugged for nic in play.state.vm.nics] == [False]
    play.when(DeactivateNic(parent_id=VM, id=NIC)).then(accepted("nic", NIC))
    play.when(ActivateNic(parent_id=VM, id=NIC)).then(
        event(VmNicsChanged), audit("nic_activated", user="u", vm=VM), accepted("nic", NIC), stored
    )
    assert [nic.plugged for nic in play.state.vm.nics] == [True]


def test_only_a_nic_of_a_vm_that_is_down_is_plugged_in_or_out() -> None:
    added().when(ActivateNic(parent_id=VM, id="none")).then(refused("not_found"))
    up().when(DeactivateNic(parent_id=VM, id=NIC)).then(refused("not_legal", "status"))
    launching().when(DeactivateNic(parent_id=VM, id=NIC)).then(refused("busy"))
