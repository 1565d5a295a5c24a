"""How disks come to be: each step durable before the node acts, failures undone, crashes without trace."""

from __future__ import annotations

from typing import Any

import pytest

from actors.host.signals import HostReturned
from actors.kernel.envelope import Answer
from actors.storage.disk.decide import again, decide
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.messages import BackDisk, DiscardDisk, DiskProvided, ProvideDisk, UnbackDisk
from actors.storage.volumes import volume_of
from actors.storage.waiting import StorageDecision
from protocol.commands.storage import AddDisk
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events.disk import DiskRemoved
from protocol.message import Message
from protocol.model.storage import Disk
from protocol.model.types import Ref
from protocol.node_messages import (
    CopyVolume,
    CreateVolume,
    Done,
    ImportVolume,
    NodeCommand,
    RemoveImage,
    ResizeVolume,
    StepDone,
)
from tests.actors.storage.play import GiB, Play, host, put, storage_domain, volume_facts, world

disk_id = "11111111-0000-4000-8000-000000000001"
origin_id = "22222222-0000-4000-8000-000000000002"
vm_id = "33333333-0000-4000-8000-000000000003"
failure = Refusal(code="host_failed", reason="No space left on device.", status=500)


def play(id: str = disk_id) -> Play:
    return Play(id, "disk", decide, evolve, world())


def wanted(**more: object) -> Disk:
    given: dict[str, Any] = {"format": "cow", "provisioned_size": GiB, "storage_domains": (Ref(id=storage_domain),)}
    return Disk(name="data", **(given | more))


def with_origin(p: Play, size: int = GiB) -> DiskProvided:
    origin = Disk(
        id=origin_id, name="tiny", status="ok", format="cow", provisioned_size=size, image_id=origin_id,
        storage_domain=Ref(id=storage_domain), storage_domains=(Ref(id=storage_domain),),
    )  # fmt: skip
    put(p.rows, "disk", origin_id, origin)
    return DiskProvided(disk=origin, volume=volume_of(origin))


def provide(**more: object) -> ProvideDisk:
    disk = Disk(id=disk_id, name="vm_Disk1")
    return ProvideDisk(disk=disk, operation_id="op", correlation_id="c", vm_id=vm_id, **more)  # type: ignore[arg-type]


def answers(p: Play) -> dict[str, Message]:
    assert isinstance(p.last, StorageDecision)
    return dict(p.last.answers)


def test_a_floating_disk() -> None:
    p = play()
    reply = p.command(AddDisk(document=wanted())).reply
    assert isinstance(reply, Accepted)
    assert (reply.id, reply.job_id, p.state.status) == (disk_id, disk_id, "locked")
    command = p.sent()
    assert isinstance(command.body, CreateVolume)
    assert command.body.volume == volume_of(p.state.disk)
    assert command.body.volume.format == "qcow2"

    p.done(volume_facts(command, GiB))
    assert (p.state.status, p.state.disk.actual_size, p.state.operation) == ("ok", 4096, None)
    assert p.forgotten() == [command.step_id]
    assert p.folded() == p.state


def test_the_same_add_again_gets_the_same_answer() -> None:
    p = play()
    first = p.command(AddDisk(document=wanted())).reply
    assert p.command(AddDisk(document=wanted())).reply == first
    assert p.commands() == []


def test_a_dry_run_changes_nothing() -> None:
    p = play()
    assert isinstance(p.command(AddDisk(document=wanted()), dry_run=True).reply, Accepted)
    assert p.journal == []


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Disk(name="x", storage_domains=(Ref(id=storage_domain),)), "provisioned_size"),
        (Disk(name="x", provisioned_size=GiB), "storage_domains"),
        (wanted(shareable=True), "shareable"),
        (Disk(name="x", format="vmdk", provisioned_size=GiB, storage_domains=(Ref(id=storage_domain),)), "format"),
        (Disk(name="x", provisioned_size=1, storage_domains=(Ref(id=storage_domain),)), "provisioned_size"),
        (Disk(name=" ", provisioned_size=GiB, storage_domains=(Ref(id=storage_domain),)), "name"),
    ],
)
def test_what_is_refused_names_its_field(document: Disk, field: str) -> None:
    reply = play().command(AddDisk(document=document)).reply
    assert isinstance(reply, Refusal)
    assert reply.field == field
    assert reply.reason


def test_a_failure_is_undone_and_says_why() -> None:
    p = play()
    p.tell(provide(import_path="/srv/tiny.qcow2", import_format="qcow2", backing_disk_id=""))
    assert isinstance(p.last.reply, Refusal)  # no storage domain named

    p.tell(ProvideDisk(disk=wanted(id=disk_id), operation_id="op", vm_id=vm_id))
    p.done(failure)
    assert isinstance(p.sent().body, RemoveImage)
    assert p.state.operation.rolling_back
    p.done(Done())
    assert p.state is None
    ended = p.journal[-1]
    assert isinstance(ended, DiskRemoved)
    assert ended.ended is not None
    assert ended.ended.outcome == "rolled_back"
    assert "No space left" in ended.ended.reason
    assert isinstance(answers(p)["made"], Refusal)


def test_thin_on_a_template_disk() -> None:
    p = play()
    held = with_origin(p)
    p.tell(provide(backing_disk_id=origin_id))
    (tell,) = p.tells()
    assert (tell.address, tell.message) == (f"disk/{origin_id}", BackDisk(child_id=disk_id))
    p.tell(Answer(token=tell.token, body=held))
    body = p.sent().body
    assert isinstance(body, CreateVolume)
    assert (body.backing, body.size_bytes) == (held.volume, GiB)
    p.done(volume_facts(p.sent(), GiB))
    answer = answers(p)["made"]
    assert isinstance(answer, DiskProvided)
    assert answer.disk.status == "ok"
    assert p.state.disk.backing_disk == Ref(id=origin_id)
    assert p.state.vm_ids == (vm_id,)


def test_a_clone_lets_go_of_its_origin_at_the_end() -> None:
    p = play()
    held = with_origin(p)
    p.tell(ProvideDisk(disk=wanted(id=disk_id), operation_id="op", vm_id=vm_id, backing_disk_id=origin_id, clone=True))
    p.tell(Answer(token=p.tells()[0].token, body=held))
    assert isinstance(p.sent().body, CopyVolume)
    p.done(volume_facts(p.sent(), GiB // 2))
    body = p.sent().body
    assert isinstance(body, ResizeVolume)
    assert body.size_bytes == GiB
    p.done(volume_facts(p.sent(), GiB))
    (tell,) = p.tells()
    assert tell.message == UnbackDisk(child_id=disk_id)
    p.tell(Answer(token=tell.token, body=Done()))
    assert p.state.status == "ok"
    assert p.state.disk.backing_disk is None


def test_an_import_takes_the_size_of_the_image() -> None:
    p = play()
    disk = Disk(id=disk_id, name="tiny", storage_domain=Ref(id=storage_domain))
    p.tell(
        ProvideDisk(disk=disk, operation_id="op", template_id="t", import_path="/srv/t.qcow2", import_format="qcow2")
    )
    body = p.sent().body
    assert isinstance(body, ImportVolume)
    assert (body.source_path, body.source_format) == ("/srv/t.qcow2", "qcow2")
    p.done(volume_facts(p.sent(), 2 * GiB))
    assert (p.state.status, p.state.disk.provisioned_size) == ("ok", 2 * GiB)


def test_an_origin_that_refuses_ends_it_without_touching_the_storage() -> None:
    p = play()
    with_origin(p)
    p.tell(provide(backing_disk_id=origin_id))
    p.tell(Answer(token=p.tells()[0].token, body=Refusal(code="conflict", reason="A VM writes it.")))
    assert p.state is None
    assert p.commands() == []
    assert p.event_names() == ["DiskAdded", "DiskRemoved"]


def test_an_origin_that_is_busy_is_asked_again() -> None:
    p = play()
    with_origin(p)
    p.tell(provide(backing_disk_id=origin_id))
    p.tell(Answer(token=p.tells()[0].token, body=Refusal(code="busy", reason="Locked.")))
    assert p.event_names() == ["DiskAdded"]
    assert p.last.effects


def test_asking_again_waits_along_or_gets_the_disk() -> None:
    p = play()
    message = ProvideDisk(disk=wanted(id=disk_id), operation_id="op", vm_id=vm_id)
    p.tell(message)
    command = p.sent()
    again_ = p.tell(message)
    assert isinstance(again_, StorageDecision)
    assert (again_.hold, again_.events, again_.reply) == ("made", (), None)
    p.tell(StepDone(step_id=command.step_id, result=volume_facts(command, GiB)))
    assert isinstance(p.tell(message).reply, DiskProvided)


def test_discarded_while_it_is_made() -> None:
    p = play()
    p.tell(ProvideDisk(disk=wanted(id=disk_id), operation_id="op", vm_id=vm_id))
    command = p.sent()
    p.tell(DiscardDisk(operation_id="op", vm_id=vm_id))
    assert p.commands() == []
    p.tell(StepDone(step_id=command.step_id, result=volume_facts(command, GiB)))
    p.done(Done())
    assert p.state is None
    assert answers(p)["removed"] == Done()


def run(p: Play, message: Message, *, crash: bool, fail_at: int = -1) -> list[NodeCommand]:
    """Plays to the end; with `crash` every step is sent twice from the durable state alone, and answered twice."""
    held = with_origin(p, GiB // 2)
    p.tell(message)
    sent: list[NodeCommand] = []
    for _ in range(20):
        effects = p.last.effects
        if crash and p.state is not None:
            assert again(p.state).effects == tuple(e for e in effects if not _forgets(e))
            p.last = again(p.state)
        commands, tells = p.commands(), p.tells()
        if commands:
            (command,) = commands
            result: Message = (
                Done()
                if isinstance(command.body, RemoveImage)
                else volume_facts(command, GiB if isinstance(command.body, ResizeVolume) else GiB // 2)
            )
            if len(sent) == fail_at:
                result = failure
            sent.append(command)
            p.done(result)
            after = p.last
            if crash:
                p.tell(StepDone(step_id=command.step_id, result=result))  # once more: nothing but forgetting
                assert not p.last.events
                assert p.forgotten() == [command.step_id]
                p.last = after
        elif tells:
            (tell,) = tells
            p.tell(Answer(token=tell.token, body=held if isinstance(tell.message, BackDisk) else Done()))
        else:
            break
    return sent


def _forgets(effect: object) -> bool:
    """Of those that are not sent again: acknowledgements, and the news that the disk can be read."""
    return "ForgetSteps" in repr(effect) or "DiskRecorded" in repr(effect)


@pytest.mark.parametrize("fail_at", [-1, 0, 1])
def test_crashes_and_duplicates_at_every_step_change_nothing(fail_at: int) -> None:
    message = ProvideDisk(
        disk=wanted(id=disk_id), operation_id="op", vm_id=vm_id, backing_disk_id=origin_id, clone=True
    )
    calm, rough = play(), play()
    assert run(calm, message, crash=False, fail_at=fail_at) == run(rough, message, crash=True, fail_at=fail_at)
    assert calm.journal == rough.journal
    assert calm.state == rough.state == rough.folded()


def test_only_the_host_of_the_step_gets_it_again() -> None:
    p = play()
    p.command(AddDisk(document=wanted()))
    command = p.sent()
    p.tell(HostReturned(host_id="another"))
    assert p.commands() == []
    p.tell(HostReturned(host_id=host))
    assert p.commands() == [command]


def test_the_state_travels() -> None:
    p = play()
    p.command(AddDisk(document=wanted()))
    assert isinstance(p.state, DiskState)
