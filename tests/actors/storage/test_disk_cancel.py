"""The making of a disk that is cancelled: its host ends what it is at, and nothing is left of it."""

from __future__ import annotations

import pytest

from actors.entity.host_signals import HostReturned
from actors.storage.messages import BackDisk, DiscardDisk, UnbackDisk
from protocol.activity.commands import CancelJob
from protocol.errors import Cancelled
from protocol.node.commands import CopyVolume, CreateVolume, RemoveImage, ResizeVolume
from protocol.node.reports import Done
from protocol.storage.disk_events import DiskOperationProgressed, DiskRemoved
from tests.actors.expected import (
    accepted,
    ack,
    answers,
    ask,
    audit,
    end_step,
    event,
    keep,
    refused,
    status,
    stored,
    to_node,
)
from tests.actors.playbook import answered, done, fired, job_id
from tests.actors.storage.lives import (
    BUSY,
    DISK,
    HELD,
    HOST,
    OPERATION,
    ORIGIN,
    SD,
    VM,
    VOLUME,
    DiskPlay,
    GiB,
    active,
    connecting,
    growing,
    making,
    ok,
    providing,
    removing,
    volume,
)

WHY = "Cancelled by admin@internal."
CREATE = CreateVolume(volume=VOLUME, size_bytes=GiB)
COPY = CopyVolume(source=HELD.volume, target=VOLUME)
REMOVE = RemoveImage(storage_domain_id=SD, image_id=DISK)
STOPPED = Cancelled("The step was cancelled.").refusal


def cancel(play: DiskPlay) -> CancelJob:
    assert play.operation is not None
    return CancelJob(id=play.operation.id)


def cloning() -> DiskPlay:
    return providing(backing_disk_id=ORIGIN, clone=True).given(answered(HELD))


def test_a_new_disk_that_is_cancelled_goes() -> None:
    play = making()
    play.when(CancelJob(id=job_id(1))).then(
        event(DiskOperationProgressed, step="Creating the volume", undoes=WHY),
        audit("job_cancelled", text="admin@internal cancelled job 'Creating disk data'", user="u"),
        end_step(),
        accepted("job", job_id(1), job=True),
        stored,
    )
    play.when(CancelJob(id=job_id(1))).then(accepted("job", job_id(1), job=True))
    play.when(HostReturned(host_id="another")).then()
    play.when(HostReturned(host_id=HOST)).then(to_node(CREATE), end_step())
    play.when_restarted().then(to_node(CREATE), end_step())
    play.when(done(STOPPED)).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes=WHY), ack(), to_node(REMOVE)
    )
    assert [step.status for step in play.operation.steps] == ["aborted", "started"]
    play.when(HostReturned(host_id=HOST)).then(to_node(REMOVE))
    play.when(done(Done())).then(
        event(DiskRemoved, ends="rolled_back", why=WHY),
        audit("disk_add_cancelled", text=WHY, user="u"),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_a_clone_that_is_cancelled_releases_what_it_started_from() -> None:
    play = cloning()
    play.when(cancel(play)).then(
        event(DiskOperationProgressed, step="Creating the volume", undoes=WHY),
        audit("job_cancelled", user="u"),
        end_step(),
        accepted("job", play.operation.id, job=True),
        stored,
    )
    play.when_restarted().then(to_node(COPY), end_step())
    play.when(done(STOPPED)).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes=WHY), ack(), to_node(REMOVE)
    )
    play.when(done(Done())).then(
        event(DiskOperationProgressed, step="Releasing the source disk", undoes=WHY),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
        ack(),
    )
    play.when(answered(Done())).then(
        event(DiskRemoved, ends="rolled_back", why=WHY),
        audit("disk_add_cancelled", vm=VM),
        answers("made", refused("host_failed", reason=WHY)),
        answers("removed", Done()),
        status("gone"),
    )


def test_a_copy_that_was_whole_before_it_could_be_ended_goes_too() -> None:
    play = cloning()
    play.given(cancel(play)).when(done(volume())).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes=WHY), ack(), to_node(REMOVE)
    )


def test_cancelled_while_it_grows_the_growing_is_ended() -> None:
    play = cloning().given(done(volume(GiB // 2)))
    play.when(cancel(play)).then(
        event(DiskOperationProgressed, step="Extending the volume", undoes=WHY),
        audit("job_cancelled", user="u"),
        end_step(),
        accepted("job", play.operation.id, job=True),
        stored,
    )
    play.when_restarted().then(to_node(ResizeVolume(volume=VOLUME, size_bytes=GiB)), end_step())


def test_cancelled_at_its_end_the_whole_copy_goes_before_its_origin_is_released() -> None:
    play = cloning().given(done(volume()))
    play.when(cancel(play)).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes=WHY),
        audit("job_cancelled", user="u"),
        to_node(REMOVE),
        accepted("job", play.operation.id, job=True),
        stored,
    )
    play.when(answered(Done(), of=UnbackDisk)).then()


def test_cancelled_while_its_origin_is_busy_it_is_not_held_any_more() -> None:
    play = providing(backing_disk_id=ORIGIN, clone=True).given(answered(BUSY))
    play.when(cancel(play)).then(
        event(DiskOperationProgressed, step="Reserving the source disk", undoes=WHY),
        audit("job_cancelled", user="u"),
        accepted("job", play.operation.id, job=True),
        stored,
    )
    play.when(fired("step")).then(ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)))
    play.when(answered(BUSY)).then(
        event(DiskOperationProgressed, step="Releasing the source disk", undoes=WHY),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
    )


def test_discarded_at_its_end_the_whole_copy_goes() -> None:
    cloning().given(done(volume())).when(DiscardDisk(operation_id=OPERATION, vm_id=VM)).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes="It is not wanted any more."),
        to_node(REMOVE),
        keep("removed"),
    )


@pytest.mark.parametrize("life", [removing, growing])
def test_what_cannot_be_taken_back_is_refused_by_name(life: type[DiskPlay]) -> None:
    play = life()
    assert play.operation is not None
    play.when(cancel(play)).then(
        refused("not_legal", reason=f"Job '{play.operation.description}' cannot be cancelled.")
    )


def test_the_adding_of_a_storage_domain_cannot_be_cancelled() -> None:
    connecting().when(CancelJob(id=job_id(1))).then(refused("not_legal", reason="cannot be cancelled"))
    active().when(CancelJob(id=job_id(1))).then(refused("not_legal", "status", reason="has ended"))


def test_a_job_that_has_ended_meanwhile_is_not_cancelled() -> None:
    ok().when(CancelJob(id=job_id(1))).then(refused("not_legal", "status", reason="has ended"))
    removing().when(CancelJob(id=job_id(1))).then(refused("not_legal", "status", reason="has ended"))


def test_a_dry_run_ends_nothing() -> None:
    making().when(CancelJob(id=job_id(1)), dry_run=True).then(accepted("job", job_id(1)))
