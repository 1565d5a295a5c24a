"""The life of a template: imported with its disk or not at all, changed, removed when nothing rests on it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from actors.entity.messages import Wake
from actors.entity.transaction import Standing
from actors.storage.messages import DetachDisk, DiscardDisk
from actors.storage.template.defaults import defaulted
from actors.storage.template.evolve import evolve
from actors.storage.template.state import blank_id
from protocol.activity.commands import CancelJob
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.model import Cpu, CpuTopology
from protocol.node.reports import Done
from protocol.storage.model import Disk
from protocol.template.commands import ImportTemplate, RemoveTemplate, UpdateTemplate
from protocol.template.events import (
    TemplateAdded,
    TemplateOperationProgressed,
    TemplateReady,
    TemplateRemoved,
    TemplateRemoveFailed,
    TemplateRemoveRequested,
    TemplateUpdated,
)
from protocol.template.model import Template
from protocol.vm.commands import StartVm
from protocol.vm.model import Vm
from tests.actors.backstage import NOW
from tests.actors.expected import accepted, ask, audit, event, refused, status, stored, timer
from tests.actors.playbook import CORRELATION, answered, fired, job_id
from tests.actors.storage.lives import (
    BUSY,
    DISK,
    FILLING,
    FULL,
    IN_USE,
    NEW,
    TEMPLATE,
    TEMPLATE_DISK,
    VM,
    TemplatePlay,
    imported,
    importing,
    importing_tiny,
    no_template,
    storage_domain,
    template_disk,
)

REMOVE = RemoveTemplate(id=TEMPLATE)
WHY = "Cancelled by admin@internal."


def to(**document: Any) -> UpdateTemplate:
    return UpdateTemplate(id=TEMPLATE, document=Template(**document))


def blank() -> TemplatePlay:
    play = TemplatePlay(blank_id)
    state = evolve(None, TemplateAdded(at=NOW, template=defaulted(Template(id=blank_id, name="Blank"))))
    play.standing = Standing(state=state, version=1)
    return play


def with_two_disks() -> TemplatePlay:
    """As later releases make them."""
    play = imported()
    play.standing = attrs.evolve(play.standing, state=attrs.evolve(play.state, disk_ids=(TEMPLATE_DISK, DISK)))
    return play


def test_imported_its_disk_is_filled_first() -> None:
    play = no_template()
    play.when(importing_tiny()).then(
        event(TemplateAdded, begins="import", step="Copying the image"),
        ask(f"disk/{TEMPLATE_DISK}", FILLING),
        accepted(job=True, shows={"status": "locked"}),
        stored,
        status("locked"),
    )
    play.when_restarted().then(ask(f"disk/{TEMPLATE_DISK}", FILLING))
    play.when(answered(template_disk())).then(
        event(TemplateReady, ends="done"), audit("template_imported", user="u", template=TEMPLATE), status("ok")
    )
    template = play.state.template
    assert [(a.id, a.bootable) for a in template.disk_attachments] == [(TEMPLATE_DISK, True)]
    assert template.cpu.topology == CpuTopology(sockets=1, cores=2, threads=1)


def test_the_same_import_again_gets_the_same_answer() -> None:
    importing().when(importing_tiny(), again=True).then(accepted(job=True, shows={"status": "locked"}))
    imported().when(importing_tiny()).then(refused("conflict"))


def test_a_dry_run_imports_nothing() -> None:
    no_template().when(importing_tiny(), dry_run=True).then(accepted(shows={"status": "locked"}))


def test_a_disk_that_cannot_be_made_takes_the_template_along() -> None:
    play = importing()
    play.when(answered(FULL)).then(
        event(TemplateOperationProgressed, step="Removing its disk", undoes="No space left on device."),
        ask(
            f"disk/{TEMPLATE_DISK}",
            DiscardDisk(operation_id=job_id(1), template_id=TEMPLATE, correlation_id=CORRELATION),
        ),
    )
    play.when_restarted().then(
        ask(
            f"disk/{TEMPLATE_DISK}",
            DiscardDisk(operation_id=job_id(1), template_id=TEMPLATE, correlation_id=CORRELATION),
        )
    )
    play.when(answered(Done())).then(
        event(TemplateRemoved, ends="rolled_back", why="No space left on device."),
        audit("template_import_failed", severity="error", user="u"),
        status("gone"),
    )


def test_a_disk_that_cannot_be_undone_is_said() -> None:
    importing().given(answered(FULL)).when(answered(IN_USE)).then(
        event(
            TemplateRemoved,
            ends="rolled_back",
            why="No space left on device. Undoing it failed too: A disk rests on it.",
        ),
        audit("template_import_failed", severity="error", user="u"),
        status("gone"),
    )


def test_a_disk_that_crashed_is_asked_again() -> None:
    importing().when(answered(BUSY)).then(timer("step", 2))
    play = importing().when(answered(Refusal(code="internal", reason="It crashed."))).then(timer("step", 2))
    play.when(fired("step")).then(ask(f"disk/{TEMPLATE_DISK}", FILLING))


def test_an_answer_twice_changes_nothing() -> None:
    imported().when(answered(template_disk())).then()


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (importing_tiny(document=Template()), "missing_attribute", "name"),
        (importing_tiny(document=Template(name=" ")), "invalid", "name"),
        (importing_tiny(document=Template(name="taken")), "name_taken", "name"),
        (importing_tiny(image_format="vmdk"), "invalid", "image_format"),
        (importing_tiny(image_path="tiny.qcow2"), "invalid", "image_path"),
        (importing_tiny(document=Template(name="t", memory=1)), "invalid", "memory"),
        (importing_tiny(document=Template(name="t", type="toaster")), "invalid", "type"),
        (importing_tiny(document=Template(name="t", cluster=Ref(id="none"))), "not_found", "cluster"),
        (importing_tiny(storage_domain_id="none"), "not_found", "storage_domain_id"),
        (importing_tiny(storage_domain_id=NEW), "not_legal", "storage_domain_id"),
    ],
)
def test_what_is_refused_names_its_field(command: ImportTemplate, code: str, field: str) -> None:
    play = no_template().with_row("template", Template(id="other", name="taken"))
    play.with_row("storage_domain", storage_domain(NEW, "sick", status="inactive")).when(command).then(
        refused(code, field)
    )


def test_removed_with_its_disk() -> None:
    play = imported()
    play.when(REMOVE).then(
        event(TemplateRemoveRequested, begins="remove", step="Removing a disk"),
        ask(
            f"disk/{TEMPLATE_DISK}",
            DiscardDisk(operation_id=job_id(2), template_id=TEMPLATE, correlation_id=CORRELATION),
        ),
        accepted(job=True, shows={"status": "ok"}),
        stored,
        status("locked"),
    )
    play.when_restarted().then(
        ask(
            f"disk/{TEMPLATE_DISK}",
            DiscardDisk(operation_id=job_id(2), template_id=TEMPLATE, correlation_id=CORRELATION),
        )
    )
    play.when(answered(Done())).then(
        event(TemplateRemoved, ends="done"), audit("template_removed", user="u"), status("gone")
    )


def test_removed_with_its_disks_one_after_the_other() -> None:
    play = with_two_disks().given(REMOVE)
    play.when(answered(Done())).then(
        event(TemplateOperationProgressed, step="Removing a disk"),
        ask(f"disk/{DISK}", DiscardDisk(operation_id=job_id(2), template_id=TEMPLATE, correlation_id=CORRELATION)),
    )
    play.when(answered(Done())).then(
        event(TemplateRemoved, ends="done"), audit("template_removed", user="u"), status("gone")
    )


def test_without_disks_it_is_gone_at_once() -> None:
    play = imported()
    play.standing = attrs.evolve(play.standing, state=attrs.evolve(play.state, disk_ids=()))
    play.when(REMOVE).then(
        event(TemplateRemoveRequested, begins="remove"),
        event(TemplateRemoved, ends="done"),
        audit("template_removed", user="u"),
        accepted(job=True, shows={"status": "ok"}),
        stored,
        status("gone"),
    )


def test_not_removed_while_disks_rest_on_it() -> None:
    child = Disk(id=DISK, name="web_Disk1", backing_disk=Ref(id=TEMPLATE_DISK), vms=(Ref(id=VM),))
    play = (
        imported().with_row("disk", child).when(REMOVE).then(refused("conflict", reason=f"web_Disk1 of the VM {VM}."))
    )
    play.with_row("vm", Vm(id=VM, name="web")).when(REMOVE).then(refused("conflict", reason="web_Disk1 of the VM web."))


def test_not_removed_while_it_is_protected_busy_or_gone() -> None:
    imported().given(to(delete_protected=True)).when(REMOVE).then(refused("not_legal", "delete_protected"))
    importing().when(REMOVE).then(refused("busy"))
    no_template().when(REMOVE).then(refused("not_found"))
    imported().when(REMOVE, dry_run=True).then(accepted(shows={"status": "ok"}))


def test_a_disk_that_refuses_to_go_leaves_the_template_as_it_was() -> None:
    imported().given(REMOVE).when(answered(IN_USE)).then(
        event(
            TemplateRemoveFailed, reason="A disk rests on it.", usable=True, ends="failed", why="A disk rests on it."
        ),
        audit("template_remove_failed", severity="error", user="u", template=TEMPLATE),
        status("ok"),
    )


def test_a_disk_that_cannot_be_deleted_leaves_it_illegal() -> None:
    imported().given(REMOVE).when(answered(FULL)).then(
        event(
            TemplateRemoveFailed,
            reason="No space left on device.",
            usable=False,
            ends="failed",
            why="No space left on device.",
        ),
        audit("template_remove_failed", severity="error", user="u", template=TEMPLATE),
        status("illegal"),
    )
    with_two_disks().given(REMOVE).given(answered(Done())).when(answered(IN_USE)).then(
        event(
            TemplateRemoveFailed, reason="A disk rests on it.", usable=False, ends="failed", why="A disk rests on it."
        ),
        audit("template_remove_failed", severity="error", user="u", template=TEMPLATE),
        status("illegal"),
    )


def test_a_disk_that_is_busy_is_asked_again() -> None:
    play = imported().given(REMOVE).when(answered(BUSY)).then(timer("step", 2))
    play.when(fired("step")).then(
        ask(
            f"disk/{TEMPLATE_DISK}",
            DiscardDisk(operation_id=job_id(2), template_id=TEMPLATE, correlation_id=CORRELATION),
        )
    )


def test_blank_stays_as_it_is() -> None:
    blank().when(RemoveTemplate(id=blank_id)).then(refused("not_legal"))
    blank().when(UpdateTemplate(id=blank_id, document=Template(name="White"))).then(refused("not_legal"))


def test_changed_without_what_is_read_only() -> None:
    play = imported()
    play.when(to(description="Small.", status="illegal", cpu=Cpu(topology=CpuTopology(sockets=2)))).then(
        event(TemplateUpdated),
        audit("template_updated", user="u", template=TEMPLATE),
        accepted(shows={"status": "ok"}),
        stored,
    )
    template = play.state.template
    assert (template.description, template.status, template.name) == ("Small.", "ok", "tiny")
    assert template.cpu.topology == CpuTopology(sockets=2, cores=2, threads=1)
    play.when(to(description="Small.")).then(accepted(shows={"status": "ok"}))
    play.when(to(name="little")).then(
        event(TemplateUpdated),
        audit("template_updated", user="u", template=TEMPLATE),
        accepted(shows={"status": "ok"}),
        stored,
    )


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"memory": 1}, "invalid", "memory"),
        ({"cluster": Ref(id="none")}, "not_found", "cluster"),
        ({"disk_attachments": ()}, "invalid", "disk_attachments"),
        ({"name": "taken"}, "name_taken", "name"),
        ({"name": " "}, "invalid", "name"),
    ],
)
def test_what_cannot_be_changed_names_its_field(document: dict[str, Any], code: str, field: str) -> None:
    imported().with_row("template", Template(id="other", name="taken")).when(to(**document)).then(refused(code, field))


def test_while_it_is_imported_or_not_there_it_is_not_changed() -> None:
    importing().when(to(name="x")).then(refused("busy"))
    no_template().when(to(name="x")).then(refused("not_found"))


def test_what_a_template_does_not_understand() -> None:
    imported().when(StartVm(id=TEMPLATE)).then(refused("invalid", "command"))
    no_template().when(Wake()).then()
    imported().when(Wake()).then()
    with pytest.raises(NotImplementedError):
        imported().happens(DetachDisk(vm_id="x"))


def test_an_import_that_is_cancelled_takes_its_disk_along() -> None:
    play = importing()
    discard = DiscardDisk(operation_id=job_id(1), template_id=TEMPLATE, correlation_id=CORRELATION)
    play.when(CancelJob(id=job_id(1))).then(
        event(TemplateOperationProgressed, step="Removing its disk", undoes=WHY),
        audit("job_cancelled", user="u", template=TEMPLATE),
        ask(f"disk/{TEMPLATE_DISK}", discard),
        accepted("job", job_id(1), job=True),
        stored,
    )
    play.when(answered(Done())).then(
        event(TemplateRemoved, ends="rolled_back", why=WHY),
        audit("template_import_cancelled", user="u"),
        status("gone"),
    )


def test_a_removal_cannot_be_cancelled() -> None:
    imported().given(REMOVE).when(CancelJob(id=job_id(2))).then(refused("not_legal", reason="cannot be cancelled"))
