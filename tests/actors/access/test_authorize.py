"""No by default: administrators may do everything, nobody else anything yet. What a command touches is named."""

from __future__ import annotations

from typing import Any

import pytest

from actors.access.authorize import authorize
from actors.access.touched import Touched, touched
from actors.entity.rows import Rows
from actors.journal.port import EntityRow
from protocol.activity.model import Event, Job
from protocol.codec import encode
from protocol.command import Command
from protocol.document import Ref
from protocol.host.model import Host
from protocol.inventory.assignment_commands import Assign, Unassign
from protocol.inventory.commands import AddEntity, RemoveEntity
from protocol.inventory.model import Cluster, DataCenter, Tag
from protocol.live.engine import Principal
from protocol.network.model import Network, Nic
from protocol.parents import parents_of
from protocol.storage.commands import AddDisk, RemoveDisk
from protocol.storage.model import Disk, DiskAttachment
from protocol.vm.commands import AddDiskAttachment, AddNic, AddVm, KeepVmRun, RemoveDiskAttachment, StartVm, UpdateVm
from protocol.vm.model import Vm, VmPlacementPolicy

BOB = Principal(user_id="u", name="bob@internal")
commands: list[Command] = [StartVm(id="v"), AddDisk(document=Disk()), RemoveDisk(id="d")]


def rows() -> Rows:
    made = Rows()
    documents: list[tuple[str, Any]] = [
        ("data_center", DataCenter(id="dc", name="Default")),
        ("cluster", Cluster(id="c", name="Default", data_center=Ref(id="dc"))),
        ("host", Host(id="h", name="one", cluster=Ref(id="c"))),
        ("vm", Vm(id="v", name="web", cluster=Ref(id="c"))),
        ("tag", Tag(id="t", name="prod", parent=Ref(id="root"))),
    ]
    for kind, document in documents:
        made.put(EntityRow(kind, document.id, 1, document.name, "", b"", encode(document)))
    return made


IN_CLUSTER = (("cluster", "c"), ("data_center", "dc"))


@pytest.mark.parametrize("command", commands, ids=lambda command: type(command).__name__)
def test_administrators_may(command: Command) -> None:
    administrator = Principal(user_id="u", name="admin@internal", administrator=True)
    assert authorize(administrator, command, (), rows()) is None


@pytest.mark.parametrize("command", commands, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize("objects", [(), (Touched("vm", "v"),)])
def test_others_may_not(command: Command, objects: tuple[Touched, ...]) -> None:
    refusal = authorize(BOB, command, objects, rows())
    assert refusal is not None
    assert (refusal.code, refusal.status, refusal.retryable) == ("forbidden", 403, False)
    assert "bob@internal" in refusal.reason
    assert refusal.remedy


def test_the_refusal_names_the_object_and_the_action() -> None:
    refusal = authorize(BOB, StartVm(id="v"), (Touched("vm", "v"),), rows())
    assert refusal is not None
    assert (refusal.reason, refusal.entity) == ("bob@internal has no permit for vm.start on VM web.", "vm/v")


def test_a_command_touches_its_object_in_all_that_it_lies_in() -> None:
    assert touched(StartVm(id="v"), "vm", "v", rows()) == (Touched("vm", "v", IN_CLUSTER),)
    assert touched(RemoveEntity(id="c", kind="cluster"), "cluster", "c", rows()) == (
        Touched("cluster", "c", (("data_center", "dc"),)),
    )


def test_a_command_on_a_part_touches_the_whole() -> None:
    assert touched(AddNic(parent_id="v", document=Nic(name="nic1")), "vm", "v", rows()) == (
        Touched("vm", "v", IN_CLUSTER),
    )


def test_a_command_on_an_attachment_touches_its_disk_as_well() -> None:
    attached = DiskAttachment(id="d", disk=Disk(id="d"), vm=Ref(id="v"))
    known = rows()
    known.put(
        EntityRow("vm", "v", 2, "web", "", b"", encode(Vm(id="v", cluster=Ref(id="c"), disk_attachments=(attached,))))
    )
    known.put(EntityRow("disk", "d", 1, "d", "", b"", encode(Disk(id="d", storage_domain=Ref(id="s")))))
    both = (Touched("vm", "v", IN_CLUSTER), Touched("disk", "d", (("storage_domain", "s"),)))
    assert touched(RemoveDiskAttachment(parent_id="v", id="d"), "vm", "v", known) == both
    adding = AddDiskAttachment(parent_id="v", document=DiskAttachment(disk=Disk(id="d")))
    assert touched(adding, "vm", "v", known) == both


def test_a_job_lies_in_what_it_works_on_and_an_event_in_the_first_object_that_it_names() -> None:
    known = rows()
    for kind, document in (("job", Job(object="vm/v")), ("event", Event(host=Ref(id="h"), vm=Ref(id="v")))):
        assert tuple(parents_of(kind, document, known.document)) == (("vm", "v"), *IN_CLUSTER)
    assert tuple(parents_of("event", Event(description="of nothing"), known.document)) == ()


@pytest.mark.parametrize("cls", [Assign, Unassign])
def test_a_command_on_an_assignment_touches_both_sides(cls: type[Assign | Unassign]) -> None:
    command = cls(relation="tag", id="t", holder="vm", parent_id="v")
    both = (Touched("vm", "v", IN_CLUSTER), Touched("tag", "t", (("tag", "root"),)))
    assert touched(command, "inventory", "main", rows()) == both


def test_an_add_touches_what_the_new_object_lies_in_and_refers_to() -> None:
    pinned = VmPlacementPolicy(hosts=(Ref(id="h"),))
    add = AddVm(document=Vm(name="new", cluster=Ref(id="c"), placement_policy=pinned))
    assert touched(add, "vm", "new-id", rows()) == (
        Touched("cluster", "c", (("data_center", "dc"),)), Touched("host", "h", IN_CLUSTER),
    )  # fmt: skip
    network = AddEntity(kind="network", document=Network(name="blue", data_center=Ref(id="dc")))
    assert touched(network, "network", "", rows()) == (Touched("data_center", "dc"),)


def test_a_start_touches_what_its_one_run_refers_to() -> None:
    pinned = Vm(placement_policy=VmPlacementPolicy(hosts=(Ref(id="h"),)))
    assert touched(StartVm(id="v", vm=pinned), "vm", "v", rows()) == (
        Touched("vm", "v", IN_CLUSTER), Touched("host", "h", IN_CLUSTER),
    )  # fmt: skip


def test_an_action_touches_what_its_parameters_refer_to() -> None:
    assert touched(KeepVmRun(id="v", host=Ref(id="h")), "vm", "v", rows()) == (
        Touched("vm", "v", IN_CLUSTER), Touched("host", "h", IN_CLUSTER),
    )  # fmt: skip
    assert touched(KeepVmRun(id="v"), "vm", "v", rows()) == (Touched("vm", "v", IN_CLUSTER),)


def test_an_update_touches_what_it_refers_to_as_well() -> None:
    update = UpdateVm(id="v", document=Vm(cluster=Ref(id="c")))
    assert touched(update, "vm", "v", rows()) == (
        Touched("vm", "v", IN_CLUSTER), Touched("cluster", "c", (("data_center", "dc"),)),
    )  # fmt: skip
