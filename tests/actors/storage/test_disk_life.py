"""What may be done with a disk that is there: share, rest on, change, extend, remove."""

from __future__ import annotations

from typing import Any

import pytest

from actors.storage.domain.operations.remove import LookAgain
from actors.storage.messages import AttachDisk, BackDisk, DetachDisk, DiscardDisk, UnbackDisk
from protocol.document import Ref
from protocol.node.commands import RemoveImage, ResizeVolume
from protocol.node.reports import Done
from protocol.storage.commands import RemoveDisk, UpdateDisk
from protocol.storage.disk_events import (
    DiskAttached,
    DiskBacked,
    DiskDetached,
    DiskOperationProgressed,
    DiskRemoved,
    DiskRemoveFailed,
    DiskRemoveRequested,
    DiskResized,
    DiskResizeFailed,
    DiskResizeRequested,
    DiskUnbacked,
    DiskUpdated,
)
from protocol.storage.model import Disk
from protocol.vm.commands import StartVm
from protocol.vm.model import Vm
from tests.actors.comparison import Expected
from tests.actors.expected import (
    accepted,
    ack,
    answers,
    ask,
    audit,
    event,
    keep,
    refused,
    reply,
    status,
    stored,
    timer,
    to_node,
)
from tests.actors.playbook import answered, done, fired
from tests.actors.storage.lives import (
    BUSY,
    DISK,
    FULL,
    GONE,
    IN_USE,
    OPERATION,
    ORIGIN,
    SD,
    TEMPLATE,
    VM,
    VOLUME,
    GiB,
    attached,
    growing,
    illegal,
    making,
    ok,
    provide,
    removing,
    there,
    thin,
    unborn,
    volume,
)


def to(**document: Any) -> UpdateDisk:
    return UpdateDisk(id=DISK, document=Disk(**document))


def test_one_vm_at_a_time() -> None:
    play = ok().with_row("vm", Vm(id=VM, name="web", status="down"))
    play.when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(event(DiskAttached, vm_id=VM), reply(there()))
    play.when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(reply(there(vms=(Ref(id=VM),))))
    play.when(AttachDisk(vm_id="another", operation_id=OPERATION)).then(refused("conflict"))
    play.when(DetachDisk(vm_id=VM)).then(event(DiskDetached, vm_id=VM), reply(Done()))
    play.when(DetachDisk(vm_id=VM)).then(reply(Done()))


def test_a_shareable_disk_has_many() -> None:
    play = ok(shareable=True, format="raw").given(AttachDisk(vm_id=VM, operation_id=OPERATION))
    play.when(AttachDisk(vm_id="another", operation_id=OPERATION)).then(
        event(DiskAttached, vm_id="another"), reply(there(format="raw", shareable=True, vms=(Ref(id=VM),)))
    )
    assert play.state.vm_ids == (VM, "another")
    play.when(to(shareable=False)).then(refused("conflict", "shareable"))


def test_what_others_rest_on_is_neither_written_nor_removed() -> None:
    play = ok()
    play.when(BackDisk(child_id="child")).then(event(DiskBacked, child_id="child"), reply(there()))
    play.when(BackDisk(child_id="child")).then(reply(there()))
    play.when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(refused("conflict"))
    play.when(RemoveDisk(id=DISK)).then(refused("conflict"))
    play.when(DiscardDisk(operation_id=OPERATION)).then(refused("conflict"))
    play.when(to(provisioned_size=2 * GiB)).then(refused("conflict"))
    play.when(UnbackDisk(child_id="child")).then(event(DiskUnbacked, child_id="child"), reply(Done()))
    play.when(UnbackDisk(child_id="child")).then(reply(Done()))


def test_nothing_rests_on_what_a_vm_writes() -> None:
    attached().when(BackDisk(child_id="child")).then(refused("conflict"))


def test_what_is_locked_or_illegal_is_not_shared() -> None:
    making().when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(refused("busy"))
    illegal().when(BackDisk(child_id="child")).then(refused("not_legal", "status"))


def test_what_is_not_there_cannot_be_shared_and_is_let_go_of() -> None:
    unborn().when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(refused("not_found"))
    unborn().when(BackDisk(child_id="child")).then(refused("not_found"))
    unborn().when(DetachDisk(vm_id=VM)).then(reply(Done()))
    unborn().when(UnbackDisk(child_id="child")).then(reply(Done()))
    unborn().when(DiscardDisk(operation_id=OPERATION)).then(reply(Done()))
    unborn().when(RemoveDisk(id=DISK)).then(refused("not_found"))
    unborn().when(to(name="x")).then(refused("not_found"))


def test_removed() -> None:
    play = ok()
    play.when(RemoveDisk(id=DISK)).then(
        event(DiskRemoveRequested, begins="remove", step="Deleting the volumes"),
        to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)),
        accepted(job=True, shows={"status": "ok"}),
        stored,
        status("locked"),
    )
    play.when(RemoveDisk(id=DISK)).then(refused("busy"))
    play.when(done(Done())).then(
        event(DiskRemoved, ends="done"),
        audit("disk_removed", user="u"),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )
    play.when(done(Done(), of=RemoveImage)).then(ack())


def test_a_dry_run_removes_nothing() -> None:
    ok().when(RemoveDisk(id=DISK), dry_run=True).then(accepted(shows={"status": "ok"}))


def test_one_that_rests_on_another_lets_go_of_it() -> None:
    play = thin().given(DetachDisk(vm_id=VM)).given(RemoveDisk(id=DISK))
    play.when(done(Done())).then(
        event(DiskOperationProgressed, step="Releasing the source disk"),
        ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)),
        ack(),
    )
    play.when(answered(Done())).then(
        event(DiskRemoved, ends="done"),
        audit("disk_removed", user="u"),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_a_removal_that_fails_leaves_it_illegal_to_be_removed_again() -> None:
    play = removing()
    play.when(done(FULL)).then(
        event(DiskRemoveFailed, reason="No space left on device.", ends="failed", why="No space left on device."),
        audit("disk_remove_failed", severity="error", user="u"),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", refused("host_failed")),
        status("illegal"),
    )
    assert play.state.problem == FULL.reason
    play.when(to(name="x")).then(refused("not_legal", "status"))
    play.when(RemoveDisk(id=DISK)).then(
        event(DiskRemoveRequested, begins="remove", step="Deleting the volumes"),
        to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)),
        accepted(job=True, shows={"status": "illegal"}),
        stored,
        status("locked"),
    )


def test_attached_or_a_templates_it_is_not_removed() -> None:
    attached().with_row("vm", Vm(id=VM, name="web", status="down")).when(RemoveDisk(id=DISK)).then(
        refused("conflict", "vms", reason="web")
    )
    disk = Disk(id=DISK, name="tiny", storage_domain=Ref(id=SD), provisioned_size=GiB)
    play = unborn().given(provide(disk=disk, vm_id="", template_id=TEMPLATE)).given(done(volume()))
    play.when(RemoveDisk(id=DISK)).then(refused("conflict", "template"))
    play.when(AttachDisk(vm_id=VM, operation_id=OPERATION)).then(refused("conflict"))


def test_discarded_by_the_vm_that_has_it() -> None:
    attached().when(DiscardDisk(operation_id=OPERATION, vm_id="another")).then(refused("conflict", "vms"))
    play = attached()
    play.when(DiscardDisk(operation_id=OPERATION, vm_id=VM)).then(
        event(DiskRemoveRequested, begins="remove", step="Deleting the volumes"),
        to_node(RemoveImage(storage_domain_id=SD, image_id=DISK)),
        keep("removed"),
        status("locked"),
    )
    play.when(done(Done())).then(
        event(DiskRemoved, ends="done"),
        audit("disk_removed", vm=VM),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_a_discard_that_fails_is_said_to_whoever_waits() -> None:
    attached().given(DiscardDisk(operation_id=OPERATION, vm_id=VM)).when(done(FULL)).then(
        event(DiskRemoveFailed, reason="No space left on device.", ends="failed", why="No space left on device."),
        audit("disk_remove_failed", severity="error", vm=VM),
        ack(),
        answers("made", refused("host_failed")),
        answers("removed", refused("host_failed")),
        status("illegal"),
    )


def test_renamed() -> None:
    play = ok()
    play.when(to(name="big", status="illegal", image_id="x", actual_size=7, description="Mine.")).then(
        event(DiskUpdated), audit("disk_updated", user="u"), accepted(shows={"status": "ok"}), stored
    )
    disk = play.state.disk
    assert (disk.name, disk.alias, disk.description, disk.actual_size) == ("big", "big", "Mine.", 4096)


def test_extended() -> None:
    play = ok()
    play.when(to(provisioned_size=2 * GiB)).then(
        event(DiskResizeRequested, size_bytes=2 * GiB, begins="resize", step="Extending the volume"),
        to_node(ResizeVolume(volume=VOLUME, size_bytes=2 * GiB)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )
    play.when(done(volume(2 * GiB))).then(
        event(DiskResized, size_bytes=2 * GiB, actual_bytes=4096, ends="done"),
        audit("disk_extended", user="u"),
        ack(),
        status("ok"),
    )
    assert play.state.disk.provisioned_size == 2 * GiB


def test_renamed_and_extended_at_once() -> None:
    play = ok()
    play.when(to(name="big", provisioned_size=2 * GiB)).then(
        event(DiskUpdated),
        event(DiskResizeRequested, size_bytes=2 * GiB, begins="resize", step="Extending the volume"),
        audit("disk_updated", user="u"),
        to_node(ResizeVolume(volume=VOLUME, size_bytes=2 * GiB)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )
    assert play.state.disk.name == "big"


def test_the_same_again_or_a_dry_run_changes_nothing() -> None:
    ok().when(to(name="data")).then(accepted(shows={"status": "ok"}))
    ok().when(to(provisioned_size=2 * GiB), dry_run=True).then(accepted(shows={"status": "locked"}))


def test_an_extension_that_fails_keeps_the_size() -> None:
    play = growing()
    play.when(done(FULL)).then(
        event(DiskResizeFailed, reason="No space left on device.", ends="rolled_back", why="No space left on device."),
        audit("disk_extend_failed", severity="error", user="u"),
        ack(),
        status("ok"),
    )
    assert play.state.disk.provisioned_size == GiB


def test_while_it_is_extended_it_stays_as_it_is() -> None:
    growing().when(to(name="x")).then(refused("busy"))


def test_not_extended_while_a_vm_runs_on_it() -> None:
    attached().with_row("vm", Vm(id=VM, name="web", status="up")).when(to(provisioned_size=2 * GiB)).then(
        refused("not_legal", "provisioned_size", reason="web")
    )
    attached().with_row("vm", Vm(id=VM, name="web", status="down")).when(to(provisioned_size=2 * GiB)).then(
        event(DiskResizeRequested, size_bytes=2 * GiB, begins="resize", step="Extending the volume"),
        to_node(ResizeVolume(volume=VOLUME, size_bytes=2 * GiB)),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"provisioned_size": GiB // 2}, "provisioned_size"),
        ({"format": "raw"}, "format"),
        ({"format": "vmdk"}, "format"),
        ({"storage_domains": (Ref(id="elsewhere"),)}, "storage_domains"),
        ({"shareable": True}, "shareable"),
        ({"name": "\n"}, "name"),
    ],
)
def test_what_cannot_be_changed_names_its_field(document: dict[str, Any], field: str) -> None:
    ok().when(to(**document)).then(refused("invalid", field))


def test_what_a_disk_does_not_understand() -> None:
    ok().when(StartVm(id=DISK)).then(refused("invalid", "command"))
    with pytest.raises(NotImplementedError):
        ok().happens(LookAgain())


def gone_all() -> tuple[Expected, ...]:
    return (
        event(DiskRemoved, ends="done"),
        audit("disk_removed", user="u"),
        answers("made", refused("host_failed")),
        answers("removed", Done()),
        status("gone"),
    )


def test_the_disk_that_it_rested_on_does_not_keep_it() -> None:
    play = thin().given(DetachDisk(vm_id=VM)).given(RemoveDisk(id=DISK)).given(done(Done()))
    play.when(answered(BUSY)).then(timer("step", 2))
    play.when(fired("step")).then(ask(f"disk/{ORIGIN}", UnbackDisk(child_id=DISK)))
    play.when(answered(GONE)).then(*gone_all())
    play = thin().given(DetachDisk(vm_id=VM)).given(RemoveDisk(id=DISK)).given(done(Done()))
    play.when(answered(IN_USE)).then(*gone_all())


def test_an_outcome_from_another_host_is_not_believed() -> None:
    making().when(done(volume(), host="elsewhere")).then(status("locked"))
    removing().when(done(Done(), host="elsewhere")).then(status("locked"))
    removing().when(done(FULL, host="")).then(status("locked"))
