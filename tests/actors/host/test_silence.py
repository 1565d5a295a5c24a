"""A host whose link ends: it has a while to come back, then nobody knows what runs there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.entity.host_signals import HostConfirmedDown, HostLost, HostReturned
from protocol.document import Ref
from protocol.host.commands import FenceHost
from protocol.host.events import HostCameUp, HostConfirmedRebooted, HostFellSilent, HostLinked, HostLinkLost
from protocol.storage.model import Disk, StorageDomain
from protocol.vm.model import Vm
from tests.actors.expected import accepted, audit, cancel, event, look, refused, status, stored, tell, timer
from tests.actors.host.lives import HOST, HostPlay, added, cut, domain, link, report, silent, up
from tests.actors.playbook import fired


def test_a_cut_link_is_connecting_until_the_silent_period_is_over() -> None:
    """It may be a broken connection only: nobody is told."""
    up().with_vm().when(cut).then(
        event(HostLinkLost, reason="the node is silent"),
        audit("host_link_lost", severity="warning", host=HOST),
        timer("silent", 20),
        status("connecting"),
    )


def test_silence_makes_it_non_responsive_and_its_vms_unknown() -> None:
    up().with_vm().given(cut).when(fired("silent")).then(
        event(HostFellSilent),
        audit("host_silent", severity="error", host=HOST),
        tell("vm/vm1", HostLost(host_id=HOST)),
        status("non_responsive"),
    )


def test_silence_is_told_to_the_storage_of_the_host_too() -> None:
    """A disk at rest has nothing to wait for."""
    play = up().with_row("storage_domain", StorageDomain(id="sd", name="sd", host=Ref(id=HOST)))
    play.with_row("disk", Disk(id="d1", name="d1", status="locked", storage_domain=Ref(id="sd")))
    play.with_row("disk", Disk(id="d2", name="d2", status="ok", storage_domain=Ref(id="sd")))
    play.given(cut).when(fired("silent")).then(
        event(HostFellSilent),
        audit("host_silent", severity="error", host=HOST),
        tell("storage_domain/sd", HostLost(host_id=HOST)),
        tell("disk/d1", HostLost(host_id=HOST)),
        status("non_responsive"),
    )


def test_a_link_that_is_back_in_time_is_no_silence() -> None:
    play = up().with_vm().given(cut)
    play.when(link).then(event(HostLinked), cancel("silent"), look(HOST), status("initializing"))
    play.when(fired("silent")).then()
    play.when(report("vm1")).then(
        event(HostCameUp),
        audit("host_up", host=HOST),
        tell("vm/vm1", HostReturned(host_id=HOST, domain=domain("vm1"))),
        status("up"),
    )


def test_silence_once_more_only_reminds_the_vms() -> None:
    silent().with_vm().when(fired("silent")).then(tell("vm/vm1", HostLost(host_id=HOST)))


def test_one_that_never_enrolled_does_not_fall_silent() -> None:
    """The timer runs after each start of the engine; there was nobody to lose."""
    added().when(fired("silent")).then()


def test_back_from_silence_each_resident_hears_what_became_of_it() -> None:
    play = silent().with_vm("vm1").with_vm("vm2")
    play.when(link).then(event(HostLinked), cancel("silent"), look(HOST), status("initializing"))
    play.when(report("vm1")).then(
        event(HostCameUp),
        audit("host_up", host=HOST),
        tell("vm/vm1", HostReturned(host_id=HOST, domain=domain("vm1"))),
        tell("vm/vm2", HostReturned(host_id=HOST)),
        status("up"),
    )


def test_a_confirmed_reboot_ends_its_vms() -> None:
    """It is up again when its node says so."""
    silent().with_vm().when(FenceHost(id=HOST)).then(
        event(HostConfirmedRebooted),
        audit("host_reboot_confirmed", text="was rebooted", user="u", host=HOST),
        tell("vm/vm1", HostConfirmedDown(host_id=HOST)),
        accepted(),
        stored,
    )


def test_who_waits_for_the_host_beside_its_operation_hears_of_it_too() -> None:
    play = silent().with_vm().with_row("vm", Vm(id="vm2", name="two", pending_steps=1))
    play.with_row("vm", Vm(id="vm3", name="three"))
    play.when(FenceHost(id=HOST)).then(
        event(HostConfirmedRebooted),
        audit("host_reboot_confirmed", user="u", host=HOST),
        tell("vm/vm1", HostConfirmedDown(host_id=HOST)),
        tell("vm/vm2", HostConfirmedDown(host_id=HOST)),
        accepted(),
        stored,
    )


@pytest.mark.parametrize("life", [up, added, lambda: up().given(cut), lambda: silent().given(link)])
def test_a_reboot_is_confirmed_of_a_silent_host_alone(life: Callable[[], HostPlay]) -> None:
    life().with_vm().when(FenceHost(id=HOST)).then(refused("not_legal", "status"))


def test_a_host_that_is_linked_again_was_not_rebooted() -> None:
    """The word of its link is still on its way."""
    silent().linked().when(FenceHost(id=HOST)).then(refused("not_legal", "status"))


def test_other_ways_of_fencing_are_not_there_yet() -> None:
    silent().when(FenceHost(id=HOST, fence_type="restart")).then(refused("invalid", "fence_type"))
