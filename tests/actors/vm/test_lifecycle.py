"""A VM's life as transcripts: start, power, crash, silence, reconciliation."""

from __future__ import annotations

import pytest

from actors.entity.decision import CancelTimer, SetTimer, ToNode
from actors.entity.messages import TimerFired
from actors.host.signals import DomainSeen, HostConfirmedDown, HostLost, HostReturned
from actors.placement.messages import Placed
from actors.vm.resend import resend
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events.operation import Outcome
from protocol.model.vm import Boot, OperatingSystem, Vm
from protocol.node_messages import (
    DestroyDomain,
    DomainStatus,
    Done,
    GuestReport,
    GuestSilent,
    NodeCommand,
    RemoveSavedState,
    ReportNow,
    RestoreDomain,
    SaveDomain,
    ShutdownDomain,
    StartDomain,
    StepDone,
    StopReason,
)
from tests.actors.vm.lives import added, booting, launching, up
from tests.actors.vm.playbook import HOST, NOW, VM, Play, domain, started


def test_start_places_first_then_is_durable_then_reaches_the_node() -> None:
    play = added().command(commands.StartVm(id=VM))
    assert play.happened == []
    assert play.last.reply is None, "nobody is told yes before a host is found"
    play.answer(Placed(host_id=HOST))
    assert play.happened == ["VmStartRequested"]
    assert play.status == "wait_for_launch"
    assert isinstance(play.last.reply, Accepted)
    assert isinstance(play.sent[0], StartDomain)
    assert play.sent[0].spec.nics[0].bridge == "ovirtmgmt"


def test_no_host_fits_is_the_answer_and_changes_nothing() -> None:
    refusal = Refusal(code="no_host_fits", reason="No host fits.", reasons=("one: too little memory",))
    play = added().command(commands.StartVm(id=VM)).answer(refusal)
    assert play.last.reply == refusal
    assert play.happened == []
    assert play.status == "down"


def test_up_when_the_guest_answers() -> None:
    play = booting()
    assert play.status == "powering_up"
    play.when(GuestReport(vm_id=VM, fqdn="web.lab"))
    assert play.happened == ["VmGuestReported", "VmGuestUp"]
    assert play.status == "up"


def test_up_when_a_guest_without_agent_had_its_time() -> None:
    assert booting().when(TimerFired(name="guest_up", number=1)).status == "up"


def test_start_that_fails_says_why() -> None:
    play = launching().node_done(Refusal(code="host_failed", reason="QEMU died."))
    assert play.status == "wait_for_launch", "a failure proves nothing: first it is made sure that nothing was left"
    assert play.state is not None
    assert play.sent == [DestroyDomain(vm_id=VM, started_step_id=play.state.start_step_id)]
    again = [e.message for e in resend(play.state).effects]  # type: ignore[union-attr]
    assert [message.body for message in again] == play.sent, "also after a crash"
    play.node_done(Done())
    assert play.happened == ["VmStartFailed"]
    assert play.status == "down"
    assert play.state is not None
    assert play.state.stop_reason == "QEMU died."
    assert play.state.operation is None


def test_qemu_that_dies_before_the_outcome_came() -> None:
    play = launching()
    assert play.state is not None
    gone = domain(DomainStatus.ABSENT, play.state.start_step_id)
    play.when(DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED, detail="bad disk"))
    assert play.happened == ["VmStartFailed"]
    step = "vm/x:late:0"
    play.node_done(started(), step)
    assert play.happened == [], "the late outcome changes nothing"


def test_a_second_start_is_refused_while_the_first_is_under_way() -> None:
    play = launching().command(commands.StartVm(id=VM))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.code == "busy"


def test_run_once_overrides_for_this_run_only() -> None:
    wanted = commands.StartVm(id=VM, vm=Vm(os=OperatingSystem(boot=Boot(devices=("network", "hd")))))
    play = added().command(wanted).answer(Placed(host_id=HOST))
    assert play.sent[0].spec.nics[0].boot_order == 1
    assert play.sent[0].spec.run_once
    assert play.state is not None
    assert play.state.run_once
    assert play.state.vm.os is not None
    assert play.state.vm.os.boot == Boot(devices=("hd",))


def test_shutdown_waits_for_the_guest_and_ends_when_qemu_is_gone() -> None:
    play = up().command(commands.ShutdownVm(id=VM, reason="night"))
    assert play.status == "powering_down"
    assert isinstance(play.sent[0], ShutdownDomain)
    play.node_done(Done())
    assert play.status == "powering_down"
    play.when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.SHUTDOWN))
    assert play.status == "down"
    assert play.state is not None
    assert play.state.operation is None
    assert play.state.stop_reason == "night"


def test_shutdown_that_the_guest_ignores_leaves_it_up() -> None:
    play = up().command(commands.ShutdownVm(id=VM)).node_done(Done()).when(TimerFired(name="shutdown", number=1))
    assert play.happened == ["VmShutdownIgnored"]
    assert play.status == "up"


def test_stop_supersedes_a_running_shutdown() -> None:
    play = up().command(commands.ShutdownVm(id=VM)).command(commands.StopVm(id=VM))
    assert isinstance(play.sent[0], DestroyDomain)
    play.node_done(Done())
    assert play.status == "down"


def test_stop_during_launch_ends_whatever_started() -> None:
    play = launching().command(commands.StopVm(id=VM))
    assert play.status == "powering_down"
    play.node_done(Done())
    assert play.status == "down"


def test_suspend_and_start_again_restores() -> None:
    play = up().command(commands.SuspendVm(id=VM))
    assert play.status == "saving_state"
    assert isinstance(play.sent[0], SaveDomain)
    play.node_done(Done())
    assert play.status == "suspended"
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST))
    assert play.status == "restoring_state"
    assert isinstance(play.sent[0], RestoreDomain)
    play.node_done(started())
    assert play.status == "up"


def test_failed_restore_stays_suspended() -> None:
    play = up().command(commands.SuspendVm(id=VM)).node_done(Done())
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST)).node_done(
        Refusal(code="host_failed", reason="x")
    )
    play.node_done(Done())
    assert play.status == "suspended"


def test_a_restore_without_saved_memory_ends_down_with_the_reason() -> None:
    play = up().command(commands.SuspendVm(id=VM)).node_done(Done())
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST))
    play.node_done(Refusal(code="not_found", reason="There is no saved state.")).node_done(Done())
    assert play.status == "down"
    assert play.state is not None
    assert "saved memory is gone" in play.state.stop_reason


def test_stop_of_a_suspended_vm_discards_its_memory() -> None:
    play = up().command(commands.SuspendVm(id=VM)).node_done(Done()).command(commands.StopVm(id=VM)).node_done(Done())
    assert play.status == "down"


def test_a_vm_stopped_while_it_is_restored_leaves_no_memory_behind() -> None:
    play = up().command(commands.SuspendVm(id=VM)).node_done(Done())
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST))
    assert play.status == "restoring_state"
    play.command(commands.StopVm(id=VM)).node_done(Done())
    assert play.status == "down"
    (removal,) = [body for body in play.sent if isinstance(body, RemoveSavedState)]
    assert removal.storage_domain_id
    step = next(e.message for e in play.last.effects if isinstance(e, ToNode) and isinstance(e.message, NodeCommand))
    play.when(StepDone(step_id=step.step_id, result=Done()))
    assert [e.host_id for e in play.last.effects if isinstance(e, ToNode)] == [HOST], "its outcome is acknowledged"


def test_a_vm_that_is_stopped_in_its_usual_life_removes_nothing() -> None:
    play = up().command(commands.StopVm(id=VM)).node_done(Done())
    assert play.sent == []


def test_reset_boots_again() -> None:
    play = up().command(commands.ResetVm(id=VM))
    assert play.status == "reboot_in_progress"
    assert play.node_done(Done()).status == "powering_up"


def rebooting() -> Play:
    return up().command(commands.RebootVm(id=VM)).node_done(Done())


def anew() -> DomainSeen:
    return DomainSeen(host_id=HOST, domain=domain(), rebooted=True)


def test_a_reboot_is_over_when_the_guest_started_over_not_when_its_agent_promised() -> None:
    play = rebooting()
    assert SetTimer(name="reboot", seconds=300.0) in play.last.effects
    play.when(GuestReport(vm_id=VM, fqdn="late.lab"))
    assert play.status == "reboot_in_progress", "the agent of before is not the one of after"
    play.when(anew())
    assert play.happened == ["VmRebooted"]
    assert play.status == "powering_up"
    assert play.state is not None
    assert play.state.guest is None, "nothing of the agent of before is shown"
    assert play.when(GuestReport(vm_id=VM, fqdn="web.lab")).status == "up"


def test_a_report_from_before_a_reboot_that_comes_after_it_is_not_the_guest_of_now() -> None:
    old, new = GuestReport(vm_id=VM, fqdn="old.lab", boot_id="1"), GuestReport(vm_id=VM, fqdn="new.lab", boot_id="2")
    play = up().when(old).command(commands.RebootVm(id=VM)).node_done(Done()).when(anew())
    assert play.when(old).happened == []
    assert play.status == "powering_up"
    assert play.when(new).status == "up"
    assert play.state is not None
    assert play.state.guest is not None
    assert play.state.guest.fqdn == "new.lab"


def test_a_reboot_whose_event_was_lost_ends_when_another_boot_speaks() -> None:
    play = up().when(GuestReport(vm_id=VM, fqdn="old.lab", boot_id="1"))
    play.command(commands.RebootVm(id=VM)).node_done(Done())
    play.when(GuestReport(vm_id=VM, fqdn="new.lab", boot_id="2"))
    assert play.happened == ["VmRebooted", "VmGuestReported", "VmGuestUp"]
    assert play.status == "up"
    assert play.state is not None
    assert play.state.operation is None
    assert play.when(TimerFired(name="reboot", number=1)).happened == []


def test_after_a_new_start_every_boot_is_new() -> None:
    play = up().when(GuestReport(vm_id=VM, boot_id="1")).command(commands.StopVm(id=VM)).node_done(Done())
    assert play.state is not None
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST)).node_done(started())
    assert play.when(GuestReport(vm_id=VM, boot_id="1")).status == "up"


def test_a_guest_that_starts_over_before_its_node_said_so_is_rebooted() -> None:
    play = up().command(commands.RebootVm(id=VM)).when(anew())
    assert play.status == "powering_up"
    assert play.state is not None
    assert play.state.operation is None


def test_a_reboot_that_the_guest_ignores_ends_as_failed() -> None:
    play = rebooting().when(TimerFired(name="reboot", number=1))
    assert play.happened == ["VmRebootIgnored"]
    assert play.status == "up"
    assert play.last.audit[0].severity == "warning"
    assert isinstance(play.last.events[0].ended, Outcome)
    assert "was not seen to start over within 300 s" in play.last.events[0].ended.reason
    assert play.when(TimerFired(name="reboot", number=1)).happened == [], "it fired twice"


def test_a_reboot_that_the_host_cannot_ask_for_leaves_the_vm_up() -> None:
    play = up().command(commands.RebootVm(id=VM)).node_done(Refusal(code="host_failed", reason="x"))
    assert play.status == "up"
    assert play.state is not None
    assert play.state.guest is not None


@pytest.mark.parametrize("command", [commands.ShutdownVm, commands.ResetVm, commands.StopVm])
def test_a_reboot_that_hangs_is_no_lock(command: type) -> None:
    play = rebooting().command(command(id=VM))
    assert isinstance(play.last.reply, Accepted)
    assert play.state is not None
    assert play.state.operation is not None
    assert play.state.operation.kind != "reboot"
    assert CancelTimer(name="reboot") in play.last.effects, "or its time ends the next reboot"


def test_a_reboot_whose_host_falls_silent_goes_on_waiting() -> None:
    play = rebooting().when(HostLost(host_id=HOST)).when(TimerFired(name="reboot", number=1))
    assert play.status == "unknown"
    play.when(HostReturned(host_id=HOST, domain=domain()))
    assert play.status == "reboot_in_progress"
    assert SetTimer(name="reboot", seconds=300.0) in play.last.effects
    assert play.when(anew()).status == "powering_up"


def test_a_reboot_from_inside_is_said() -> None:
    play = up().when(anew())
    assert play.happened == ["VmRebooted"]
    assert "from inside" in (play.last.audit[0].description or "")
    assert play.when(anew()).happened == [], "a guest that boots in circles is powering up all the while"


def test_pause_and_start_resumes() -> None:
    play = up().command(commands.PauseVm(id=VM)).node_done(Done())
    assert play.status == "paused"
    play.command(commands.StartVm(id=VM)).node_done(Done())
    assert play.status == "up"


def test_qemu_killed_is_down_with_the_reason() -> None:
    play = up().when(
        DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.CRASHED, detail="signal 9")
    )
    assert play.status == "down"
    assert play.state is not None
    assert "signal 9" in play.state.stop_reason
    assert play.state.desired == "down"


def test_silence_is_unknown_never_down_and_found_again() -> None:
    play = up().when(HostLost(host_id=HOST))
    assert play.status == "unknown"
    play.when(HostReturned(host_id=HOST, domain=domain()))
    assert play.happened == ["VmFound"]
    assert play.status == "up"


def test_found_gone_after_silence() -> None:
    assert up().when(HostLost(host_id=HOST)).when(HostReturned(host_id=HOST)).status == "down"


def test_confirmed_reboot_of_the_host_ends_the_vm() -> None:
    assert up().when(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).status == "down"


def test_the_same_step_is_sent_again_when_the_host_returns() -> None:
    play = launching()
    first = play.steps_sent
    play.when(HostReturned(host_id=HOST))
    assert play.steps_sent == first
    assert play.happened == []
    assert play.state is not None
    assert [e.message.step_id for e in resend(play.state).effects] == first  # type: ignore[union-attr]


def test_a_stray_qemu_of_a_vm_that_is_down_is_ended() -> None:
    play = added().when(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:old:0")))
    assert isinstance(play.sent[0], DestroyDomain)
    assert play.sent[0].started_step_id == "vm/x:old:0", "only that run: one that starts meanwhile is left alone"
    assert play.status == "down"


def test_an_io_error_pauses_and_is_said() -> None:
    play = up().when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.PAUSED, reason="io_error")))
    assert play.status == "paused"
    assert play.last.audit[0].severity == "warning"


def test_silent_agent_takes_back_what_it_said() -> None:
    play = up().when(GuestSilent(vm_id=VM, since=NOW))
    assert play.state is not None
    assert play.state.guest is None
    assert play.state.guest_silent_since == NOW
    play.when(GuestReport(vm_id=VM, fqdn="web.lab"))
    assert play.state.guest_silent_since is None


def test_the_same_report_is_not_journaled_twice() -> None:
    assert up().when(GuestReport(vm_id=VM, fqdn="web.lab", memory_available_bytes=7)).happened == []


# --- what happens while its host is away ---------------------------------------------------------------------------


def test_an_operation_that_failed_while_unknown_has_the_host_look_again() -> None:
    """Its report came before the outcome, when there was still something to wait for: no other would come."""
    play = (
        up()
        .command(commands.PauseVm(id=VM))
        .when(HostLost(host_id=HOST))
        .when(HostReturned(host_id=HOST, domain=domain()))
    )
    assert play.status == "unknown", "the step is sent again, and its outcome says what the VM is"
    play.node_done(Refusal(code="host_failed", reason="x"))
    assert play.happened == ["VmOperationEnded"]
    assert ReportNow(epoch=0) in [e.message for e in play.last.effects if isinstance(e, ToNode)]
    assert play.when(HostReturned(host_id=HOST, domain=domain())).status == "up"


def test_a_shutdown_that_was_taken_while_unknown_is_waited_for() -> None:
    play = up().command(commands.ShutdownVm(id=VM)).when(HostLost(host_id=HOST)).node_done(Done())
    assert play.status == "unknown"
    assert ReportNow(epoch=0) in [e.message for e in play.last.effects if isinstance(e, ToNode)]
    play.when(HostReturned(host_id=HOST, domain=domain()))
    assert play.status == "powering_down"
    assert SetTimer(name="shutdown", seconds=300.0) in play.last.effects


@pytest.mark.parametrize("proof", ["the node says so", "the host was rebooted", "its QEMU is gone"])
def test_a_restore_that_failed_while_unknown_leaves_the_memory(proof: str) -> None:
    play = up().command(commands.SuspendVm(id=VM)).node_done(Done())
    play.command(commands.StartVm(id=VM)).answer(Placed(host_id=HOST)).when(HostLost(host_id=HOST))
    assert play.state is not None
    if proof == "the node says so":
        play.node_done(Refusal(code="host_failed", reason="x")).node_done(Done())
    elif proof == "the host was rebooted":
        play.when(HostConfirmedDown(host_id=HOST))
    else:
        gone = domain(DomainStatus.ABSENT, play.state.start_step_id)
        play.when(DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED))
    assert play.status == "suspended"
    assert play.state.saved_on == "sd"
    assert play.state.desired == "suspended"


def test_a_stop_that_failed_is_looked_at() -> None:
    """Whether the VM runs, stands still or is gone: its host knows, we do not."""
    play = launching().command(commands.StopVm(id=VM)).node_done(Refusal(code="host_failed", reason="x"))
    assert ReportNow(epoch=0) in [e.message for e in play.last.effects if isinstance(e, ToNode)]
    assert play.when(HostReturned(host_id=HOST)).status == "down"
