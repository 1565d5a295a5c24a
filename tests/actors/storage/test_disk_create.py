"""How disks come to be: each step durable before the node acts, failures undone, repeats without trace."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from actors.entity.host_signals import HostLost, HostReturned, StepAdvanced, StepDeclined, StepOutcome
from actors.entity.messages import Wake
from actors.storage.messages import BackDisk, DiscardDisk, DiskRecorded, UnbackDisk
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.node.commands import CopyVolume, CreateVolume, ImportVolume, RemoveImage, ResizeVolume
from protocol.node.reports import Done
from protocol.storage.disk_events import DiskAdded, DiskOperationProgressed, DiskReady, DiskRemoved, DiskRemoveFailed
from protocol.storage.model import Disk
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
    reply,
    status,
    stored,
    tell,
    timer,
    to_node,
)
from tests.actors.playbook import answered, done, fired, step_under_way
from tests.actors.storage.lives import (
    BUSY,
    DISK,
    FULL,
    GONE,
    HELD,
    HOST,
    IN_USE,
    NEW,
    OPERATION,
    ORIGIN,
    RAW_VOLUME,
    SD,
    TEMPLATE,
    VM,
    VOLUME,
    GiB,
    adding,
    first,
    illegal,
    making,
    ok,
    origin,
    provide,
    providing,
    storage_domain,
    there,
    unborn,
    volume,
    wanted,
)


def test_a_floating_disk_is_recorded_then_made() -> None:
    play = unborn()
    play.when(adding()).then(
        event(DiskAdded, begins="add", step="Creating the volume"),
        to_node(CreateVolume(volume=VOLUME, size_bytes=GiB)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )
    play.when_restarted().then(to_node(CreateVolume(volume=VOLUME, size_bytes=GiB)))
    play.when(done(volume())).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", user="u"),
        ack(),
        answers("made", there()),
        status("ok"),
    )
    assert (play.state.disk.actual_size, play.folded()) == (4096, play.state)


def test_a_raw_disk_is_preallocated_when_asked() -> None:
    unborn().when(adding(format="raw", sparse=False)).then(
        event(DiskAdded, begins="add", step="Creating the volume"),
        to_node(CreateVolume(volume=RAW_VOLUME, size_bytes=GiB, preallocate=True)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )


def test_the_same_add_again_gets_the_same_answer() -> None:
    making().when(adding(), again=True).then(accepted(job=True, shows={"status": "locked"}))
    ok().when(adding()).then(refused("conflict"))


def test_a_dry_run_changes_nothing() -> None:
    unborn().when(adding(), dry_run=True).then(accepted())


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"provisioned_size": None}, "missing_attribute", "provisioned_size"),
        ({"provisioned_size": 1}, "invalid", "provisioned_size"),
        ({"storage_domains": None}, "missing_attribute", "storage_domains"),
        ({"storage_domains": (Ref(id=SD), Ref(id=NEW))}, "invalid", "storage_domains"),
        ({"storage_domains": (Ref(id=NEW),)}, "not_found", "storage_domains"),
        ({"shareable": True}, "invalid", "shareable"),
        ({"format": "vmdk"}, "invalid", "format"),
        ({"name": " "}, "invalid", "name"),
    ],
)
def test_what_is_refused_names_its_field(document: dict[str, Any], code: str, field: str) -> None:
    unborn().when(adding(**document)).then(refused(code, field))


def test_a_storage_domain_that_is_not_active_takes_no_disk() -> None:
    sick = storage_domain(SD, "data", status="inactive")
    unborn().with_row("storage_domain", sick).when(adding()).then(refused("not_legal", "storage_domains"))


def test_a_disk_for_a_vm_is_said_to_be_recorded_and_answered_when_it_is_there() -> None:
    play = unborn()
    play.when(provide()).then(
        event(DiskAdded, begins="provide", step="Creating the volume"),
        to_node(CreateVolume(volume=VOLUME, size_bytes=GiB)),
        tell(f"vm/{VM}", DiskRecorded(disk_id=DISK)),
        keep("made"),
        status("locked"),
    )
    play.when(done(volume())).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", vm=VM),
        ack(),
        answers("made", there(vms=(Ref(id=VM),))),
        status("ok"),
    )


def test_a_failure_is_undone_and_says_why() -> None:
    play = providing()
    play.when(done(FULL)).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes="No space left on device."),
        ack(),
        to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)),
    )
    play.when_restarted().then(to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)))
    play.when(done(Done())).then(
        event(DiskRemoved, ends="rolled_back", why="No space left on device."),
        audit("disk_add_failed", severity="error", vm=VM),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_what_cannot_be_undone_is_illegal() -> None:
    providing().given(done(FULL)).when(done(FULL)).then(
        event(
            DiskRemoveFailed,
            reason="No space left on device. Undoing it failed too: No space left on device.",
            ends="failed",
            why="No space left on device. Undoing it failed too: No space left on device.",
        ),
        audit("disk_add_failed", severity="error", vm=VM),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", refused("host_failed")),
        status("illegal"),
    )


def test_thin_on_a_template_disk() -> None:
    play = unborn().with_row("disk", origin())
    play.when(provide(disk=Disk(id=DISK, name="web_Disk1"), backing_disk_id=ORIGIN)).then(
        event(DiskAdded, begins="provide", step="Reserving the source disk"),
        ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)),
        tell(f"vm/{VM}", DiskRecorded(disk_id=DISK)),
        keep("made"),
        status("locked"),
    )
    play.when_restarted().then(ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)))
    play.when(answered(HELD)).then(
        event(DiskOperationProgressed, step="Creating the volume"),
        to_node(CreateVolume(volume=VOLUME, size_bytes=GiB, backing=HELD.volume)),
    )
    play.when(done(volume())).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", vm=VM),
        ack(),
        answers("made", there(name="web_Disk1", vms=(Ref(id=VM),), backing_disk=Ref(id=ORIGIN))),
        status("ok"),
    )
    assert (play.state.disk.backing_disk, play.state.vm_ids) == (Ref(id=ORIGIN), (VM,))


def test_a_clone_grows_and_lets_go_of_its_origin_at_the_end() -> None:
    play = unborn().with_row("disk", origin())
    play.when(provide(backing_disk_id=ORIGIN, clone=True)).then(
        event(DiskAdded, begins="clone", step="Reserving the source disk"),
        ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)),
        tell(f"vm/{VM}", DiskRecorded(disk_id=DISK)),
        keep("made"),
        status("locked"),
    )
    play.when(answered(HELD)).then(
        event(DiskOperationProgressed, step="Creating the volume"),
        to_node(CopyVolume(source=HELD.volume, target=VOLUME)),
    )
    play.when(done(volume(GiB // 2))).then(
        event(DiskOperationProgressed, step="Extending the volume"),
        ack(),
        to_node(ResizeVolume(volume=VOLUME, size_bytes=GiB)),
    )
    play.when(done(volume())).then(
        event(DiskOperationProgressed, step="Releasing the source disk"),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
        ack(),
    )
    play.when(answered(Done())).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", vm=VM),
        answers("made", there(vms=(Ref(id=VM),))),
        status("ok"),
    )
    assert play.state.disk.backing_disk is None


def test_a_clone_of_a_disk_goes_beside_it_when_nothing_else_is_said() -> None:
    play = unborn().with_row("disk", origin())
    play.when(provide(disk=Disk(id=DISK, name="copy", provisioned_size=GiB), backing_disk_id=ORIGIN, clone=True)).then(
        event(DiskAdded, begins="clone", step="Reserving the source disk"),
        ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)),
        tell(f"vm/{VM}", DiskRecorded(disk_id=DISK)),
        keep("made"),
        status("locked"),
    )


def test_a_clone_that_is_large_enough_does_not_grow() -> None:
    providing(backing_disk_id=ORIGIN, clone=True).given(answered(HELD)).when(done(volume())).then(
        event(DiskOperationProgressed, step="Releasing the source disk"),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
        ack(),
    )


def test_an_origin_that_is_gone_by_the_end_is_let_go_of() -> None:
    play = providing(backing_disk_id=ORIGIN, clone=True).given(answered(HELD)).given(done(volume()))
    play.when(answered(GONE)).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", vm=VM),
        answers("made", there(vms=(Ref(id=VM),))),
        status("ok"),
    )


def test_a_clone_that_fails_goes_and_lets_go_of_its_origin() -> None:
    play = providing(backing_disk_id=ORIGIN, clone=True).given(answered(HELD)).given(done(FULL))
    play.when(done(Done())).then(
        event(
            DiskOperationProgressed,
            step="Releasing the source disk",
            undoes="No space left on device.",
        ),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
        ack(),
    )
    play.when(answered(Done())).then(
        event(DiskRemoved, ends="rolled_back", why="No space left on device."),
        audit("disk_add_failed", severity="error", vm=VM),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_an_import_takes_the_size_of_the_image() -> None:
    disk = Disk(id=DISK, name="tiny", storage_domain=Ref(id=SD))
    image = {"template_id": TEMPLATE, "import_path": "/srv/t.qcow2", "import_format": "qcow2"}
    play = unborn()
    play.when(provide(disk=disk, vm_id="", **image)).then(
        event(DiskAdded, begins="import", step="Creating the volume"),
        to_node(ImportVolume(source_path="/srv/t.qcow2", source_format="qcow2", target=VOLUME)),
        keep("made"),
        status("locked"),
    )
    play.when(done(volume(2 * GiB))).then(
        event(DiskReady, provisioned_bytes=2 * GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", template=TEMPLATE),
        ack(),
        answers("made", there(name="tiny", provisioned_size=2 * GiB, template=Ref(id=TEMPLATE))),
        status("ok"),
    )
    assert play.state.disk.provisioned_size == 2 * GiB


def test_an_origin_that_refuses_ends_it_without_touching_the_storage() -> None:
    providing(disk=Disk(id=DISK, name="web_Disk1"), backing_disk_id=ORIGIN).when(answered(IN_USE)).then(
        event(DiskRemoved, ends="rolled_back", why="A disk rests on it."),
        audit("disk_add_failed", severity="error", vm=VM),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_an_origin_that_is_busy_is_asked_again() -> None:
    play = providing(disk=Disk(id=DISK, name="web_Disk1"), backing_disk_id=ORIGIN)
    play.when(answered(BUSY)).then(timer("step", 2))
    play.when(fired("step")).then(ask(f"disk/{ORIGIN}", BackDisk(child_id=DISK)))


def test_an_origin_that_nobody_knows_is_not_found() -> None:
    unborn().when(provide(backing_disk_id=ORIGIN)).then(refused("not_found"))


@pytest.mark.parametrize(
    ("backing_is_on", "asked", "field"),
    [
        (SD, {"disk": wanted(id=DISK, format="raw")}, "format"),
        (SD, {"disk": wanted(id=DISK, storage_domains=(Ref(id=NEW),))}, "storage_domains"),
        (NEW, {"clone": True}, "storage_domains"),
    ],
)
def test_a_disk_that_cannot_rest_there_is_refused(backing_is_on: str, asked: dict[str, Any], field: str) -> None:
    play = unborn().with_row("disk", origin(storage_domain=Ref(id=backing_is_on), storage_domains=None))
    play.with_row("storage_domain", storage_domain(NEW, "other", host=Ref(id="another")))
    play.when(provide(backing_disk_id=ORIGIN, **asked)).then(refused("invalid", field))


def test_asking_again_waits_along_or_gets_the_disk() -> None:
    play = providing().when(provide()).then(keep("made"))
    play.when(done(volume())).then(
        event(DiskReady, provisioned_bytes=GiB, actual_bytes=4096, ends="done"),
        audit("disk_added", vm=VM),
        ack(),
        answers("made", there(vms=(Ref(id=VM),))),
        status("ok"),
    )
    play.when(provide()).then(reply(there(vms=(Ref(id=VM),))))


def test_asking_again_for_something_else_is_refused() -> None:
    making().when(provide()).then(refused("busy"))
    ok().when(provide()).then(refused("conflict"))
    illegal().when(provide()).then(refused("not_legal", "status"))


def test_asking_again_for_one_that_was_not_made_says_why() -> None:
    play = providing().given(done(FULL)).given(done(Done()))
    play.when(provide()).then(refused("host_failed"))


def test_discarded_while_it_is_made_it_turns_round() -> None:
    play = providing()
    play.when(DiscardDisk(operation_id=OPERATION, vm_id=VM)).then(
        event(DiskOperationProgressed, step="Creating the volume", undoes="It is not wanted any more."),
        end_step(),
        keep("removed"),
    )
    play.when(DiscardDisk(operation_id=OPERATION, vm_id=VM)).then(keep("removed"))
    play.when(done(volume())).then(
        event(DiskOperationProgressed, step="Deleting the volumes", undoes="It is not wanted any more."),
        ack(),
        to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)),
    )
    play.when(done(Done())).then(
        event(DiskRemoved, ends="rolled_back", why="It is not wanted any more."),
        audit("disk_add_cancelled", vm=VM),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_discarded_while_its_origin_is_held_it_lets_go() -> None:
    play = providing(disk=Disk(id=DISK, name="web_Disk1"), backing_disk_id=ORIGIN)
    play.given(DiscardDisk(operation_id=OPERATION, vm_id=VM)).when(answered(HELD)).then(
        event(
            DiskOperationProgressed,
            step="Releasing the source disk",
            undoes="It is not wanted any more.",
        ),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
    )


def test_only_the_host_of_the_step_gets_it_again() -> None:
    play = making().when(HostReturned(host_id="another")).then()
    play.when(HostReturned(host_id=HOST)).then(to_node(CreateVolume(volume=VOLUME, size_bytes=GiB)))


def test_a_step_that_its_host_has_not_tried_is_asked_again_in_a_moment() -> None:
    play = making()
    step = step_under_way(play)
    play.when(StepDeclined(host_id="another", step=step)).then()
    play.when(StepDeclined(host_id=HOST, step=attrs.evolve(step, number=7))).then()
    play.when(StepDeclined(host_id=HOST, step=step)).then(timer("step", 2))
    play.when(fired("step")).then(to_node(CreateVolume(volume=VOLUME, size_bytes=GiB)))
    ok().when(StepDeclined(host_id=HOST, step=step)).then()


def test_an_outcome_twice_is_only_acknowledged() -> None:
    play = making().given(done(volume()))
    play.when(first(CreateVolume)).then(ack())
    stale = StepId(owner=f"disk/{DISK}", operation=OPERATION, number=0, host=HOST)
    play.when(StepOutcome(host_id=HOST, step=stale, result=Done())).then(ack())


def test_an_answer_twice_is_nothing() -> None:
    providing(disk=Disk(id=DISK, name="x"), backing_disk_id=ORIGIN).given(answered(HELD)).when(answered(HELD)).then()


def test_silence_and_progress_are_nothing() -> None:
    making().when(HostLost(host_id=HOST)).then()
    making().when(StepAdvanced(host_id=HOST, step=StepId(owner="x/y", operation="o", number=0), percent=7)).then()
    ok().when(Wake()).then()
