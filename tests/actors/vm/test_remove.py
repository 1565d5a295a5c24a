"""Removing a VM: its disks go with it one after the other, or stay."""

from __future__ import annotations

from actors.storage.messages import DetachDisk, DiscardDisk
from protocol.node.reports import Done
from protocol.vm.commands import RemoveVm, UpdateVm
from protocol.vm.events import VmCreated, VmOperationProgressed, VmRemoved, VmRemoveRequested
from protocol.vm.model import Vm
from tests.actors.expected import accepted, ask, audit, event, refused, status, stored
from tests.actors.playbook import answered, job_id
from tests.actors.vm.lives import (
    DISK,
    GONE,
    NO,
    OTHER_DISK,
    VM,
    WEB_DISK,
    WEB_DISK_2,
    added,
    disk,
    from_tiny,
    launching,
    up,
)


def test_one_without_disks_is_gone_at_once() -> None:
    added().when(RemoveVm(id=VM)).then(
        event(VmRemoveRequested, begins="remove", step="Removing VM web"),
        event(VmRemoved, ends="done"),
        audit("vm_removed", user="u", vm=VM),
        accepted(job=True),
        stored,
        status("gone"),
    )


def test_its_disks_go_first() -> None:
    play = from_tiny(DISK, OTHER_DISK)
    play.when(RemoveVm(id=VM)).then(
        event(VmRemoveRequested, begins="remove", step="Removing VM web"),
        ask(
            f"disk/{WEB_DISK}",
            DiscardDisk(operation_id=job_id(2), vm_id=VM, correlation_id="corr"),
        ),
        accepted(job=True),
        stored,
        status("image_locked"),
    )
    play.when_restarted().then(
        ask(
            f"disk/{WEB_DISK}",
            DiscardDisk(operation_id=job_id(2), vm_id=VM, correlation_id="corr"),
        )
    )
    play.when(answered(Done())).then(
        event(VmOperationProgressed, step="Removing the next disk"),
        ask(
            f"disk/{WEB_DISK_2}",
            DiscardDisk(operation_id=job_id(2), vm_id=VM, correlation_id="corr"),
        ),
    )
    play.when(answered(GONE)).then(event(VmRemoved, ends="done"), audit("vm_removed", user="u", vm=VM), status("gone"))


def test_disks_that_are_wanted_or_shared_stay() -> None:
    play = from_tiny(DISK)
    play.when(RemoveVm(id=VM, detach_only=True)).then(
        event(VmRemoveRequested, begins="remove", step="Removing VM web"),
        ask(f"disk/{WEB_DISK}", DetachDisk(vm_id=VM)),
        accepted(job=True),
        stored,
        status("image_locked"),
    )
    play.when(answered(Done())).then(
        event(VmRemoved, ends="done"), audit("vm_removed", user="u", vm=VM), status("gone")
    )
    shared = from_tiny(DISK, OTHER_DISK).with_row("disk", disk(WEB_DISK, shareable=True, format="raw"))
    shared.when(RemoveVm(id=VM)).then(
        event(VmRemoveRequested, begins="remove", step="Removing VM web"),
        ask(
            f"disk/{WEB_DISK_2}",
            DiscardDisk(operation_id=job_id(2), vm_id=VM, correlation_id="corr"),
        ),
        accepted(job=True),
        stored,
        status("image_locked"),
    )
    shared.when(answered(Done())).then(
        event(VmOperationProgressed, step="Removing the next disk"), ask(f"disk/{WEB_DISK}", DetachDisk(vm_id=VM))
    )


def test_a_disk_that_does_not_go_keeps_the_vm() -> None:
    from_tiny(DISK).given(RemoveVm(id=VM)).when(answered(NO)).then(
        event(VmCreated, ends="failed", why="No."),
        audit("vm_remove_failed", severity="error", vm=VM),
        status("down"),
    )


def test_one_that_runs_is_protected_or_busy_is_not_removed() -> None:
    up().when(RemoveVm(id=VM)).then(refused("not_legal", "status"))
    launching().when(RemoveVm(id=VM)).then(refused("busy"))
    added().given(UpdateVm(id=VM, document=Vm(delete_protected=True))).when(RemoveVm(id=VM)).then(
        refused("not_legal", "delete_protected")
    )
