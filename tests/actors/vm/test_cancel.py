"""Jobs of a VM that are cancelled: a shutdown that waits, a new VM with its disks, a disk that is made for it."""

from __future__ import annotations

from actors.entity.host_signals import DomainSeen, HostLost, HostReturned
from actors.storage.messages import DiscardDisk, DiskRecorded
from protocol.activity.commands import CancelJob
from protocol.node.commands import ShutdownDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import Done
from protocol.vm.commands import ShutdownVm, StopVm
from protocol.vm.events import (
    VmDisksChanged,
    VmOperationEnded,
    VmOperationProgressed,
    VmRemoved,
    VmShutdownIgnored,
    VmWentDown,
)
from tests.actors.expected import (
    accepted,
    ack,
    ack_stopped,
    answers,
    ask,
    audit,
    cancel,
    event,
    look,
    refused,
    status,
    stored,
)
from tests.actors.playbook import answered, done, fired, job_id
from tests.actors.vm.lives import DISK, HOST, NO, OTHER_DISK, VM, added, cloning, domain, no_timers, up
from tests.actors.vm.test_add import WEB_DISK, WEB_DISK_2
from tests.actors.vm.test_disks import JOB, NEW_DISK, making

WHY = "Cancelled by admin@internal."


def test_a_shutdown_that_is_cancelled_leaves_it_up() -> None:
    play = up().given(ShutdownVm(id=VM)).given(done(Done()))
    job = play.operation.id
    play.when(CancelJob(id=job)).then(
        event(
            VmShutdownIgnored, desired="up", step="Waiting for the guest to shut down", undoes=WHY, ends="rolled_back",
            why=WHY,
        ),
        audit("job_cancelled", text="admin@internal cancelled job 'Shutting down VM web'", user="u", vm=VM),
        cancel("shutdown"),
        look(HOST),
        accepted("job", job, job=True),
        stored,
        status("up"),
    )  # fmt: skip
    play.when(CancelJob(id=job)).then(refused("not_legal", "status", reason="has ended"))
    play.when(fired("shutdown")).then()
    play.when(DomainSeen(host_id=HOST, domain=domain(DomainStatus.ABSENT), stopped=StopReason.SHUTDOWN)).then(
        event(VmWentDown, desired="down", cause="shutdown", reason="The guest powered off."),
        audit("vm_down", vm=VM, host=HOST),
        *no_timers(),
        ack_stopped(),
        status("down"),
    )


def test_a_shutdown_that_is_cancelled_before_the_guest_was_asked_is_over() -> None:
    play = up().given(ShutdownVm(id=VM))
    play.given(CancelJob(id=play.operation.id)).when(done(Done(), of=ShutdownDomain)).then(ack())
    play.when(HostReturned(host_id=HOST, domain=domain())).then()


def test_a_shutdown_that_is_cancelled_while_its_host_is_silent_proves_nothing() -> None:
    play = up().given(ShutdownVm(id=VM)).given(done(Done())).given(HostLost(host_id=HOST))
    job = play.operation.id
    play.when(CancelJob(id=job)).then(
        event(
            VmOperationEnded, desired="up", step="Waiting for the guest to shut down", undoes=WHY, ends="rolled_back",
            why=WHY,
        ),
        audit("job_cancelled", user="u", vm=VM),
        cancel("shutdown"),
        look(HOST),
        accepted("job", job, job=True),
        stored,
        status("unknown"),
    )  # fmt: skip


def test_a_stop_cannot_be_cancelled() -> None:
    play = up().given(StopVm(id=VM))
    play.when(CancelJob(id=play.operation.id)).then(
        refused("not_legal", reason="Job 'Stopping VM web' cannot be cancelled. Wait for it to end.")
    )


def test_a_new_vm_that_is_cancelled_takes_its_disks_along_the_last_first() -> None:
    play = cloning(DISK, OTHER_DISK).given(answered(Done()))
    discard = DiscardDisk(operation_id=job_id(1), vm_id=VM, correlation_id="corr")
    play.when(CancelJob(id=job_id(1))).then(
        event(VmOperationProgressed, step="Removing what was created", undoes=WHY),
        audit("job_cancelled", user="u", vm=VM),
        ask(f"disk/{WEB_DISK_2}", discard),
        accepted("job", job_id(1), job=True),
        stored,
    )
    assert [step.status for step in play.operation.steps] == ["finished", "aborted", "started"]
    play.when(CancelJob(id=job_id(1))).then(accepted("job", job_id(1), job=True))
    play.when_restarted().then(ask(f"disk/{WEB_DISK_2}", discard))
    play.when(answered(Done())).then(
        event(VmOperationProgressed, step="Removing the next disk", undoes=WHY), ask(f"disk/{WEB_DISK}", discard)
    )
    play.when(answered(Done())).then(
        event(VmRemoved, ends="rolled_back", why=WHY), audit("vm_add_cancelled", text=WHY, vm=VM), status("gone")
    )


def test_a_new_vm_whose_second_disk_was_never_asked_for_leaves_it_alone() -> None:
    cloning(DISK, OTHER_DISK).given(CancelJob(id=job_id(1))).when(answered(Done())).then(
        event(VmRemoved, ends="rolled_back", why=WHY), audit("vm_add_cancelled", vm=VM), status("gone")
    )


def test_a_disk_that_is_being_made_for_a_vm_goes_with_its_attachment() -> None:
    play = added().given(making()).given(DiskRecorded(disk_id=NEW_DISK))
    discard = DiscardDisk(operation_id=JOB, vm_id=VM, correlation_id="corr")
    play.when(CancelJob(id=JOB)).then(
        event(VmOperationProgressed, step="Removing the disk", undoes=WHY),
        audit("job_cancelled", user="u", vm=VM),
        ask(f"disk/{NEW_DISK}", discard),
        accepted("job", JOB, job=True),
        stored,
    )
    play.when_restarted().then(ask(f"disk/{NEW_DISK}", discard))
    play.when(answered(Done())).then(
        event(VmDisksChanged, disk_attachments=(), ends="rolled_back", why=WHY),
        audit("disk_attach_cancelled", text=WHY, vm=VM),
        answers(JOB, refused("cancelled", reason=WHY)),
    )


def test_a_disk_that_cannot_be_removed_again_is_said() -> None:
    why = f"{WHY} The disk could not be removed: No."
    added().given(making()).given(CancelJob(id=JOB)).when(answered(NO)).then(
        event(VmDisksChanged, disk_attachments=(), ends="rolled_back", why=why),
        audit("disk_attach_cancelled", text=why, vm=VM),
        answers(JOB, refused("host_failed", reason=why)),
    )
