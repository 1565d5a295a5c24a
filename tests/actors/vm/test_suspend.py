"""Suspending a VM, restoring it, and what becomes of the saved memory."""

from __future__ import annotations

from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostLost, HostReturned
from actors.placement.messages import Placed
from protocol.document import Ref
from protocol.node.commands import DestroyDomain, RemoveSavedState, RestoreDomain, SaveDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.storage.model import StorageDomain
from protocol.vm.commands import ShutdownVm, StartVm, StopVm, SuspendVm
from protocol.vm.events import (
    VmLost,
    VmOperationProgressed,
    VmRestored,
    VmRestoreRequested,
    VmStartFailed,
    VmStopRequested,
    VmSuspended,
    VmSuspendFailed,
    VmSuspendRequested,
    VmWentDown,
)
from tests.actors.expected import (
    accepted,
    ack,
    ack_stopped,
    audit,
    beside,
    cancel,
    event,
    look,
    question,
    refused,
    release,
    status,
    stored,
    timer,
    to_node,
)
from tests.actors.playbook import answered, command_id, done, fired
from tests.actors.vm.lives import (
    FULL,
    GONE,
    HOST,
    NO,
    SD,
    SPEC,
    VM,
    VmPlay,
    booting,
    domain,
    end_of_start,
    no_timers,
    place,
    rebooting,
    restoring,
    saving,
    side_begun,
    side_ended,
    started,
    suspended,
    up,
)

LEFT = RemoveSavedState(vm_id=VM, storage_domain_id=SD)
"""Sweeps the memory that nobody will read."""


def test_suspend_saves_on_a_storage_domain_of_the_host() -> None:
    up().when(SuspendVm(id=VM)).then(
        event(
            VmSuspendRequested,
            desired="suspended",
            storage_domain_id=SD,
            begins="suspend",
            step="Saving the memory to storage",
        ),
        to_node(SaveDomain(vm_id=VM, storage_domain_id=SD)),
        accepted(job=True),
        stored,
        status("saving_state"),
    )
    saving().when_restarted().then(to_node(SaveDomain(vm_id=VM, storage_domain_id=SD)))


def test_suspended_it_leaves_its_host() -> None:
    play = saving()
    play.when(done(Done())).then(
        event(VmSuspended, desired="suspended", ends="done"),
        audit("vm_suspended", user="u", vm=VM, host=HOST),
        ack(),
        status("suspended"),
    )
    assert play.state.host_id == ""


def test_a_suspend_that_fails_leaves_it_up() -> None:
    saving().when(done(FULL)).then(
        event(VmSuspendFailed, desired="up", reason="The disk is full.", ends="failed", why="The disk is full."),
        audit("vm_suspend_failed", severity="error", vm=VM, host=HOST),
        ack(),
        look(HOST),
        status("up"),
    )


def test_without_an_active_storage_domain_it_cannot_be_suspended() -> None:
    sick = StorageDomain(id=SD, name="local", status="inactive", type="data", host=Ref(id=HOST))
    up().with_row("storage_domain", sick).when(SuspendVm(id=VM)).then(refused("conflict"))


def test_one_that_is_not_up_cannot_be_suspended() -> None:
    booting().when(SuspendVm(id=VM)).then(refused("not_legal", "status"))
    rebooting().when(SuspendVm(id=VM)).then(refused("busy"))


def test_a_qemu_that_saved_and_ended_is_waited_for() -> None:
    saved = DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.SAVED)
    saving().when(saved).then(ack_stopped())


def test_a_qemu_that_dies_while_it_saves_leaves_nothing() -> None:
    died = DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.CRASHED)
    play = saving()
    play.when(died).then(
        event(
            VmWentDown,
            desired="down",
            cause="crashed",
            reason="QEMU exited unexpectedly.",
            ends="failed",
            why="QEMU exited (crashed).",
        ),
        side_begun("saved_state", LEFT),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers("suspend"),
        beside(LEFT, host=HOST),
        timer("side_steps", 10),
        ack_stopped(),
        status("down"),
    )
    play.when(done(Done(), of=SaveDomain)).then(ack())
    play.when(done(Done(), of=RemoveSavedState)).then(side_ended("saved_state"), ack())


def test_a_suspended_vm_starts_where_its_memory_is() -> None:
    suspended().when(StartVm(id=VM)).then(
        question("scheduler/main", place(command_id(4), required_host_ids=(HOST,))), release()
    )


def test_memory_on_a_storage_domain_that_is_gone_can_be_anywhere() -> None:
    suspended().without_row("storage_domain", SD).when(StartVm(id=VM)).then(
        question("scheduler/main", place(command_id(4))), release()
    )


def test_a_suspended_vm_is_restored() -> None:
    play = suspended().given(StartVm(id=VM))
    play.when(answered(Placed(host_id=HOST))).then(
        event(VmRestoreRequested, desired="up", host_id=HOST, begins="restore", step="Starting on host one"),
        to_node(RestoreDomain(spec=SPEC, storage_domain_id=SD)),
        accepted(job=True),
        stored,
        status("restoring_state"),
    )
    play.when_restarted().then(to_node(RestoreDomain(spec=SPEC, storage_domain_id=SD)))
    play.when(started()).then(
        event(VmRestored, ends="done"),
        audit("vm_restored", text="VM web was restored from its saved memory on host one", user="u", vm=VM, host=HOST),
        ack(),
        status("up"),
    )


def test_a_restore_that_fails_leaves_it_suspended() -> None:
    play = restoring()
    play.when(done(FULL)).then(
        event(VmOperationProgressed, step="Checking that nothing is left", undoes="The disk is full."),
        ack(),
        to_node(end_of_start),
    )
    play.when(done(Done())).then(
        event(VmStartFailed, desired="suspended", reason="The disk is full.", ends="failed", why="The disk is full."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("suspended"),
    )


def test_a_restore_without_saved_memory_ends_down_with_the_reason() -> None:
    play = restoring()
    play.when(done(GONE)).then(
        event(VmOperationProgressed, step="Checking that nothing is left", undoes="There is no saved state."),
        ack(),
        to_node(end_of_start),
    )
    play.when(done(Done())).then(
        event(
            VmWentDown,
            desired="down",
            cause="failed",
            reason="Its saved memory was lost. There is no saved state.",
            ends="failed",
            why="There is no saved state.",
        ),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("down"),
    )


def test_a_restore_that_failed_while_unknown_leaves_the_memory() -> None:
    play = restoring()
    play.when(HostLost(host_id=HOST)).then(
        event(VmLost), audit("vm_unknown", severity="warning", vm=VM, host=HOST), status("unknown")
    )
    play.when(done(FULL)).then(
        event(VmOperationProgressed, step="Checking that nothing is left", undoes="The disk is full."),
        ack(),
        to_node(end_of_start),
    )
    play.when(done(Done())).then(
        event(VmSuspended, desired="suspended", ends="failed", why="The disk is full."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("suspended"),
    )
    assert (play.state.saved_on, play.state.desired) == (SD, "suspended")


def test_a_restore_whose_host_was_rebooted_leaves_the_memory() -> None:
    play = restoring().given(HostLost(host_id=HOST))
    play.when(HostConfirmedDown(host_id=HOST)).then(
        event(VmSuspended, desired="suspended", ends="failed", why="Its host was confirmed as rebooted."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        status("suspended"),
    )
    assert (play.state.saved_on, play.state.desired) == (SD, "suspended")


def crashed(play: VmPlay) -> DomainSeen:
    gone = domain(DomainStatus.ABSENT, play.state.started_step)
    return DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED)


def test_the_end_of_a_restored_qemu_is_heard_after_the_outcome_which_knows_of_the_memory() -> None:
    """It may have been used up: the VM ran, and its node's word of that got lost."""
    play = restoring()
    ended = crashed(play)
    play.when(ended).then(to_node(RestoreDomain(spec=SPEC, storage_domain_id=SD)))
    play.when(started()).then(
        event(VmRestored, ends="done"), audit("vm_restored", user="u", vm=VM, host=HOST), ack(), status("up")
    )
    play.when(ended).then(
        event(VmWentDown, desired="down", cause="crashed", reason="QEMU exited unexpectedly."),
        audit("vm_down_error", severity="error", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )


def test_a_restore_whose_qemu_is_gone_leaves_the_memory_when_it_failed() -> None:
    play = restoring()
    ended = crashed(play)
    play.given(ended).given(done(NO)).given(done(Done()))
    assert (play.state.saved_on, play.state.status) == (SD, "suspended")
    play.when(ended).then(ack_stopped())
    lost = restoring().given(HostLost(host_id=HOST))
    lost.when(crashed(lost)).then(to_node(RestoreDomain(spec=SPEC, storage_domain_id=SD)))


def test_stop_of_a_suspended_vm_discards_its_memory() -> None:
    play = suspended()
    play.when(StopVm(id=VM)).then(
        event(VmStopRequested, desired="down", begins="stop", step="Discarding the saved memory"),
        audit("vm_suspended_stopped", user="u", vm=VM, host=HOST),
        to_node(RemoveSavedState(vm_id=VM, storage_domain_id=SD)),
        timer("resend", 10),
        accepted(job=True),
        stored,
        status("powering_down"),
    )
    play.when(HostReturned(host_id=HOST)).then(to_node(RemoveSavedState(vm_id=VM, storage_domain_id=SD)))
    play.when(fired("resend")).then(to_node(RemoveSavedState(vm_id=VM, storage_domain_id=SD)), timer("resend", 10))
    play.when_restarted().then(to_node(RemoveSavedState(vm_id=VM, storage_domain_id=SD)), timer("resend", 10))
    play.when(done(Done())).then(
        event(VmWentDown, desired="down", cause="destroyed", ends="done"),
        audit("vm_down", vm=VM),
        ack(),
        *no_timers("stop"),
        status("down"),
    )
    play.when(fired("resend")).then()


def test_memory_that_cannot_be_discarded_is_still_there() -> None:
    suspended().given(StopVm(id=VM)).when(done(FULL)).then(
        event(VmSuspended, desired="suspended", ends="failed", why="The disk is full."),
        audit("vm_suspended_stop_failed", severity="error", vm=VM),
        ack(),
        status("suspended"),
    )


def test_a_vm_stopped_while_it_is_restored_leaves_no_memory_behind() -> None:
    play = restoring()
    play.when(StopVm(id=VM)).then(
        event(VmStopRequested, desired="down", begins="stop", step="Powering off"),
        audit("vm_stopped", user="u", vm=VM, host=HOST),
        to_node(DestroyDomain(vm_id=VM)),
        cancel("restore"),
        accepted(job=True),
        stored,
        status("powering_down"),
    )
    play.when(done(Done())).then(
        event(VmWentDown, desired="down", cause="destroyed", ends="done"),
        side_begun("saved_state", LEFT),
        audit("vm_down", vm=VM, host=HOST),
        ack(),
        *no_timers("stop"),
        beside(LEFT, host=HOST),
        timer("side_steps", 10),
        status("down"),
    )
    play.when(done(Done(), of=RemoveSavedState)).then(side_ended("saved_state"), ack())


def test_a_suspended_vm_is_not_suspended_again_nor_shut_down() -> None:
    suspended().when(SuspendVm(id=VM)).then(refused("not_legal", "status"))
    suspended().when(ShutdownVm(id=VM)).then(refused("not_legal", "status"))
