"""Attaching a disk, making one first, changing an attachment, detaching."""

from __future__ import annotations

from typing import Any

import attrs

from actors.entity.host_signals import HostReturned
from actors.entity.ids import derived_id
from actors.storage.messages import AttachDisk, DetachDisk, DiscardDisk, DiskRecorded
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.node.reports import Done
from protocol.storage.model import Disk, DiskAttachment, StorageDomain
from protocol.vm.commands import AddDiskAttachment, RemoveDiskAttachment, UpdateDiskAttachment
from protocol.vm.events import VmDisksChanged, VmOperationEnded, VmOperationProgressed
from protocol.vm.model import limits
from tests.actors.expected import accepted, answers, ask, audit, event, keep, refused, stored, stored_as
from tests.actors.playbook import answered, command_id, job_id
from tests.actors.vm.lives import (
    DISK,
    GONE,
    HOST,
    NO,
    OTHER_DISK,
    VM,
    VmPlay,
    added,
    disk,
    domain,
    launching,
    provide,
    up,
)

NEW_DISK = derived_id(command_id(2), "disk")
JOB = job_id(2)


def attaching(**more: Any) -> AddDiskAttachment:
    given = {"disk": Disk(id=DISK), "interface": "virtio"} | more
    return AddDiskAttachment(parent_id=VM, document=DiskAttachment(**given))


def making(**more: Any) -> AddDiskAttachment:
    return attaching(disk=Disk(**({"provisioned_size": 1 << 30} | more)))


def with_disk() -> VmPlay:
    return added().given(attaching(bootable=True)).given(answered(Done()))


def test_attach_asks_the_disk_and_shows_the_attachment() -> None:
    play = added()
    play.when(attaching(bootable=True)).then(
        event(VmDisksChanged, begins="attach_disk", step=f"Adding disk {DISK} to VM web"),
        ask(f"disk/{DISK}", AttachDisk(vm_id=VM, operation_id=JOB)),
        keep(JOB),
        stored_as(accepted("disk_attachment", DISK, job=True)),
    )
    assert [(a.id, a.bootable, a.slot) for a in play.state.vm.disk_attachments] == [(DISK, True, 0)]
    play.when_restarted().then(ask(f"disk/{DISK}", AttachDisk(vm_id=VM, operation_id=JOB)))


def test_attach_is_answered_when_the_disk_agrees() -> None:
    added().given(attaching()).when(answered(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("disk_attached", user="u", vm=VM),
        answers(JOB, accepted("disk_attachment", DISK, job=True)),
    )


def test_a_disk_that_refuses_is_not_attached() -> None:
    taken = Refusal(code="conflict", reason="Another VM has it.")
    play = added().given(attaching())
    play.when(answered(taken)).then(
        event(VmDisksChanged, ends="rolled_back", why="Another VM has it."),
        audit("disk_attach_failed", severity="error", vm=VM),
        answers(JOB, refused("conflict")),
    )
    assert play.state.vm.disk_attachments == ()


def test_a_new_disk_shows_at_once_and_is_made_behind() -> None:
    play = added()
    play.when(making()).then(
        event(VmDisksChanged, begins="add_disk", step=f"Adding disk {NEW_DISK} to VM web"),
        ask(f"disk/{NEW_DISK}", provide(NEW_DISK, "web_Disk1", operation_id=JOB)),
        keep(JOB),
        stored_as(accepted("disk_attachment", NEW_DISK, job=True)),
    )
    play.when(DiskRecorded(disk_id=NEW_DISK)).then(
        answers(JOB, accepted("disk_attachment", NEW_DISK, job=True)),
    )
    play.when(answered(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("disk_attached", user="u", vm=VM),
        answers(JOB, accepted("disk_attachment", NEW_DISK, job=True)),
    )


def test_a_new_disk_that_is_there_before_it_was_read_is_answered_once() -> None:
    play = added().given(making(name="data", format="raw"))
    play.when(answered(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("disk_attached", user="u", vm=VM),
        answers(JOB, accepted("disk_attachment", NEW_DISK, job=True)),
    )
    play.when(DiskRecorded(disk_id=NEW_DISK)).then()


def test_a_new_disk_goes_where_it_was_asked_for() -> None:
    second = StorageDomain(id="sd2", name="second", status="active", type="data", host=Ref(id=HOST))
    added(("storage_domain", second)).when(making(storage_domain=Ref(id="sd2"))).then(
        event(VmDisksChanged, begins="add_disk", step=f"Adding disk {NEW_DISK} to VM web"),
        ask(f"disk/{NEW_DISK}", provide(NEW_DISK, "web_Disk1", on="sd2", operation_id=JOB)),
        keep(JOB),
        stored_as(accepted("disk_attachment", NEW_DISK, job=True)),
    )
    added(("storage_domain", second)).when(making()).then(refused("missing_attribute", "disk.storage_domains"))
    both = making(storage_domains=(Ref(id="sd"), Ref(id="sd2")))
    added(("storage_domain", second)).when(both).then(refused("invalid", "disk.storage_domains"))
    added().when(making(storage_domain=Ref(id="none"))).then(refused("not_found", "disk.storage_domains"))


def test_a_new_disk_needs_a_size() -> None:
    added().when(making(provisioned_size=None)).then(refused("missing_attribute", "disk.provisioned_size"))


def test_a_disk_that_nobody_knows_is_not_attached() -> None:
    added().when(attaching(disk=Disk(id="none"))).then(refused("not_found", "disk.id"))


def test_a_disk_is_attached_once() -> None:
    with_disk().when(attaching()).then(refused("conflict", "disk"))


def test_an_interface_that_does_not_exist_is_refused() -> None:
    added().when(attaching(interface="floppy")).then(refused("invalid", "interface"))


def test_a_disk_of_a_running_vm_is_neither_attached_nor_changed_nor_detached() -> None:
    up().when(attaching()).then(refused("not_legal", "status"))
    up().when(UpdateDiskAttachment(parent_id=VM, id=DISK, document=DiskAttachment(active=False))).then(
        refused("not_legal", "status")
    )
    up().when(RemoveDiskAttachment(parent_id=VM, id=DISK)).then(refused("not_legal", "status"))
    copied = with_disk().given(HostReturned(host_id="elsewhere", domain=domain(step="vm/x:old:0")))
    copied.when(RemoveDiskAttachment(parent_id=VM, id=DISK)).then(refused("conflict", reason="a copy of it"))
    launching().when(attaching()).then(refused("busy"))


def test_a_vm_has_only_so_many_disks() -> None:
    play = added()
    disks = tuple(DiskAttachment(id=f"d{slot}", slot=slot) for slot in range(limits.vm_disks_max))
    vm = attrs.evolve(play.state.vm, disk_attachments=disks)
    play.standing = attrs.evolve(play.standing, state=attrs.evolve(play.state, vm=vm))
    play.when(attaching()).then(refused("conflict", "disk", reason=str(limits.vm_disks_max)))


def test_a_second_disk_does_not_become_bootable() -> None:
    play = with_disk().with_row("disk", disk(OTHER_DISK))
    play.when(attaching(disk=Disk(id=OTHER_DISK), bootable=True)).then(refused("conflict", "bootable"))
    play = with_disk().with_row("disk", disk(OTHER_DISK)).given(attaching(disk=Disk(id=OTHER_DISK)))
    play.given(answered(Done()))
    boots = DiskAttachment(bootable=True)
    play.when(UpdateDiskAttachment(parent_id=VM, id=OTHER_DISK, document=boots)).then(refused("conflict", "bootable"))
    play.when(UpdateDiskAttachment(parent_id=VM, id=DISK, document=boots)).then(
        event(VmDisksChanged), audit("vm_disk_updated", user="u", vm=VM), accepted("disk_attachment", DISK), stored
    )


def test_an_attachment_is_changed() -> None:
    change = DiskAttachment(active=False, interface="sata", read_only=True, bootable=False)
    play = with_disk()
    play.when(UpdateDiskAttachment(parent_id=VM, id=DISK, document=change)).then(
        event(VmDisksChanged), audit("vm_disk_updated", user="u", vm=VM), accepted("disk_attachment", DISK), stored
    )
    (attachment,) = play.state.vm.disk_attachments
    assert (attachment.active, attachment.interface, attachment.read_only) == (False, "sata", True)
    assert not attachment.bootable


def test_an_attachment_that_is_not_there_is_not_found() -> None:
    added().when(UpdateDiskAttachment(parent_id=VM, id=DISK, document=DiskAttachment(active=False))).then(
        refused("not_found")
    )
    added().when(RemoveDiskAttachment(parent_id=VM, id=DISK)).then(refused("not_found"))


def test_a_disk_is_detached_and_stays() -> None:
    play = with_disk()
    play.when(RemoveDiskAttachment(parent_id=VM, id=DISK, detach_only=True)).then(
        event(VmOperationProgressed, begins="detach_disk", step=f"Detaching disk {DISK} from VM web"),
        ask(f"disk/{DISK}", DetachDisk(vm_id=VM)),
        accepted("disk_attachment", DISK, job=True),
        stored,
    )
    play.when(answered(Done())).then(event(VmDisksChanged, ends="done"), audit("disk_detached", user="u", vm=VM))
    assert play.state.vm.disk_attachments == ()


def test_a_disk_is_detached_and_deleted() -> None:
    play = with_disk()
    play.when(RemoveDiskAttachment(parent_id=VM, id=DISK)).then(
        event(VmOperationProgressed, begins="detach_disk", step=f"Removing disk {DISK} from VM web"),
        ask(f"disk/{DISK}", DiscardDisk(operation_id=job_id(3), vm_id=VM, correlation_id="corr")),
        accepted("disk_attachment", DISK, job=True),
        stored,
    )
    play.when(answered(Done())).then(event(VmDisksChanged, ends="done"), audit("disk_detached", user="u", vm=VM))


def test_a_disk_that_is_gone_already_is_as_good() -> None:
    with_disk().given(RemoveDiskAttachment(parent_id=VM, id=DISK)).when(answered(GONE)).then(
        event(VmDisksChanged, ends="done"), audit("disk_detached", user="u", vm=VM)
    )


def test_a_disk_that_does_not_go_stays_attached() -> None:
    with_disk().given(RemoveDiskAttachment(parent_id=VM, id=DISK)).when(answered(NO)).then(
        event(VmOperationEnded, ends="failed", why="No."), audit("disk_detach_failed", severity="error", vm=VM)
    )


def test_an_answer_to_an_earlier_incarnation_is_for_nobody_that_waits() -> None:
    """Whoever asked was told that the actor crashed; the attachment shows whether the disk agreed."""
    play = added().given(attaching())
    play.when_restarted().then(ask(f"disk/{DISK}", AttachDisk(vm_id=VM, operation_id=JOB)))
    play.when(answered(Done())).then(
        event(VmOperationEnded, ends="done"),
        audit("disk_attached", user="u", vm=VM),
        answers(JOB, accepted("disk_attachment", DISK, job=True)),
    )
    play.when(answered(Done())).then()


def test_a_dry_run_attaches_nothing() -> None:
    play = added()
    play.when(attaching(), dry_run=True).then(accepted("disk_attachment", DISK))
    play.when(making(), dry_run=True).then(accepted("disk_attachment", derived_id(command_id(3), "disk")))
    assert play.state.vm.disk_attachments == ()


def test_an_attachment_does_not_change_its_disk() -> None:
    changed = DiskAttachment(disk=Disk(name="another"))
    with_disk().when(UpdateDiskAttachment(parent_id=VM, id=DISK, document=changed)).then(refused("invalid", "disk"))
