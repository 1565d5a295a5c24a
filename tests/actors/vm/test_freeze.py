"""Freeze and thaw of the guest's file systems: what each asks of the node, how it ends, and what may come over it."""

from __future__ import annotations

from actors.entity.host_signals import DomainSeen, HostLost, HostReturned
from protocol.node.commands import DestroyDomain, FreezeDomain, ShutdownDomain, ThawDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import FreezeVmFileSystems, ShutdownVm, StopVm, ThawVmFileSystems
from protocol.vm.events import (
    VmFound,
    VmOperationEnded,
    VmOperationProgressed,
    VmShutdownRequested,
    VmStopRequested,
    VmWentDown,
)
from tests.actors.expected import (
    accepted,
    ack,
    ack_stopped,
    audit,
    cancel,
    event,
    look,
    refused,
    status,
    stored,
    timer,
    to_node,
)
from tests.actors.playbook import done, fired
from tests.actors.vm.lives import FULL, HOST, SILENT, VM, VmPlay, added, booting, domain, no_timers, paused, saving, up


def freezing() -> VmPlay:
    return up().given(FreezeVmFileSystems(id=VM))


def test_freeze_asks_the_guest_and_ends_with_its_answer() -> None:
    play = up()
    play.when(FreezeVmFileSystems(id=VM)).then(
        event(VmOperationProgressed, begins="freeze", step="Freezing the file systems of VM web"),
        to_node(FreezeDomain(vm_id=VM)),
        timer("freeze", 30),
        accepted(job=True),
        stored,
    )
    play.when_restarted().then(to_node(FreezeDomain(vm_id=VM)), timer("freeze", 30))
    play.when(done(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("vm_frozen", user="u", vm=VM, host=HOST),
        ack(),
        cancel("freeze"),
        look(HOST),
    )


def test_thaw_asks_the_guest_and_ends_with_its_answer() -> None:
    play = freezing().given(done(Done()))
    play.when(ThawVmFileSystems(id=VM)).then(
        event(VmOperationProgressed, begins="thaw", step="Thawing the file systems of VM web"),
        to_node(ThawDomain(vm_id=VM)),
        accepted(job=True),
        stored,
    )
    play.when_restarted().then(to_node(ThawDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmOperationEnded, ends="done"), audit("vm_thawed", user="u", vm=VM, host=HOST), ack(), look(HOST)
    )


def test_a_guest_that_cannot_says_why() -> None:
    freezing().when(done(FULL)).then(
        event(VmOperationEnded, ends="failed", why="The disk is full."),
        audit("vm_freeze_failed", severity="error", vm=VM, host=HOST),
        ack(),
        cancel("freeze"),
        look(HOST),
    )


LATE = "The guest did not confirm it within 30 s; if it is frozen, it thaws by itself."


def test_a_guest_that_does_not_answer_in_time_is_not_frozen() -> None:
    freezing().when(fired("freeze")).then(
        event(VmOperationEnded, ends="failed", why=LATE + " Check the VM and its host, then try again."),
        audit("vm_freeze_failed", severity="error", text=LATE, vm=VM, host=HOST),
        cancel("freeze"),
        look(HOST),
    )


def test_an_answer_that_comes_late_says_nothing_of_now() -> None:
    freezing().given(HostLost(host_id=HOST)).later(31).when(done(Done())).then(
        event(VmOperationEnded, ends="failed", why=LATE + " Check the VM and its host, then try again."),
        audit("vm_freeze_failed", severity="error", text=LATE, vm=VM, host=HOST),
        ack(),
        cancel("freeze"),
        look(HOST),
    )


def test_a_thaw_that_fails_says_why() -> None:
    up().given(ThawVmFileSystems(id=VM)).when(done(FULL)).then(
        event(VmOperationEnded, ends="failed", why="The disk is full."),
        audit("vm_thaw_failed", severity="error", vm=VM, host=HOST),
        ack(),
        cancel("thaw"),
        look(HOST),
    )


def test_a_frozen_vm_may_be_frozen_again_and_one_that_is_not_may_be_thawed() -> None:
    freezing().given(done(Done())).when(FreezeVmFileSystems(id=VM)).then(
        event(VmOperationProgressed, begins="freeze", step="Freezing the file systems of VM web"),
        to_node(FreezeDomain(vm_id=VM)),
        timer("freeze", 30),
        accepted(job=True),
        stored,
    )
    up().when(ThawVmFileSystems(id=VM)).then(
        event(VmOperationProgressed, begins="thaw", step="Thawing the file systems of VM web"),
        to_node(ThawDomain(vm_id=VM)),
        accepted(job=True),
        stored,
    )


def test_both_need_a_vm_that_is_up_with_an_agent_and_nothing_under_way() -> None:
    for command in (FreezeVmFileSystems(id=VM), ThawVmFileSystems(id=VM)):
        for play in (added(), booting(), paused()):
            play.when(command).then(refused("not_legal", "status"))
        up().given(SILENT).when(command).then(
            refused("conflict", reason="no guest agent reports from it", remedy="Install and start the guest agent in the "
                    "VM, then ask again.")
        )  # fmt: skip
        saving().when(command).then(refused("busy"))
        freezing().when(command).then(refused("busy"))


def test_a_vm_that_is_being_frozen_is_stopped_all_the_same() -> None:
    freezing().when(StopVm(id=VM)).then(
        event(VmStopRequested, begins="stop", step="Powering off", desired="down"),
        audit("vm_stopped", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        cancel("freeze"),
        accepted(job=True),
        stored,
        status("powering_down"),
    )


def test_a_frozen_vm_is_shut_down_like_any_other() -> None:
    freezing().given(done(Done())).when(ShutdownVm(id=VM)).then(
        event(VmShutdownRequested, begins="shutdown", step="Asking the guest to shut down", desired="down"),
        audit("vm_shutdown", user="u", vm=VM, host=HOST),
        to_node(ShutdownDomain(vm_id=VM)),
        timer("shutdown", 300),
        accepted(job=True),
        stored,
        status("powering_down"),
    )


def test_a_freeze_ends_with_the_vm() -> None:
    freezing().when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.CRASHED)).then(
        event(VmWentDown, cause="crashed", reason="QEMU exited unexpectedly.", ends="failed", why="QEMU exited (crashed).",
              desired="down"),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers("freeze"),
        ack_stopped(),
        status("down"),
    )  # fmt: skip


def test_a_host_that_was_lost_meanwhile_is_asked_again_and_looked_at() -> None:
    play = freezing().given(HostLost(host_id=HOST))
    play.when(HostReturned(host_id=HOST, domain=domain())).then(to_node(FreezeDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("vm_frozen", user="u", vm=VM, host=HOST),
        ack(),
        cancel("freeze"),
        look(HOST),
    )
    play.when(HostReturned(host_id=HOST, domain=domain())).then(
        event(VmFound, status="up"), audit("vm_found", vm=VM, host=HOST), status("up")
    )
