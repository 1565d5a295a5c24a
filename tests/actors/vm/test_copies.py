"""Two hosts report one VM: an alarm, no start without proof, and an operator who says which one to keep."""

from __future__ import annotations

import attrs

from actors.entity.decision import RequestReport
from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostReturned
from actors.vm.project import project
from protocol.activity.model import Job, Step
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.host.model import Host
from protocol.node.commands import DestroyDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import DisregardVmRun, KeepVmRun, PauseVm, StartVm
from protocol.vm.events import Copy, VmCopyDisregarded, VmCopyKept, VmCopySeen, VmFound, VmWentDown
from tests.actors.expected import (
    accepted,
    ack,
    ack_stopped,
    audit,
    beside,
    effect,
    event,
    refused,
    status,
    stored,
    timer,
)
from tests.actors.playbook import done, job_id
from tests.actors.vm.lives import HOST, VM, VmPlay, cloning, copy_gone, domain, no_timers, side_begun, side_ended, up

OTHER = "99999999-9999-4999-8999-999999999999"
EARLIER = StepId(owner=f"vm/{VM}", operation=job_id(77), number=0, host=OTHER)
"""The step of a start that the other host was once asked for."""
COPY = Copy(host_id=OTHER, started_step_id=str(EARLIER))
CLAIM = attrs.evolve(COPY, started_step_id="vm/x:old:0", is_claimed=True)
END_COPY = DestroyDomain(vm_id=VM, started_step_id=str(EARLIER))


def with_earlier_start() -> VmPlay:
    """It runs; the other host was once asked to start it."""
    step = Step(id=f"{EARLIER.operation}.0", number=0, execution_host=Ref(id=OTHER))
    play = up().with_row("host", Host(id=OTHER, name="two", address="two", status="up"))
    return play.with_row("job", Job(id=EARLIER.operation, description="Launching VM web", steps=(step,)))


def reported(
    step: str = str(EARLIER), *, status: DomainStatus = DomainStatus.RUNNING, host: str = OTHER
) -> HostReturned:
    return HostReturned(host_id=host, domain=domain(status, step))


def with_copy() -> VmPlay:
    return with_earlier_start().given(reported())


def with_claim() -> VmPlay:
    return with_earlier_start().given(reported("vm/x:old:0"))


def test_a_copy_beside_the_run_that_counts_is_an_alarm_once() -> None:
    play = with_earlier_start()
    play.when(reported()).then(
        event(VmCopySeen, copy=COPY),
        audit("vm_copy_seen", severity="alert", text="runs on host two", vm=VM, host=OTHER),
    )
    play.when(reported()).then()
    play.when(reported(status=DomainStatus.PAUSED)).then()
    assert [ref.id for ref in project(play.state).copies or ()] == [OTHER]


def test_what_a_host_was_never_asked_to_start_is_its_claim() -> None:
    for step in (
        "vm/x:old:0",
        str(attrs.evolve(EARLIER, number=1)),
        str(attrs.evolve(EARLIER, operation="another")),
        str(attrs.evolve(EARLIER, owner="vm/another")),
        str(attrs.evolve(EARLIER, host=HOST)),
    ):
        with_earlier_start().when(reported(step)).then(
            event(VmCopySeen, copy=attrs.evolve(CLAIM, started_step_id=step)),
            audit("vm_copy_claimed", severity="alert", vm=VM, host=OTHER),
        )


def test_a_copy_is_gone_when_its_host_says_so_or_was_rebooted() -> None:
    with_copy().when(HostReturned(host_id=OTHER)).then(*copy_gone(OTHER))
    with_copy().when(reported(status=DomainStatus.ABSENT)).then(*copy_gone(OTHER))
    with_copy().when(HostConfirmedDown(host_id=OTHER)).then(*copy_gone(OTHER))
    absent = domain(DomainStatus.ABSENT, str(EARLIER))
    play = with_copy()
    play.when(DomainSeen(host_id=OTHER, domain=domain(step=str(EARLIER)))).then()
    play.when(DomainSeen(host_id=OTHER, domain=absent, stopped=StopReason.CRASHED)).then(
        *copy_gone(OTHER), ack_stopped()
    )
    play.when(HostReturned(host_id=OTHER)).then()
    play.when(HostReturned(host_id="elsewhere")).then()


def gone_here(play: VmPlay) -> DomainSeen:
    stopped = domain(DomainStatus.ABSENT, play.state.started_step)
    return DomainSeen(host_id=HOST, domain=stopped, stopped=StopReason.SHUTDOWN)


def test_no_start_beside_a_copy_also_when_the_run_that_counted_is_over() -> None:
    play = with_copy()
    play.when(gone_here(play)).then(
        event(VmWentDown, desired="down", cause="shutdown", reason="The guest powered off."),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )
    play.when(StartVm(id=VM)).then(refused("conflict", reason="a copy of it is still running on host two"))
    play.when(reported()).then(
        event(VmCopySeen, copy=COPY),
        side_begun("stray", END_COPY),
        audit("stray_domain", severity="warning", vm=VM, host=OTHER),
        beside(END_COPY, host=OTHER),
        timer("side_steps", 10),
    )
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(OTHER), ack())


def test_the_run_that_counts_is_kept() -> None:
    play = with_copy()
    play.when(KeepVmRun(id=VM, host=Ref(id=HOST))).then(
        side_begun("stray", END_COPY),
        audit("vm_copy_kept", user="u", vm=VM, host=HOST),
        beside(END_COPY, host=OTHER),
        timer("side_steps", 10),
        accepted(),
        stored,
    )
    play.when(KeepVmRun(id=VM, host=Ref(id=HOST))).then(
        audit("vm_copy_kept", user="u", vm=VM, host=HOST), accepted(), stored
    )
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(OTHER), ack())


def test_the_copy_is_kept_and_the_run_that_counted_is_ended() -> None:
    play = with_copy()
    before = play.state.started_step
    end = DestroyDomain(vm_id=VM, started_step_id=before)
    play.when(KeepVmRun(id=VM, host=Ref(id=OTHER))).then(
        event(VmCopyKept, host_id=OTHER),
        side_begun("stray", end),
        audit("vm_copy_kept", user="u", vm=VM, host=OTHER),
        effect(RequestReport(host_id=OTHER)),
        beside(end, host=HOST),
        timer("side_steps", 10),
        accepted(),
        stored,
        status("unknown"),
    )
    assert (play.state.host_id, play.state.started_step) == (OTHER, str(EARLIER))
    assert play.state.copies == (Copy(host_id=HOST, started_step_id=before),)
    play.when(reported()).then(event(VmFound, status="up"), audit("vm_found", vm=VM, host=OTHER), status("up"))
    play.when(done(Done(), of=DestroyDomain)).then(side_ended("stray"), *copy_gone(HOST), ack())


def test_only_what_is_there_can_be_kept() -> None:
    with_earlier_start().when(KeepVmRun(id=VM, host=Ref(id=HOST))).then(refused("conflict"))
    with_copy().when(KeepVmRun(id=VM, host=Ref(id="elsewhere"))).then(refused("invalid", "host"))
    with_copy().when(KeepVmRun(id=VM)).then(refused("invalid", "host"))
    with_copy().given(PauseVm(id=VM)).when(KeepVmRun(id=VM, host=Ref(id=HOST))).then(refused("busy"))
    with_claim().when(KeepVmRun(id=VM, host=Ref(id=OTHER))).then(refused("invalid", "host", reason="never asked"))


def test_a_claim_that_is_disregarded_holds_nothing_and_may_be_repeated() -> None:
    play = with_claim()
    play.when(DisregardVmRun(id=VM, host=Ref(id=OTHER))).then(
        event(VmCopyDisregarded, host_id=OTHER),
        audit("vm_copy_disregarded", severity="warning", user="u", vm=VM, host=OTHER),
        accepted(),
        stored,
    )
    assert project(play.state).copies == ()
    play.when(reported("vm/x:old:0")).then()
    play.when(gone_here(play)).then(
        event(VmWentDown, desired="down", cause="shutdown", reason="The guest powered off."),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )
    play.when(reported("vm/x:old:0")).then()


def test_a_copy_of_a_vm_whose_disks_are_being_made_holds_it_and_is_ended_later() -> None:
    play = cloning("Disk1")
    play.when(reported("vm/x:old:0")).then(event(VmCopySeen, copy=CLAIM))
    play.when(reported("vm/x:old:0")).then()


def test_what_is_on_its_way_or_has_crashed_may_still_write() -> None:
    for doubtful in (DomainStatus.STARTING, DomainStatus.SHUTTING_DOWN, DomainStatus.CRASHED, DomainStatus.UNKNOWN):
        with_copy().when(reported(status=doubtful)).then()


def test_the_end_of_an_earlier_run_is_not_that_of_the_copy() -> None:
    play = with_copy()
    earlier = domain(DomainStatus.ABSENT, "vm/x:earlier:0")
    play.when(DomainSeen(host_id=OTHER, domain=earlier, stopped=StopReason.CRASHED)).then(ack_stopped())


def test_claims_of_one_host_are_one_whatever_it_calls_them() -> None:
    with_claim().when(reported("vm/x:another:0")).then()
    play = with_claim().given(DisregardVmRun(id=VM, host=Ref(id=OTHER)))
    play.when(reported("vm/x:another:0")).then()


def test_only_a_claim_can_be_disregarded() -> None:
    with_copy().when(DisregardVmRun(id=VM, host=Ref(id=OTHER))).then(refused("invalid", "host"))
    with_earlier_start().when(DisregardVmRun(id=VM, host=Ref(id=OTHER))).then(refused("invalid", "host"))
