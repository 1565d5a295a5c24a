"""Shutdown, stop, reset, pause and resume: what each asks of the node, and how it ends."""

from __future__ import annotations

import pytest

from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostLost, HostReturned
from protocol.command import Command
from protocol.node.commands import DestroyDomain, PauseDomain, ResetDomain, ResumeDomain, ShutdownDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import PauseVm, ResetVm, ResumeVm, ShutdownVm, StartVm, StopVm
from protocol.vm.events import (
    VmFound,
    VmOperationEnded,
    VmOperationProgressed,
    VmPaused,
    VmPauseRequested,
    VmRebooted,
    VmRebootIgnored,
    VmResetRequested,
    VmResumed,
    VmResumeRequested,
    VmShutdownIgnored,
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
from tests.actors.vm.lives import (
    DISK,
    FULL,
    HOST,
    VM,
    added,
    cloning,
    domain,
    launching,
    no_timers,
    paused,
    saving,
    started,
    up,
)


def test_shutdown_asks_the_guest() -> None:
    up().when(ShutdownVm(id=VM, reason="night")).then(
        event(
            VmShutdownRequested, desired="down", reason="night", begins="shutdown", step="Asking the guest to shut down"
        ),
        audit("vm_shutdown", text="(reason: night).", user="u", vm=VM, host=HOST),
        to_node(ShutdownDomain(vm_id=VM, reason="night")),
        timer("shutdown", 300),
        accepted(job=True),
        stored,
        status("powering_down"),
    )


def test_a_guest_that_was_asked_is_waited_for() -> None:
    play = up().given(ShutdownVm(id=VM, reason="night"))
    play.when(done(Done())).then(
        event(VmOperationProgressed, step="Waiting for the guest to shut down"), ack(), timer("shutdown", 300)
    )
    play.when_restarted().then(timer("shutdown", 300))
    play.when(HostReturned(host_id=HOST, domain=domain())).then()


def test_shutdown_ends_when_qemu_is_gone() -> None:
    play = up().given(ShutdownVm(id=VM, reason="night")).given(done(Done()))
    play.when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.SHUTDOWN)).then(
        event(VmWentDown, desired="down", cause="shutdown", reason="night", ends="done"),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers("shutdown"),
        ack_stopped(),
        status("down"),
    )
    assert (play.state.operation, play.state.stop_reason) == (None, "night")


def test_a_shutdown_that_the_guest_ignores_leaves_it_up() -> None:
    play = up().given(ShutdownVm(id=VM)).given(done(Done()))
    play.when(fired("shutdown")).then(
        event(VmShutdownIgnored, desired="up", ends="failed", why="The guest did not shut down within 300 s."),
        audit("vm_shutdown_ignored", severity="warning", vm=VM, host=HOST),
        look(HOST),
        status("up"),
    )
    play.when(fired("shutdown")).then()


def test_a_shutdown_that_the_host_cannot_ask_for_leaves_it_up() -> None:
    up().given(ShutdownVm(id=VM)).when(done(FULL)).then(
        event(VmShutdownIgnored, desired="up", ends="failed", why="The disk is full."),
        audit("vm_shutdown_failed", severity="error", vm=VM, host=HOST),
        cancel("shutdown"),
        ack(),
        look(HOST),
        status("up"),
    )


def test_a_shutdown_is_asked_again_after_a_crash() -> None:
    up().given(ShutdownVm(id=VM, reason="night")).when_restarted().then(
        to_node(ShutdownDomain(vm_id=VM, reason="night")), timer("shutdown", 300)
    )


def test_a_second_shutdown_is_the_first_one() -> None:
    up().given(ShutdownVm(id=VM)).when(ShutdownVm(id=VM)).then(accepted(job=True))


def test_a_shutdown_that_was_taken_while_unknown_is_waited_for() -> None:
    play = up().given(ShutdownVm(id=VM)).given(HostLost(host_id=HOST))
    play.when(done(Done())).then(
        event(VmOperationProgressed, step="Waiting for the guest to shut down"), ack(), look(HOST)
    )
    play.when(HostReturned(host_id=HOST, domain=domain())).then(
        event(VmFound, status="powering_down"),
        audit("vm_found", vm=VM, host=HOST),
        timer("shutdown", 300),
        status("powering_down"),
    )


def test_forced_it_takes_the_place_of_what_runs() -> None:
    saving().when(ShutdownVm(id=VM)).then(refused("busy"))
    play = up().given(PauseVm(id=VM))
    play.when(ShutdownVm(id=VM, force=True)).then(
        event(VmShutdownRequested, desired="down", begins="shutdown", step="Asking the guest to shut down"),
        audit("vm_shutdown", user="u", vm=VM, host=HOST),
        to_node(ShutdownDomain(vm_id=VM)),
        cancel("pause"),
        timer("shutdown", 300),
        accepted(job=True),
        stored,
        status("powering_down"),
    )
    play.when(done(Done(), of=PauseDomain)).then(ack())


def test_one_that_is_down_is_neither_shut_down_nor_stopped() -> None:
    added().when(ShutdownVm(id=VM)).then(refused("not_legal", "status"))
    added().when(StopVm(id=VM)).then(refused("not_legal", "status"))


def test_stop_ends_qemu() -> None:
    play = up()
    play.when(StopVm(id=VM, reason="stuck")).then(
        event(VmStopRequested, desired="down", reason="stuck", begins="stop", step="Powering off"),
        audit("vm_stopped", text="(reason: stuck).", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        accepted(job=True),
        stored,
        status("powering_down"),
    )
    play.when_restarted().then(to_node(DestroyDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmWentDown, desired="down", cause="destroyed", reason="stuck", ends="done"),
        audit("vm_down", vm=VM, host=HOST),
        ack(),
        *no_timers("stop"),
        status("down"),
    )


def test_stop_supersedes_a_running_shutdown() -> None:
    up().given(ShutdownVm(id=VM)).when(StopVm(id=VM)).then(
        event(VmStopRequested, desired="down", begins="stop", step="Powering off"),
        audit("vm_stopped", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        cancel("shutdown"),
        accepted(job=True),
        stored,
    )


def test_stop_during_launch_ends_whatever_started() -> None:
    play = launching()
    play.when(StopVm(id=VM)).then(
        event(VmStopRequested, desired="down", begins="stop", step="Powering off"),
        audit("vm_stopped", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        cancel("start"),
        accepted(job=True),
        stored,
        status("powering_down"),
    )
    play.when(started()).then(ack())
    play.when(done(Done())).then(
        event(VmWentDown, desired="down", cause="destroyed", ends="done"),
        audit("vm_down", vm=VM, host=HOST),
        ack(),
        *no_timers("stop"),
        status("down"),
    )


def test_a_second_stop_is_the_first_one() -> None:
    up().given(StopVm(id=VM)).when(StopVm(id=VM)).then(accepted(job=True))


def test_a_vm_whose_disks_are_worked_on_is_not_stopped() -> None:
    cloning(DISK).when(StopVm(id=VM)).then(refused("busy"))


def test_a_stop_that_failed_on_a_host_that_was_lost_leaves_the_vm_wanted() -> None:
    play = up().given(StopVm(id=VM)).given(HostLost(host_id=HOST))
    play.when(done(FULL)).then(
        event(VmOperationEnded, desired="up", ends="failed", why="The disk is full."),
        audit("vm_stop_failed", severity="error", vm=VM, host=HOST),
        ack(),
        look(HOST),
    )


def test_a_stop_that_failed_is_looked_at() -> None:
    """Whether the VM runs, stands still or is gone: its host knows, we do not."""
    play = launching().given(StopVm(id=VM))
    play.when(done(FULL)).then(
        event(VmShutdownIgnored, desired="up", ends="failed", why="The disk is full."),
        audit("vm_stop_failed", severity="error", vm=VM, host=HOST),
        ack(),
        look(HOST),
        status("up"),
    )
    play.when(HostReturned(host_id=HOST)).then(
        event(VmWentDown, desired="down", cause="unknown", reason="It was not running on its host."),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        status("down"),
    )


def test_stopped_while_its_end_is_seen_first() -> None:
    play = up().given(StopVm(id=VM, reason="stuck"))
    play.when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.DESTROYED)).then(
        event(VmWentDown, desired="down", cause="destroyed", reason="stuck", ends="done"),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers("stop"),
        ack_stopped(),
        status("down"),
    )
    play.when(done(Done(), of=DestroyDomain)).then(ack())


def test_a_stop_that_goes_on_while_its_host_was_away() -> None:
    play = up().given(StopVm(id=VM)).given(HostLost(host_id=HOST))
    play.when(HostReturned(host_id=HOST, domain=domain())).then(to_node(DestroyDomain(vm_id=VM)))
    play.when(DomainSeen(host_id=HOST, domain=domain())).then(
        event(VmFound, status="powering_down"), audit("vm_found", vm=VM, host=HOST), status("powering_down")
    )


def test_reset_boots_again() -> None:
    play = up()
    play.when(ResetVm(id=VM)).then(
        event(VmResetRequested, begins="reset", step="Resetting VM web"),
        to_node(ResetDomain(vm_id=VM)),
        accepted(job=True),
        stored,
        status("reboot_in_progress"),
    )
    play.when_restarted().then(to_node(ResetDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmRebooted, ends="done"),
        audit("vm_reset", user="u", vm=VM, host=HOST),
        ack(),
        timer("guest_up", 60),
        status("powering_up"),
    )


def test_a_reset_that_fails_leaves_it_as_it_was() -> None:
    up().given(ResetVm(id=VM)).when(done(FULL)).then(
        event(VmRebootIgnored, ends="failed", why="The disk is full."),
        audit("vm_reset_failed", severity="error", vm=VM, host=HOST),
        ack(),
        look(HOST),
        status("up"),
    )


def test_one_that_is_down_is_not_reset() -> None:
    added().when(ResetVm(id=VM)).then(refused("not_legal", "status"))


def test_pause_and_start_resumes() -> None:
    play = up()
    play.when(PauseVm(id=VM)).then(
        event(VmPauseRequested, begins="pause", step="Pausing VM web"),
        to_node(PauseDomain(vm_id=VM)),
        accepted(job=True),
        stored,
    )
    play.when_restarted().then(to_node(PauseDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmPaused, ends="done"), audit("vm_paused", user="u", vm=VM, host=HOST), ack(), status("paused")
    )
    play.when(StartVm(id=VM)).then(
        event(VmResumeRequested, begins="resume", step="Resuming VM web"),
        to_node(ResumeDomain(vm_id=VM)),
        accepted(job=True),
        stored,
    )
    play.when_restarted().then(to_node(ResumeDomain(vm_id=VM)))
    play.when(done(Done())).then(
        event(VmResumed, ends="done"), audit("vm_resumed", user="u", vm=VM, host=HOST), ack(), status("up")
    )


def test_resume_is_a_command_of_its_own() -> None:
    paused().when(ResumeVm(id=VM)).then(
        event(VmResumeRequested, begins="resume", step="Resuming VM web"),
        to_node(ResumeDomain(vm_id=VM)),
        accepted(job=True),
        stored,
    )
    up().when(ResumeVm(id=VM)).then(refused("not_legal", "status"))


def test_a_pause_that_fails_while_unknown_has_the_host_look_again() -> None:
    """Its report came before the outcome, when there was still something to wait for: no other would come."""
    play = up().given(PauseVm(id=VM)).given(HostLost(host_id=HOST))
    play.when(HostReturned(host_id=HOST, domain=domain())).then(to_node(PauseDomain(vm_id=VM)))
    play.when(done(FULL)).then(
        event(VmOperationEnded, ends="failed", why="The disk is full."),
        audit("vm_pause_failed", severity="error", vm=VM, host=HOST),
        cancel("pause"),
        ack(),
        look(HOST),
    )
    play.when(HostReturned(host_id=HOST, domain=domain())).then(
        event(VmFound, status="up"), audit("vm_found", vm=VM, host=HOST), status("up")
    )


def test_while_an_operation_runs_no_other_begins() -> None:
    saving().when(PauseVm(id=VM)).then(refused("busy"))


def test_a_shutdown_whose_host_falls_silent_goes_on_waiting() -> None:
    up().given(ShutdownVm(id=VM)).given(done(Done())).given(HostLost(host_id=HOST)).when(fired("shutdown")).then()


@pytest.mark.parametrize(
    ("kind", "command"),
    [("shutdown", ShutdownVm(id=VM, reason="night")), ("stop", StopVm(id=VM, reason="night"))],
)
def test_what_was_to_go_down_with_a_host_that_was_rebooted_failed(kind: str, command: Command) -> None:
    """Nobody knows what became of the guest."""
    up().given(command).given(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).then(
        event(
            VmWentDown,
            desired="down",
            cause="host_down",
            reason="Its host was confirmed as rebooted.",
            ends="failed",
            why="Its host was rebooted.",
        ),
        audit("vm_down_with_host", severity="error", vm=VM, host=HOST),
        *no_timers(kind),
        status("down"),
    )


def test_an_outcome_from_another_host_is_not_believed() -> None:
    """Nor is it acknowledged: the outcome of the step's own host is still to come."""
    play = up().given(StopVm(id=VM))
    play.when(done(Done(), host="elsewhere")).then()
    play.when(done(FULL, host="elsewhere")).then()
    play.when(done(Done(), host="")).then()
    play.when(HostReturned(host_id=HOST, domain=domain())).then(to_node(DestroyDomain(vm_id=VM)))


def test_a_resume_that_fails_leaves_it_paused() -> None:
    paused().given(ResumeVm(id=VM)).when(done(FULL)).then(
        event(VmOperationEnded, ends="failed", why="The disk is full."),
        audit("vm_resume_failed", severity="error", vm=VM, host=HOST),
        cancel("resume"),
        ack(),
        look(HOST),
    )
