"""Adding, changing and removing a VM as transcripts, wrong input included."""

from __future__ import annotations

import attrs
import pytest

from actors.kernel.envelope import Answer
from actors.reservations.messages import ReleaseReservation, Reserved
from actors.storage.messages import AttachDisk, DiscardDisk, DiskProvided, DiskRecorded, ProvideDisk
from actors.storage.volumes import volume_of
from protocol import limits
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.model.network import Mac, Nic
from protocol.model.storage import Disk, DiskAttachment
from protocol.model.types import Ref
from protocol.model.vm import Template, Vm
from protocol.node_messages import Done
from tests.actors.vm.lives import added, up
from tests.actors.vm.playbook import CLUSTER, DISK, VM, Play, rows

TINY = "66666666-6666-4666-8666-666666666666"


def from_tiny() -> Play:
    template = Template(
        id=TINY, name="tiny", status="ok", memory=1 << 28,
        disk_attachments=(DiskAttachment(id=DISK, bootable=True, interface="virtio"),),
    )  # fmt: skip
    document = Vm(name="web", cluster=Ref(id=CLUSTER), template=Ref(id=TINY))
    return Play(rows(("template", template))).command(commands.AddVm(id=VM, document=document)).answer(Reserved())


def provided(play: Play) -> DiskProvided:
    message = play.last.effects[-1].message  # type: ignore[union-attr]
    assert isinstance(message, ProvideDisk)
    disk = attrs.evolve(message.disk, image_id="77777777-7777-4777-8777-777777777777", status="ok")
    return DiskProvided(disk=disk, volume=volume_of(disk))


def test_add_fills_in_what_was_left_out() -> None:
    play = added()
    assert play.happened == ["VmAdded"]
    assert play.state is not None
    vm = play.state.vm
    assert vm.cpu is not None
    assert vm.cpu.topology is not None
    assert (vm.cpu.topology.sockets, vm.cpu.topology.cores, vm.cpu.topology.threads) == (1, 1, 1)
    assert vm.nics is not None
    assert vm.nics[0].mac == Mac(address="56:6f:00:00:00:01")
    assert play.status == "down"


def test_add_from_a_template_is_locked_until_its_disk_is_there() -> None:
    play = from_tiny()
    assert play.status == "image_locked"
    play.answer(provided(play))
    assert play.happened == ["VmCreated"]
    assert play.status == "down"


def test_add_whose_disk_fails_leaves_nothing() -> None:
    play = from_tiny().answer(Refusal(code="host_failed", reason="The disk is full."))
    assert isinstance(play.last.effects[-1].message, DiscardDisk)  # type: ignore[union-attr]
    play.answer(Done())
    assert play.state is None
    ended = play.last.events[-1].ended  # type: ignore[attr-defined]
    assert ended.outcome == "rolled_back"
    assert "full" in ended.reason


def test_the_same_add_again_gets_the_same_answer() -> None:
    play = added().command(commands.AddVm(id=VM, document=Vm(name="web", cluster=Ref(id=CLUSTER))))
    assert isinstance(play.last.reply, Accepted)
    assert play.happened == []


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Vm(cluster=Ref(id=CLUSTER)), "name"),
        (Vm(name="web"), "cluster"),
        (Vm(name="web", cluster=Ref(id="nowhere")), "cluster"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), template=Ref(id="none")), "template"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), memory=5), "memory"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), memory=-1), "memory"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), memory=1 << 60), "memory"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), type="mainframe"), "type"),
        (Vm(name="a/b", cluster=Ref(id=CLUSTER)), "name"),
        (Vm(name="x" * 300, cluster=Ref(id=CLUSTER)), "name"),
        (Vm(name="web", cluster=Ref(id=CLUSTER), nics=(Nic(name="n", mac=Mac(address="zz")),)), "mac.address"),
        (
            Vm(name="web", cluster=Ref(id=CLUSTER), nics=(Nic(name="n", mac=Mac(address="01:00:00:00:00:00")),)),
            "mac.address",
        ),
    ],
)
def test_wrong_input_is_refused_with_its_field(document: Vm, field: str) -> None:
    play = Play().command(commands.AddVm(id=VM, document=document))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.field == field
    assert play.last.reply.status == 400
    assert play.happened == []


def test_update_of_a_running_vm_waits_for_its_next_start() -> None:
    play = up().command(commands.UpdateVm(id=VM, document=Vm(memory=1 << 29, description="new")))
    assert play.state is not None
    assert play.state.vm.memory == 1 << 28
    assert play.state.vm.description == "new"
    assert play.state.next_run is not None
    assert play.state.next_run.memory == 1 << 29
    play.command(commands.StopVm(id=VM)).node_done(Done())
    assert play.state.vm.memory == 1 << 29
    assert play.state.next_run is None


def test_rename_reserves_the_name_first() -> None:
    play = added().command(commands.UpdateVm(id=VM, document=Vm(name="other")))
    assert play.happened == []
    play.answer(Reserved())
    assert play.happened == ["VmUpdated"]
    assert play.state is not None
    assert play.state.vm.name == "other"


def test_a_nic_is_added_and_removed() -> None:
    play = added().command(commands.AddNic(parent_id=VM, document=Nic(name="nic2", vnic_profile=Ref(id="profile"))))
    play.answer(Reserved(macs=("56:6f:00:00:00:02",)))
    assert play.state is not None
    assert [nic.name for nic in play.state.vm.nics or ()] == ["nic1", "nic2"]
    assert [nic.slot for nic in play.state.vm.nics or ()] == [0, 1]
    made = (play.state.vm.nics or ())[1]
    play.command(commands.RemoveNic(parent_id=VM, id=made.id or ""))
    assert [nic.name for nic in play.state.vm.nics or ()] == ["nic1"]


def test_a_second_nic_of_the_same_name_is_refused() -> None:
    play = added().command(commands.AddNic(parent_id=VM, document=Nic(name="nic1")))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.code == "name_taken"


def test_attach_is_answered_when_the_disk_agrees() -> None:
    attachment = DiskAttachment(disk=Disk(id=DISK), interface="virtio", bootable=True)
    play = added().command(commands.AddDiskAttachment(parent_id=VM, document=attachment))
    assert play.last.reply is None
    assert isinstance(play.last.effects[-1].message, AttachDisk)  # type: ignore[union-attr]
    play.answer(Refusal(code="conflict", reason="Another VM has it."))
    assert isinstance(play.last.reply, Refusal)
    assert play.state is not None
    assert play.state.vm.disk_attachments == ()
    assert play.state.operation is None


def test_a_new_disk_shows_at_once_and_is_made_behind() -> None:
    attachment = DiskAttachment(disk=Disk(provisioned_size=1 << 30), interface="virtio")
    play = added().command(commands.AddDiskAttachment(parent_id=VM, document=attachment))
    assert play.last.reply is None, "nobody is told of a disk that cannot be read yet"
    answer = provided(play)
    token = play.last.effects[-1].token  # type: ignore[union-attr]
    play.when(DiskRecorded(disk_id=answer.disk.id or ""))
    assert isinstance(play.last.reply, Accepted)
    assert play.last.reply_token == token
    play.when(Answer(token=token, body=answer))
    assert play.happened == ["VmOperationEnded"]


def test_remove_takes_its_disks_along() -> None:
    play = from_tiny()
    play.answer(provided(play)).command(commands.RemoveVm(id=VM))
    assert play.status == "image_locked"
    play.answer(Done())
    assert play.happened == ["VmRemoved"]
    assert play.state is None


def test_remove_is_refused_while_it_runs_or_is_protected() -> None:
    assert isinstance(up().command(commands.RemoveVm(id=VM)).last.reply, Refusal)
    play = added().command(commands.UpdateVm(id=VM, document=Vm(delete_protected=True)))
    play.command(commands.RemoveVm(id=VM))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.field == "delete_protected"


def test_a_name_that_was_held_for_nothing_is_let_go() -> None:
    play = up().command(commands.UpdateVm(id=VM, document=Vm(name="other")))
    question = play.last.effects[-1]
    play.command(commands.ShutdownVm(id=VM, force=True))
    play.when(Answer(token=question.token, body=Reserved()))  # type: ignore[union-attr]
    assert isinstance(play.last.reply, Refusal)
    assert [type(effect.message) for effect in play.last.effects] == [ReleaseReservation]  # type: ignore[union-attr]


def test_a_vm_has_only_so_many_nics_and_disks() -> None:
    nics = tuple(Nic(name=f"nic{number}") for number in range(limits.vm_nics_max + 1))
    play = Play().command(commands.AddVm(id=VM, document=Vm(name="web", cluster=Ref(id=CLUSTER), nics=nics)))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.field == "nics"
    play = added()
    assert play.state is not None
    disks = tuple(DiskAttachment(id=f"d{slot}", slot=slot) for slot in range(limits.vm_disks_max))
    play.state = attrs.evolve(play.state, vm=attrs.evolve(play.state.vm, disk_attachments=disks))
    attachment = DiskAttachment(disk=Disk(id=DISK), interface="virtio")
    play.command(commands.AddDiskAttachment(parent_id=VM, document=attachment))
    assert isinstance(play.last.reply, Refusal)
    assert str(limits.vm_disks_max) in play.last.reply.reason


def test_a_second_disk_does_not_become_bootable() -> None:
    play = added()
    assert play.state is not None
    disks = (DiskAttachment(id="a", bootable=True), DiskAttachment(id="b"))
    play.state = attrs.evolve(play.state, vm=attrs.evolve(play.state.vm, disk_attachments=disks))
    boot = DiskAttachment(bootable=True)
    play.command(commands.UpdateDiskAttachment(parent_id=VM, id="b", document=boot))
    assert isinstance(play.last.reply, Refusal)
    assert play.last.reply.field == "bootable"
    play.command(commands.UpdateDiskAttachment(parent_id=VM, id="a", document=boot))
    assert isinstance(play.last.reply, Accepted)
