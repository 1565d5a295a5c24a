"""Changing a VM: at once, except what a running one takes on at its next start; a new name is claimed first."""

from __future__ import annotations

from typing import Any

import pytest

from actors.placement.messages import Placed
from actors.reservations.messages import NameClaim, Reserve, Reserved
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.model import Cluster, Cpu
from protocol.message import Message
from protocol.node.reports import Done
from protocol.vm.commands import StartVm, StopVm, UpdateVm
from protocol.vm.events import VmUpdated
from protocol.vm.model import MemoryPolicy, Vm
from tests.actors.expected import accepted, audit, event, question, refused, release, release_claim, stored
from tests.actors.playbook import answered, command_id, done
from tests.actors.vm.lives import HOST, NO, VM, added, launching, place, suspended, up


def to(**document: Any) -> UpdateVm:
    return UpdateVm(id=VM, document=Vm(**document))


def test_one_that_is_down_changes_at_once() -> None:
    play = added()
    play.when(to(memory=1 << 29)).then(event(VmUpdated), audit("vm_updated", user="u", vm=VM), accepted(), stored)
    assert (play.state.vm.memory, play.state.next_run) == (1 << 29, None)


def test_what_a_running_vm_cannot_change_waits_for_its_next_start() -> None:
    play = up()
    play.when(to(memory=1 << 29, description="new")).then(
        event(VmUpdated),
        audit("vm_updated_next_run", user="u", vm=VM),
        accepted(),
        stored,
    )
    assert (play.state.vm.memory, play.state.vm.description) == (1 << 28, "new")
    assert play.state.next_run.memory == 1 << 29


def test_what_waits_for_the_next_start_is_there_when_it_is_down() -> None:
    play = up().given(to(memory=1 << 29)).given(StopVm(id=VM)).given(done(Done()))
    assert (play.state.vm.memory, play.state.next_run) == (1 << 29, None)
    play.when(StartVm(id=VM)).then(question("scheduler/main", place(command_id(5), memory_bytes=1 << 29)), release())


def test_the_same_again_changes_nothing() -> None:
    added().when(to(memory=1 << 28)).then(accepted())


def test_a_new_name_is_claimed_first() -> None:
    play = added()
    play.when(to(name="other")).then(
        question(
            "reservations/main", Reserve(holder=command_id(2), owner_id=VM, names=(NameClaim(kind="vm", name="other"),))
        ),
        release_claim(),
    )
    play.when(answered(Reserved())).then(event(VmUpdated), audit("vm_updated", user="u", vm=VM), accepted(), stored)
    assert play.state.vm.name == "other"


def test_a_name_that_is_taken_is_refused() -> None:
    taken = Refusal(code="name_taken", reason="There is a VM named other already.", field="name")
    added().given(to(name="other")).when(answered(taken)).then(refused("name_taken", "name"))


def test_a_cluster_that_goes_meanwhile_lets_the_claim_go() -> None:
    play = added(("cluster", Cluster(id="c2", name="c2"))).given(to(name="other", cluster=Ref(id="c2")))
    play.without_row("cluster", "c2").when(answered(Reserved())).then(refused("not_found", "cluster"))


@pytest.mark.parametrize("answer", [Reserved(), NO], ids=["reserved", "refused"])
def test_an_operation_that_began_meanwhile_is_not_disturbed(answer: Message) -> None:
    """Commands queue behind the one that waits, so no command begins it."""
    play = up().given(to(name="other"))
    play.standing = launching().standing
    play.when(answered(answer)).then(refused("not_legal", "status"))


def test_while_a_name_is_claimed_nothing_else_is_decided() -> None:
    added().given(to(name="other")).when(to(comment="x")).then()


def test_a_dry_run_claims_the_new_name_and_changes_nothing() -> None:
    play = added()
    play.when(to(name="other"), dry_run=True).then(
        question(
            "reservations/main", Reserve(holder=command_id(2), owner_id=VM, names=(NameClaim(kind="vm", name="other"),))
        ),
        release_claim(),
    )
    play.when(answered(Reserved())).then(accepted())
    assert play.state.vm.name == "web"


def test_it_moves_to_another_cluster_while_it_is_down() -> None:
    there = ("cluster", Cluster(id="c2", name="c2"))
    added(there).when(to(cluster=Ref(id="c2"))).then(
        event(VmUpdated), audit("vm_updated", user="u", vm=VM), accepted(), stored
    )
    up().with_row(*there).when(to(cluster=Ref(id="c2"))).then(refused("not_legal", "status"))
    added().when(to(cluster=Ref(id="nowhere"))).then(refused("not_found", "cluster"))


@pytest.mark.parametrize("document", [{"memory": 5}, {"type": "mainframe"}, {"name": "a/b"}])
def test_wrong_input_is_refused_with_its_field(document: dict[str, Any]) -> None:
    (field,) = document
    added().when(to(**document)).then(refused("invalid", field))


def test_while_an_operation_runs_it_stays_as_it_is() -> None:
    launching().when(to(comment="x")).then(refused("busy"))


def test_its_template_stays() -> None:
    added().when(to(template=Ref(id="another"))).then(refused("invalid", "template"))


@pytest.mark.parametrize(
    ("cpu", "field"),
    [
        (Cpu(mode="custom", type="a<b"), "cpu.type"),
        (Cpu(mode="custom"), "cpu.type"),
        (Cpu(mode="host_passthrough", type="Westmere"), "cpu.mode"),
    ],
    ids=["no name", "no model", "both"],
)
def test_a_custom_cpu_alone_names_its_model(cpu: Cpu, field: str) -> None:
    added().when(to(cpu=cpu)).then(refused("invalid", field))
    added().when(StartVm(id=VM, vm=Vm(cpu=cpu))).then(refused("invalid", field))


@pytest.mark.parametrize(
    ("memory", "guaranteed"), [(1 << 29, 1 << 27), (1 << 26, 1 << 26)], ids=["more memory", "less memory"]
)
def test_what_is_guaranteed_stays_within_the_memory(memory: int, guaranteed: int) -> None:
    play = added().given(to(memory_policy=MemoryPolicy(guaranteed=1 << 27)))
    play.when(to(memory=memory)).then(event(VmUpdated), audit("vm_updated", user="u", vm=VM), accepted(), stored)
    assert play.state.vm.memory_policy == MemoryPolicy(guaranteed=guaranteed)


def test_memory_that_is_all_guaranteed_stays_so() -> None:
    play = added().given(to(memory_policy=MemoryPolicy(guaranteed=1 << 28))).given(to(memory=1 << 29))
    assert play.state.vm.memory_policy == MemoryPolicy(guaranteed=1 << 29)


def test_a_suspended_vm_goes_on_with_what_it_has_and_changes_after_its_next_stop() -> None:
    play = suspended()
    play.given(UpdateVm(id=VM, document=Vm(memory=1 << 30)))
    assert (play.state.vm.memory, play.state.next_run.memory) == (1 << 28, 1 << 30)
    play.given(StartVm(id=VM)).given(answered(Placed(host_id=HOST)))
    assert play.state.spec.memory_bytes == 1 << 28
    assert play.state.next_run.memory == 1 << 30


def test_a_suspended_vm_moves_to_no_other_cluster() -> None:
    suspended().with_row("cluster", Cluster(id="c2", name="two")).when(
        UpdateVm(id=VM, document=Vm(cluster=Ref(id="c2")))
    ).then(refused("not_legal", "status"))
