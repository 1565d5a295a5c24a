"""The life of a template: imported with its disk or not at all, changed, removed when nothing rests on it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.kernel.envelope import Answer
from actors.storage.messages import DiscardDisk, DiskProvided, ProvideDisk
from actors.storage.template.decide import again, decide
from actors.storage.template.defaults import defaulted
from actors.storage.template.evolve import evolve
from actors.storage.template.state import blank_id
from actors.storage.volumes import volume_of
from protocol.commands.storage import ImportTemplate, RemoveTemplate, UpdateTemplate
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events.template import TemplateAdded
from protocol.message import Message
from protocol.model.inventory import Cpu, CpuTopology
from protocol.model.storage import Disk
from protocol.model.types import Ref
from protocol.model.vm import Template
from protocol.node_messages import Done
from tests.actors.storage.play import GiB, Play, now, put, storage_domain, world

template_id = "44444444-0000-4000-8000-000000000004"


def play(id: str = template_id) -> Play:
    return Play(id, "template", decide, evolve, world())


def importing(**more: Any) -> ImportTemplate:
    document = Template(name="tiny", memory=64 * 1024**2, cpu=Cpu(topology=CpuTopology(cores=2)))
    given = {
        "document": document,
        "storage_domain_id": storage_domain,
        "image_path": "/srv/tiny.qcow2",
        "image_bytes": GiB,
    }
    return ImportTemplate(**(given | more))


def answer(p: Play, body: Message) -> None:
    (tell,) = p.tells()
    p.tell(Answer(token=tell.token, body=body))


def provided(p: Play) -> DiskProvided:
    message = p.tells()[0].message
    assert isinstance(message, ProvideDisk)
    disk = Disk(id=message.disk.id, status="ok", format="cow", image_id="i", storage_domain=Ref(id=storage_domain))
    return DiskProvided(disk=disk, volume=volume_of(disk))


def imported() -> Play:
    p = play()
    p.command(importing())
    answer(p, provided(p))
    return p


def test_imported() -> None:
    p = play()
    reply = p.command(importing()).reply
    assert isinstance(reply, Accepted)
    message = p.tells()[0].message
    assert isinstance(message, ProvideDisk)
    assert (message.import_path, message.import_format) == ("/srv/tiny.qcow2", "qcow2")
    assert message.disk.provisioned_size == GiB
    assert p.state.template.status == "locked"
    assert again(p.state).effects == p.last.effects
    answer(p, provided(p))
    template = p.state.template
    assert template.status == "ok"
    assert [(a.id, a.bootable) for a in template.disk_attachments] == [(message.disk.id, True)]
    assert template.cpu.topology == CpuTopology(sockets=1, cores=2, threads=1)
    assert p.folded() == p.state


def test_a_disk_that_cannot_be_made_takes_the_template_along() -> None:
    p = play()
    p.command(importing())
    answer(p, Refusal(code="host_failed", reason="No such file."))
    assert isinstance(p.tells()[0].message, DiscardDisk)
    answer(p, Done())
    assert p.state is None
    ended: Any = p.journal[-1]
    assert (ended.ended.outcome, ended.ended.reason) == ("rolled_back", "No such file.")


def test_a_crashed_disk_is_asked_again() -> None:
    p = play()
    p.command(importing())
    asked = p.last.effects
    answer(p, Refusal(code="internal", reason="It crashed."))
    assert p.last.events == ()
    assert again(p.state).effects == asked


def test_an_answer_twice_changes_nothing() -> None:
    p = play()
    p.command(importing())
    (tell,) = p.tells()
    body = provided(p)
    p.tell(Answer(token=tell.token, body=body))
    p.tell(Answer(token=tell.token, body=body))
    assert p.event_names() == ["TemplateAdded", "TemplateReady"]


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (importing(document=Template()), "name"),
        (importing(image_format="vmdk"), "image_format"),
        (importing(image_path="tiny.qcow2"), "image_path"),
        (importing(document=Template(name="t", memory=1)), "memory"),
        (importing(document=Template(name="t", type="toaster")), "type"),
    ],
)
def test_what_is_refused_names_its_field(command: ImportTemplate, field: str) -> None:
    reply = play().command(command).reply
    assert isinstance(reply, Refusal)
    assert reply.field == field


def test_removed_with_its_disk() -> None:
    p = imported()
    p.command(RemoveTemplate(id=template_id), "remove")
    assert isinstance(p.tells()[0].message, DiscardDisk)
    answer(p, Done())
    assert p.state is None
    assert p.event_names()[-1] == "TemplateRemoved"


def test_not_removed_while_disks_rest_on_it() -> None:
    p = imported()
    (disk_id,) = p.state.disk_ids
    put(p.rows, "disk", "child", Disk(id="child", name="web_Disk1", backing_disk=Ref(id=disk_id)))
    reply = p.command(RemoveTemplate(id=template_id), "remove").reply
    assert isinstance(reply, Refusal)
    assert "web_Disk1" in reply.reason


def test_a_disk_that_refuses_to_go_leaves_the_template_as_it_was() -> None:
    p = imported()
    p.command(RemoveTemplate(id=template_id), "remove")
    answer(p, Refusal(code="conflict", reason="A disk rests on it."))
    assert (p.state.template.status, p.state.operation) == ("ok", None)


def test_blank_stays_as_it_is() -> None:
    p = play(blank_id)
    p.state = evolve(None, TemplateAdded(at=now, template=defaulted(Template(id=blank_id, name="Blank"))))
    for command in (
        RemoveTemplate(id=blank_id),
        UpdateTemplate(id=blank_id, document=Template(name="White")),
    ):
        assert isinstance(p.command(command, "c").reply, Refusal)


def test_changed_without_what_is_read_only() -> None:
    p = imported()
    document = Template(description="Small.", status="illegal", cpu=Cpu(topology=CpuTopology(sockets=2)))
    p.command(UpdateTemplate(id=template_id, document=document), "u")
    template = p.state.template
    assert (template.description, template.status, template.name) == ("Small.", "ok", "tiny")
    assert template.cpu.topology == CpuTopology(sockets=2, cores=2, threads=1)
