"""What the host and the guest say of a VM: down, found, lost, paused, guest facts."""

from __future__ import annotations

import attrs
import pytest

from actors.entity.host_signals import DomainSeen, GuestLost, HostConfirmedDown, HostLost, HostReturned, StepAdvanced
from actors.entity.transitions import status_after
from actors.vm.operations import OPERATIONS
from actors.vm.operations.record import VmOperation
from actors.vm.transitions import TRANSITIONS
from protocol.node.commands import DestroyDomain, PauseDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import PauseVm
from protocol.vm.events import (
    Copy,
    VmCopySeen,
    VmFound,
    VmGuestReported,
    VmGuestSilent,
    VmLost,
    VmPaused,
    VmResumed,
    VmStartFailed,
    VmWentDown,
)
from tests.actors.backstage import NOW
from tests.actors.expected import ack, ack_stopped, audit, beside, event, status, timer
from tests.actors.playbook import done, fired, step_under_way
from tests.actors.vm.lives import (
    FULL,
    GUEST,
    HOST,
    SILENT,
    VM,
    added,
    booting,
    copy_gone,
    domain,
    heard,
    launching,
    no_timers,
    rebooting,
    saving,
    side_begun,
    side_ended,
    unborn,
    up,
)


@pytest.mark.parametrize(
    ("why", "code", "severity", "reported"),
    [
        (StopReason.CRASHED, "vm_down_error", "error", "QEMU exited unexpectedly. signal 9"),
        (StopReason.FAILED, "vm_down_error", "error", "QEMU failed. signal 9"),
        (StopReason.SHUTDOWN, "vm_down", "normal", "The guest powered off. signal 9"),
        (StopReason.DESTROYED, "vm_down", "normal", "QEMU was terminated on the host. signal 9"),
        (StopReason.MIGRATED, "vm_down_error", "error", "migrated signal 9"),
    ],
)
def test_a_qemu_that_ended_is_down_with_the_reason(why: StopReason, code: str, severity: str, reported: str) -> None:
    gone = domain(DomainStatus.ABSENT)
    up().when(DomainSeen(host_id=HOST, domain=gone, stopped=why, detail="signal 9")).then(
        event(VmWentDown, desired="down", cause=why.value, reason=reported),
        audit(code, severity=severity, text=reported, vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"))  # fmt: skip


def test_a_qemu_that_ended_in_the_middle_of_an_operation_fails_it() -> None:
    gone = DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.CRASHED)
    play = up().given(PauseVm(id=VM))
    play.when(gone).then(
        event(
            VmWentDown,
            desired="down",
            cause="crashed",
            reason="QEMU exited unexpectedly.",
            ends="failed",
            why="QEMU exited (crashed).",
        ),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers("pause"),
        ack_stopped(),
        status("down"),
    )
    play.when(done(FULL, of=PauseDomain)).then(ack())


def test_the_end_of_an_earlier_run_is_only_acknowledged() -> None:
    gone = domain(DomainStatus.ABSENT, "vm/x:old:0")
    up().when(DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED)).then(ack_stopped())
    up().when(DomainSeen(host_id="elsewhere", domain=gone, stopped=StopReason.CRASHED)).then(ack_stopped())
    added().when(DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED)).then(ack_stopped())


def test_silence_is_unknown_never_down_and_found_again() -> None:
    play = up()
    play.when(HostLost(host_id=HOST)).then(
        event(VmLost), audit("vm_unknown", severity="warning", vm=VM, host=HOST), status("unknown")
    )
    play.when(HostLost(host_id=HOST)).then()
    play.when(HostReturned(host_id=HOST, domain=domain())).then(
        event(VmFound, status="up"), audit("vm_found", vm=VM, host=HOST), status("up")
    )


def test_found_paused_after_silence() -> None:
    up().given(HostLost(host_id=HOST)).when(HostReturned(host_id=HOST, domain=domain(DomainStatus.PAUSED))).then(
        event(VmFound, status="paused"), audit("vm_found", vm=VM, host=HOST), status("paused")
    )


def test_found_gone_after_silence() -> None:
    up().given(HostLost(host_id=HOST)).when(HostReturned(host_id=HOST)).then(
        event(VmWentDown, desired="down", cause="unknown", reason="It was not running on its host."),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        status("down"),
    )
    absent = domain(DomainStatus.ABSENT)
    up().given(HostLost(host_id=HOST)).when(HostReturned(host_id=HOST, domain=absent)).then(
        event(VmWentDown, desired="down", cause="unknown", reason="It was not running on its host."),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        status("down"),
    )


def test_the_silence_of_another_host_is_nothing() -> None:
    up().when(HostLost(host_id="elsewhere")).then()
    up().when(HostConfirmedDown(host_id="elsewhere")).then()


def test_a_confirmed_reboot_of_the_host_ends_the_vm() -> None:
    up().given(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).then(
        event(VmWentDown, desired="down", cause="host_down", reason="Its host was confirmed as rebooted."),
        audit("vm_down_with_host", severity="error", vm=VM, host=HOST),
        *no_timers(),
        status("down"),
    )


def test_a_confirmed_reboot_of_the_host_ends_what_was_under_way() -> None:
    """Its timer goes too: it would fire into the next reboot."""
    rebooting().given(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).then(
        event(
            VmWentDown,
            desired="down",
            cause="host_down",
            reason="Its host was confirmed as rebooted.",
            ends="failed",
            why="Its host was rebooted.",
        ),
        audit("vm_down_with_host", severity="error", vm=VM, host=HOST),
        *no_timers("reboot"),
        status("down"),
    )


def test_a_start_whose_host_was_rebooted_failed_and_that_is_said() -> None:
    launching().given(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).then(
        event(
            VmStartFailed,
            desired="down",
            reason="Its host was confirmed as rebooted.",
            ends="failed",
            why="Its host was confirmed as rebooted.",
        ),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        status("down"),
    )


def test_a_stray_qemu_of_a_vm_that_is_down_is_ended() -> None:
    """Only that run: one that starts meanwhile is left alone."""
    stray = domain(step="vm/x:old:0")
    end = DestroyDomain(vm_id=VM, started_step_id="vm/x:old:0")
    play = added()
    play.when(HostReturned(host_id="elsewhere", domain=stray)).then(
        event(VmCopySeen, copy=Copy(host_id="elsewhere", started_step_id="vm/x:old:0", is_claimed=True)),
        side_begun("stray", end),
        audit("stray_domain", severity="warning", vm=VM, host="elsewhere"),
        beside(end, host="elsewhere"),
        timer("side_steps", 10),
    )
    play.when(HostReturned(host_id="elsewhere", domain=stray)).then()
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(), ack())


def test_what_is_left_of_a_stray_is_left_alone() -> None:
    added().when(HostReturned(host_id="elsewhere", domain=domain(DomainStatus.ABSENT))).then()


def test_an_io_error_pauses_and_is_said() -> None:
    play = up()
    play.when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.PAUSED, reason="io_error"))).then(
        event(VmPaused, reason="io_error"), audit("vm_io_error", severity="error", vm=VM, host=HOST), status("paused")
    )
    play.when(DomainSeen(host_id=HOST, domain=domain())).then(event(VmResumed), status("up"))


def test_a_pause_that_nobody_explains_is_said_as_such() -> None:
    up().when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.PAUSED))).then(
        event(VmPaused, reason="unknown"),
        audit("vm_found_paused", severity="warning", vm=VM, host=HOST),
        status("paused"),
    )


def test_a_pause_that_libvirt_ends_by_itself_is_nothing() -> None:
    up().when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.PAUSED, reason="snapshot"))).then()
    up().when(DomainSeen(host_id=HOST, domain=domain())).then()


def test_what_is_seen_while_an_operation_runs_waits_for_its_outcome() -> None:
    saving().when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.PAUSED, reason="user"))).then()


def test_the_guest_is_shown() -> None:
    notified = attrs.evolve(GUEST, fqdn="new.lab", memory_available_bytes=7)
    up().when(heard(notified)).then(event(VmGuestReported))


def test_the_same_report_is_not_journaled_twice() -> None:
    up().when(heard(attrs.evolve(GUEST, memory_available_bytes=7))).then()


def test_a_guest_of_a_vm_that_is_down_is_not_shown() -> None:
    added().when(heard()).then()
    added().when(SILENT).then()


def test_a_silent_agent_takes_back_what_it_said() -> None:
    play = up()
    play.when(SILENT).then(event(VmGuestSilent), audit("vm_guest_silent", severity="warning", vm=VM, host=HOST))
    assert (play.state.guest, play.state.guest_silent_since) == (None, NOW)
    play.when(SILENT).then()
    play.when(heard()).then(event(VmGuestReported, report=GUEST))
    assert play.state.guest_silent_since is None


def test_a_guest_is_heard_from_the_host_where_it_runs_alone() -> None:
    lie = attrs.evolve(GUEST, fqdn="liar.lab")
    up().when(heard(lie, host="elsewhere")).then()
    up().when(GuestLost(host_id="elsewhere", since=NOW)).then()
    booting().when(heard(host="elsewhere")).then()


def test_a_guest_that_starts_over_while_it_is_paused_waits_for_the_outcome() -> None:
    over = DomainSeen(host_id=HOST, domain=domain(), rebooted=True)
    up().given(PauseVm(id=VM)).when(over).then()


def test_what_nobody_understands_is_nothing() -> None:
    up().when(fired("nobody")).then()
    launching().when(fired("nobody")).then()
    launching().when(fired("start")).then()
    saving().when(StepAdvanced(host_id=HOST, step=step_under_way(saving()), percent=7)).then()
    unborn().when(heard()).then()


@pytest.mark.parametrize("record", [each for each in OPERATIONS.values() if each.seen_as], ids=lambda each: each.kind)
def test_what_a_vm_is_seen_as_in_an_operation_is_what_it_may_be_found_as(record: VmOperation) -> None:
    """Else its actor would crash when the host is back."""
    found = VmFound(at=NOW, status=record.seen_as)
    assert status_after(TRANSITIONS, "unknown", found) == record.seen_as
