"""Rebooting a VM: over when the guest started over, not when its agent promised to."""

from __future__ import annotations

from actors.entity.host_signals import DomainSeen, HostLost, HostReturned
from actors.placement.messages import Placed
from protocol.node.commands import DestroyDomain, RebootDomain, ResetDomain, ShutdownDomain
from protocol.node.reports import Done, GuestReport
from protocol.vm.commands import RebootVm, ResetVm, ShutdownVm, StartVm, StopVm
from protocol.vm.events import (
    VmFound,
    VmGuestReported,
    VmGuestUp,
    VmOperationProgressed,
    VmRebooted,
    VmRebootIgnored,
    VmRebootRequested,
    VmResetRequested,
    VmShutdownRequested,
    VmStopRequested,
)
from tests.actors.expected import accepted, ack, audit, cancel, event, look, refused, status, stored, timer, to_node
from tests.actors.playbook import answered, done, fired
from tests.actors.vm.lives import FULL, GUEST, HOST, VM, domain, heard, rebooting, started, up

OLD = GuestReport(vm_id=VM, fqdn="old.lab", boot_id="1")
NEW = GuestReport(vm_id=VM, fqdn="new.lab", boot_id="2")
ANEW = DomainSeen(host_id=HOST, domain=domain(), rebooted=True)


def test_reboot_asks_the_guest() -> None:
    play = up()
    play.when(RebootVm(id=VM)).then(
        event(VmRebootRequested, begins="reboot", step="Rebooting VM web"),
        to_node(RebootDomain(vm_id=VM)),
        accepted(job=True),
        stored,
        status("reboot_in_progress"),
    )
    play.when_restarted().then(to_node(RebootDomain(vm_id=VM)), timer("reboot", 300))
    play.when(done(Done())).then(
        event(VmOperationProgressed, step="Waiting for the guest to reboot"), ack(), timer("reboot", 300)
    )


def test_the_agent_of_before_is_not_the_one_of_after() -> None:
    play = rebooting()
    play.when(heard(GuestReport(vm_id=VM, fqdn="late.lab"))).then(event(VmGuestReported))
    play.when(ANEW).then(
        event(VmRebooted, ends="done"),
        audit("vm_rebooted", user="u", vm=VM, host=HOST),
        cancel("reboot"),
        timer("guest_up", 60),
        status("powering_up"),
    )
    assert play.state.guest is None
    play.when(heard()).then(
        event(VmGuestReported, report=GUEST),
        event(VmGuestUp),
        audit("vm_guest_up", vm=VM, host=HOST),
        cancel("guest_up"),
        status("up"),
    )


def test_a_report_from_before_a_reboot_that_comes_after_it_is_not_the_guest_of_now() -> None:
    play = up().given(heard(OLD)).given(RebootVm(id=VM)).given(done(Done())).given(ANEW)
    play.when(heard(OLD)).then()
    play.when(heard(NEW)).then(
        event(VmGuestReported, report=NEW),
        event(VmGuestUp),
        audit("vm_guest_up", vm=VM, host=HOST),
        cancel("guest_up"),
        status("up"),
    )


def test_a_reboot_whose_event_was_lost_ends_when_another_boot_speaks() -> None:
    play = up().given(heard(OLD)).given(RebootVm(id=VM)).given(done(Done()))
    play.when(heard(NEW)).then(
        event(VmRebooted, ends="done"),
        event(VmGuestReported, report=NEW),
        event(VmGuestUp),
        audit("vm_rebooted", user="u", vm=VM, host=HOST),
        audit("vm_guest_up", vm=VM, host=HOST),
        cancel("reboot"),
        timer("guest_up", 60),
        cancel("guest_up"),
        status("up"),
    )
    play.when(fired("reboot")).then()


def test_after_a_new_start_every_boot_is_new() -> None:
    play = up().given(heard(OLD)).given(StopVm(id=VM)).given(done(Done()))
    play.given(StartVm(id=VM)).given(answered(Placed(host_id=HOST))).given(started())
    play.when(heard(OLD)).then(
        event(VmGuestReported, report=OLD),
        event(VmGuestUp),
        audit("vm_guest_up", vm=VM, host=HOST),
        cancel("guest_up"),
        status("up"),
    )


def test_a_guest_that_starts_over_before_its_node_said_so_is_rebooted() -> None:
    play = up().given(RebootVm(id=VM))
    play.when(ANEW).then(
        event(VmRebooted, ends="done"),
        audit("vm_rebooted", user="u", vm=VM, host=HOST),
        cancel("reboot"),
        timer("guest_up", 60),
        status("powering_up"),
    )
    play.when(done(Done(), of=RebootDomain)).then(ack())


def test_a_reboot_that_the_guest_ignores_ends_as_failed() -> None:
    play = rebooting()
    play.when(fired("reboot")).then(
        event(VmRebootIgnored, ends="failed", why="The guest did not reboot within 300 s."),
        audit("vm_reboot_ignored", severity="warning", vm=VM, host=HOST),
        look(HOST),
        status("up"),
    )
    play.when(fired("reboot")).then()


def test_a_reboot_that_the_host_cannot_ask_for_leaves_the_vm_up() -> None:
    play = up().given(RebootVm(id=VM))
    play.when(done(FULL)).then(
        event(VmRebootIgnored, ends="failed", why="The disk is full."),
        audit("vm_reboot_failed", severity="error", vm=VM, host=HOST),
        cancel("reboot"),
        ack(),
        look(HOST),
        status("up"),
    )
    assert play.state.guest == GUEST


def test_a_reboot_that_hangs_is_no_lock_for_a_shutdown() -> None:
    rebooting().when(ShutdownVm(id=VM)).then(
        event(VmShutdownRequested, desired="down", begins="shutdown", step="Asking the guest to shut down"),
        audit("vm_shutdown", user="u", vm=VM, host=HOST),
        to_node(ShutdownDomain(vm_id=VM)),
        cancel("reboot"),
        timer("shutdown", 300),
        accepted(job=True),
        stored,
        status("powering_down"),
    )


def test_a_reboot_that_hangs_is_no_lock_for_a_reset() -> None:
    rebooting().when(ResetVm(id=VM)).then(
        event(VmResetRequested, begins="reset", step="Resetting VM web"),
        to_node(ResetDomain(vm_id=VM)),
        cancel("reboot"),
        accepted(job=True),
        stored,
    )


def test_a_reboot_that_hangs_is_no_lock_for_a_stop() -> None:
    rebooting().when(StopVm(id=VM)).then(
        event(VmStopRequested, desired="down", begins="stop", step="Powering off"),
        audit("vm_stopped", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        cancel("reboot"),
        accepted(job=True),
        stored,
        status("powering_down"),
    )


def test_a_reboot_whose_host_falls_silent_goes_on_waiting() -> None:
    play = rebooting().given(HostLost(host_id=HOST))
    play.when(fired("reboot")).then()
    play.when(HostReturned(host_id=HOST, domain=domain())).then(
        event(VmFound, status="reboot_in_progress"),
        audit("vm_found", vm=VM, host=HOST),
        timer("reboot", 300),
        status("reboot_in_progress"),
    )
    play.when(ANEW).then(
        event(VmRebooted, ends="done"),
        audit("vm_rebooted", user="u", vm=VM, host=HOST),
        cancel("reboot"),
        timer("guest_up", 60),
        status("powering_up"),
    )


def test_a_reboot_from_inside_is_said() -> None:
    play = up()
    play.when(ANEW).then(
        event(VmRebooted),
        audit("vm_rebooted_inside", text="from inside", vm=VM, host=HOST),
        timer("guest_up", 60),
        status("powering_up"),
    )
    play.when(ANEW).then()  # a guest that boots in circles is powering up all the while


def test_a_second_reboot_is_refused_while_the_first_goes_on() -> None:
    rebooting().when(RebootVm(id=VM)).then(refused("busy"))
