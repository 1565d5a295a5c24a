"""A host is announced, its node links and reports, and it is up."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from actors.entity.host_signals import HostReturned
from protocol.document import Ref
from protocol.host.commands import ActivateHost, AddHost, ApproveHost, DeactivateHost, RemoveHost
from protocol.host.events import HostAdded, HostCameUp, HostFactsChanged, HostLinked
from protocol.host.model import Host
from protocol.vm.commands import StartVm
from tests.actors.expected import accepted, audit, cancel, event, look, refused, status, stored, tell, timer
from tests.actors.host.lives import CLUSTER, FACTS, HOST, added, domain, link, report, silent, unborn, up
from tests.actors.playbook import fired


def adding(**document: Any) -> AddHost:
    return AddHost(id=HOST, document=Host(**({"name": "one", "address": "one"} | document)))


def test_added_it_waits_for_its_node() -> None:
    play = unborn()
    play.when(adding(cluster=Ref(id=CLUSTER))).then(
        event(HostAdded), audit("host_added", user="u", host=HOST), accepted(), stored, status("installing")
    )
    play.when(adding(), again=True).then(accepted())


def test_added_without_a_cluster_it_goes_to_the_default_one() -> None:
    play = unborn()
    play.when(adding()).then(
        event(HostAdded), audit("host_added", user="u", host=HOST), accepted(), stored, status("installing")
    )
    assert play.state.host.cluster == Ref(id=CLUSTER)


def test_without_a_cluster_to_go_to_it_is_refused() -> None:
    unborn().without_row("cluster", CLUSTER).when(adding()).then(refused("missing_attribute", "cluster"))


def test_what_only_the_node_says_is_not_taken_from_people() -> None:
    play = unborn()
    play.when(adding(status="up", memory=1)).then(
        event(HostAdded), audit("host_added", user="u", host=HOST), accepted(), stored, status("installing")
    )
    assert (play.state.host.status, play.state.host.memory) == (None, None)


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"name": None}, "missing_attribute", "name"),
        ({"address": None}, "missing_attribute", "address"),
        ({"name": "a/b"}, "invalid", "name"),
        ({"cluster": Ref(id="nowhere")}, "not_found", "cluster"),
        ({"name": "taken"}, "name_taken", "name"),
        ({"comment": "\0"}, "invalid", "comment"),
    ],
)
def test_wrong_input_is_refused_with_its_field(document: dict[str, Any], code: str, field: str) -> None:
    unborn().with_row("host", Host(id="other", name="taken")).when(adding(**document)).then(refused(code, field))


def test_linked_it_is_asked_for_everything_and_is_up_when_it_has_come() -> None:
    play = (
        added()
        .when(link)
        .then(
            event(HostLinked), audit("host_enrolled", host=HOST), cancel("silent"), look(HOST), status("initializing")
        )
    )
    play.when(FACTS).then(event(HostFactsChanged, facts=FACTS))
    play.when(FACTS).then()
    play.when(report()).then(event(HostCameUp), audit("host_up", host=HOST), status("up"))


def test_a_machine_without_kvm_says_so_when_it_comes_up() -> None:
    notified = attrs.evolve(FACTS, virtualization="tcg", virtualization_reason="/dev/kvm is missing.")
    added().given(link).given(notified).when(report()).then(
        event(HostCameUp),
        audit("host_up_without_kvm", severity="warning", text="with tcg: /dev/kvm is missing.", host=HOST),
        status("up"),
    )


def test_a_domain_that_nobody_knows_is_left_alone_and_said_once() -> None:
    play = added().given(link).given(FACTS)
    play.when(report("stranger")).then(
        event(HostCameUp),
        audit("host_up", host=HOST),
        audit("stranger_domain", severity="warning", text="runs domain stranger", host=HOST),
        status("up"),
    )
    play.when(report("stranger")).then()


def test_a_report_while_up_only_tells_the_vms() -> None:
    up().with_vm().when(report("vm1")).then(tell("vm/vm1", HostReturned(host_id=HOST, domain=domain("vm1"))))


def test_a_stray_is_told_to_its_vm_and_a_stranger_to_nobody() -> None:
    up().with_vm("away", host=None).when(report("away", "never heard of")).then(
        tell("vm/away", HostReturned(host_id=HOST, domain=domain("away")))
    )


def test_after_a_restart_it_has_the_silent_period_to_come_back() -> None:
    silent().when_restarted().then(timer("silent", 20))
    up().when_restarted().then(timer("silent", 20), timer("linked", 1))
    up().with_vm().given(DeactivateHost(id=HOST)).when_restarted().then(
        timer("silent", 20), timer("linked", 1), timer("emptied", 2)
    )


def test_a_while_after_a_failed_commit_a_linked_host_is_looked_at_again() -> None:
    up().when(fired("linked")).then(look(HOST))
    added().linked().when(fired("linked")).then(
        event(HostLinked), audit("host_enrolled", host=HOST), cancel("silent"), look(HOST), status("initializing")
    )
    silent().when(fired("linked")).then()


def test_what_is_not_there_hears_nothing() -> None:
    unborn().when(link).then()
    unborn().when(report()).then()
    for command in (DeactivateHost(id=HOST), ActivateHost(id=HOST), RemoveHost(id=HOST)):
        unborn().when(command).then(refused("not_found", status=404))


def test_what_a_host_does_not_understand_is_refused() -> None:
    up().when(StartVm(id=HOST)).then(refused("invalid", "command"))


def test_approval_is_for_those_that_wait_for_it() -> None:
    up().when(ApproveHost(id=HOST)).then(refused("not_legal", "status"))
