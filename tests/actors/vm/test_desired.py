"""What is wanted of a VM after an end that nobody asked for: one rule, carried in the event, kept in the state."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostLost
from actors.placement.messages import Placed
from actors.reservations.messages import Reserved
from protocol.node.commands import RemoveSavedState
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import AddVm, ShutdownVm, StartVm, SuspendVm
from protocol.vm.events import VmOperationProgressed, VmStartFailed, VmWentDown
from protocol.vm.model import HighAvailability
from tests.actors.expected import ack, ack_stopped, audit, beside, event, status, timer, to_node
from tests.actors.playbook import answered, done
from tests.actors.vm.lives import (
    FULL,
    GONE,
    HOST,
    MAC,
    SD,
    VM,
    WEB,
    VmPlay,
    domain,
    end_of_start,
    heard,
    no_timers,
    side_begun,
    started,
    up,
)


def kept_launching() -> VmPlay:
    """Highly available, on its way up."""
    document = attrs.evolve(WEB, high_availability=HighAvailability(enabled=True))
    play = VmPlay().given(AddVm(id=VM, document=document)).given(answered(Reserved(macs=(MAC,))))
    return play.given(StartVm(id=VM)).given(answered(Placed(host_id=HOST)))


def kept_up() -> VmPlay:
    return kept_launching().given(started()).given(heard())


def ended(why: StopReason) -> DomainSeen:
    return DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=why)


@pytest.mark.parametrize(("life", "wanted"), [(kept_up, "up"), (up, "down")], ids=["kept up", "not"])
@pytest.mark.parametrize(
    ("why", "reported"),
    [
        (StopReason.CRASHED, "QEMU exited unexpectedly."),
        (StopReason.FAILED, "QEMU failed."),
        (StopReason.UNKNOWN, "It was not running on its host."),
    ],
)
def test_after_a_fault_one_that_is_highly_available_is_still_wanted(
    life: Callable[[], VmPlay], wanted: str, why: StopReason, reported: str
) -> None:
    play = life()
    play.when(ended(why)).then(
        event(VmWentDown, desired=wanted, cause=why.value, reason=reported),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )
    assert play.state.desired == wanted


@pytest.mark.parametrize(
    ("why", "reported"),
    [
        (StopReason.SHUTDOWN, "The guest powered off."),
        (StopReason.DESTROYED, "QEMU was terminated on the host."),
    ],
)
def test_one_that_was_ended_on_purpose_is_not(why: StopReason, reported: str) -> None:
    kept_up().when(ended(why)).then(
        event(VmWentDown, desired="down", cause=why.value, reason=reported),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )


def test_one_whose_memory_was_saved_too_late_is_down_and_not_to_be_suspended() -> None:
    up().when(ended(StopReason.SAVED)).then(
        event(
            VmWentDown,
            desired="down",
            cause="saved",
            reason="Its memory was saved after it was no longer to be suspended.",
        ),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )


@pytest.mark.parametrize(("life", "wanted"), [(kept_up, "up"), (up, "down")], ids=["kept up", "not"])
def test_a_host_that_dies_does_not_make_it_unwanted(life: Callable[[], VmPlay], wanted: str) -> None:
    life().given(HostLost(host_id=HOST)).when(HostConfirmedDown(host_id=HOST)).then(
        event(VmWentDown, desired=wanted, cause="host_down", reason="Its host was confirmed as rebooted."),
        audit("vm_down_with_host", severity="error", vm=VM, host=HOST),
        *no_timers(),
        status("down"),
    )


def test_one_that_was_to_go_down_stays_so_when_its_host_dies() -> None:
    play = kept_up().given(ShutdownVm(id=VM)).given(HostLost(host_id=HOST))
    play.when(HostConfirmedDown(host_id=HOST)).then(
        event(
            VmWentDown,
            desired="down",
            cause="host_down",
            reason="Its host was confirmed as rebooted.",
            ends="failed",
            why="Its host was rebooted.",
        ),
        audit("vm_down_with_host", severity="error", vm=VM, host=HOST),
        *no_timers("shutdown"),
        status("down"),
    )


def test_one_that_dies_while_it_is_suspended_is_not_started_again() -> None:
    left = RemoveSavedState(vm_id=VM, storage_domain_id=SD)
    kept_up().given(SuspendVm(id=VM)).when(ended(StopReason.CRASHED)).then(
        event(
            VmWentDown,
            desired="down",
            cause="crashed",
            reason="QEMU exited unexpectedly.",
            ends="failed",
            why="QEMU exited (crashed).",
        ),
        side_begun("saved_state", left),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers("suspend"),
        beside(left, host=HOST),
        timer("side_steps", 10),
        ack_stopped(),
        status("down"),
    )


def test_a_start_that_failed_is_still_wanted() -> None:
    play = kept_launching().given(done(FULL))
    play.when(done(Done())).then(
        event(VmStartFailed, desired="up", reason="The disk is full.", ends="failed", why="The disk is full."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("down"),
    )
    assert play.state.desired == "up"


def test_a_restore_whose_memory_is_gone_is_still_wanted_up() -> None:
    play = kept_up().given(SuspendVm(id=VM)).given(done(Done()))
    play.given(StartVm(id=VM)).given(answered(Placed(host_id=HOST)))
    play.when(done(GONE)).then(
        event(VmOperationProgressed, step="Checking that nothing is left", undoes="There is no saved state."),
        ack(),
        to_node(end_of_start),
    )
    play.when(done(Done())).then(
        event(
            VmWentDown,
            desired="up",
            cause="failed",
            reason="Its saved memory was lost. There is no saved state.",
            ends="failed",
            why="There is no saved state.",
        ),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("down"),
    )
