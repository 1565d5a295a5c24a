"""What may be done with a disk that is there: share, rest on, change, extend, remove; and what never happens to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.entity.decision import Tell
from actors.kernel.envelope import Answer
from actors.lifecycle.disk_table import TRANSITIONS, absent, status_after
from actors.lifecycle.illegal import IllegalTransition
from actors.storage.disk.decide import decide
from actors.storage.disk.evolve import evolve
from actors.storage.messages import (
    AttachDisk,
    BackDisk,
    DetachDisk,
    DiscardDisk,
    DiskProvided,
    ProvideDisk,
    UnbackDisk,
)
from actors.storage.waiting import StorageDecision
from protocol.commands.storage import AddDisk, RemoveDisk, UpdateDisk
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import disk as events
from protocol.message import Message
from protocol.model.storage import Disk
from protocol.model.types import Ref
from protocol.model.vm import Vm
from protocol.node_messages import Done, RemoveImage, ResizeVolume, StepDone
from tests.actors.storage.play import GiB, Play, put, storage_domain, volume_facts, world

disk_id = "11111111-0000-4000-8000-000000000001"
failure = Refusal(code="host_failed", reason="No space left on device.", status=500)


def play(**more: Any) -> Play:
    """A disk that is ok."""
    p = Play(disk_id, "disk", decide, evolve, world())
    given = {"name": "data", "format": "cow", "provisioned_size": GiB, "storage_domains": (Ref(id=storage_domain),)}
    p.command(AddDisk(document=Disk(**(given | more))))
    p.done(volume_facts(p.sent(), GiB))
    assert p.state.status == "ok"
    return p


def refused(reply: Message | None) -> Refusal:
    assert isinstance(reply, Refusal), reply
    assert reply.reason
    return reply


def test_one_vm_at_a_time() -> None:
    p = play()
    put(p.rows, "vm", "vm-1", Vm(id="vm-1", name="web", status="down"))
    assert isinstance(p.tell(AttachDisk(vm_id="vm-1", operation_id="o")).reply, DiskProvided)
    assert isinstance(p.tell(AttachDisk(vm_id="vm-1", operation_id="o")).reply, DiskProvided)
    assert "web" in refused(p.tell(AttachDisk(vm_id="vm-2", operation_id="o")).reply).reason
    assert p.tell(DetachDisk(vm_id="vm-1")).reply == Done()
    assert p.tell(DetachDisk(vm_id="vm-1")).reply == Done()
    assert isinstance(p.tell(AttachDisk(vm_id="vm-2", operation_id="o")).reply, DiskProvided)
    assert p.event_names()[2:] == ["DiskAttached", "DiskDetached", "DiskAttached"]


def test_a_shareable_disk_has_many() -> None:
    p = play(shareable=True, format="raw")
    for vm_id in ("vm-1", "vm-2"):
        assert isinstance(p.tell(AttachDisk(vm_id=vm_id, operation_id="o")).reply, DiskProvided)
    assert p.state.vm_ids == ("vm-1", "vm-2")


def test_what_others_rest_on_is_neither_written_nor_removed() -> None:
    p = play()
    assert isinstance(p.tell(BackDisk(child_id="child")).reply, DiskProvided)
    assert isinstance(p.tell(BackDisk(child_id="child")).reply, DiskProvided)
    refused(p.tell(AttachDisk(vm_id="vm-1", operation_id="o")).reply)
    refused(p.command(RemoveDisk(id=disk_id), "r").reply)
    refused(p.tell(DiscardDisk(operation_id="o")).reply)
    refused(p.command(UpdateDisk(id=disk_id, document=Disk(provisioned_size=2 * GiB)), "u").reply)
    assert p.tell(UnbackDisk(child_id="child")).reply == Done()
    assert p.tell(UnbackDisk(child_id="child")).reply == Done()
    assert isinstance(p.command(RemoveDisk(id=disk_id), "r").reply, Accepted)


def test_nothing_rests_on_what_a_vm_writes() -> None:
    p = play()
    p.tell(AttachDisk(vm_id="vm-1", operation_id="o"))
    refused(p.tell(BackDisk(child_id="child")).reply)


def test_removed() -> None:
    p = play()
    reply = p.command(RemoveDisk(id=disk_id), "r").reply
    assert isinstance(reply, Accepted)
    assert (reply.job_id, p.state.status) == ("r", "locked")
    assert refused(p.command(RemoveDisk(id=disk_id), "r2").reply).code == "busy"
    assert isinstance(p.sent().body if p.commands() else RemoveImage(storage_domain_id="", image_id=""), RemoveImage)
    step = p.state.operation.steps[-1].id
    p.tell(StepDone(step_id=step, result=Done()))
    assert p.state is None
    p.tell(StepDone(step_id=step, result=Done()))  # the node says it again
    assert p.forgotten() == [step]


def test_a_removal_that_fails_leaves_it_illegal_to_be_removed_again() -> None:
    p = play()
    p.command(RemoveDisk(id=disk_id), "r")
    p.done(failure)
    assert (p.state.status, p.state.problem) == ("illegal", "No space left on device.")
    refused(p.tell(AttachDisk(vm_id="vm-1", operation_id="o")).reply)
    refused(p.command(UpdateDisk(id=disk_id, document=Disk(name="x")), "u").reply)
    p.command(RemoveDisk(id=disk_id), "r2")
    p.done(Done())
    assert p.state is None


def test_discarded_by_the_vm_that_has_it() -> None:
    p = play()
    p.tell(AttachDisk(vm_id="vm-1", operation_id="o"))
    refused(p.tell(DiscardDisk(operation_id="o", vm_id="vm-2")).reply)
    decision = p.tell(DiscardDisk(operation_id="o", vm_id="vm-1"))
    assert isinstance(decision, StorageDecision)
    assert decision.hold == "removed"
    p.done(Done())
    assert isinstance(p.last, StorageDecision)
    assert dict(p.last.answers)["removed"] == Done()
    assert p.tell(DiscardDisk(operation_id="o", vm_id="vm-1")).reply == Done()


def test_extended() -> None:
    p = play()
    reply = p.command(UpdateDisk(id=disk_id, document=Disk(name="big", provisioned_size=2 * GiB)), "u").reply
    assert isinstance(reply, Accepted)
    assert reply.job_id == "u"
    body = p.sent().body
    assert isinstance(body, ResizeVolume)
    assert body.size_bytes == 2 * GiB
    p.done(volume_facts(p.sent(), 2 * GiB))
    disk = p.state.disk
    assert (disk.status, disk.provisioned_size, disk.name, disk.alias) == ("ok", 2 * GiB, "big", "big")
    assert p.folded() == p.state


def test_an_extension_that_fails_keeps_the_size() -> None:
    p = play()
    p.command(UpdateDisk(id=disk_id, document=Disk(provisioned_size=2 * GiB)), "u")
    p.done(failure)
    assert (p.state.status, p.state.disk.provisioned_size) == ("ok", GiB)
    ended: Any = p.journal[-1]
    assert ended.ended.outcome == "rolled_back"


def test_not_extended_while_a_vm_runs_on_it() -> None:
    p = play()
    p.tell(AttachDisk(vm_id="vm-1", operation_id="o"))
    put(p.rows, "vm", "vm-1", Vm(id="vm-1", name="web", status="up"))
    assert (
        "web" in refused(p.command(UpdateDisk(id=disk_id, document=Disk(provisioned_size=2 * GiB)), "u").reply).reason
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Disk(provisioned_size=GiB // 2), "provisioned_size"),
        (Disk(format="raw"), "format"),
        (Disk(storage_domains=(Ref(id="elsewhere"),)), "storage_domains"),
        (Disk(shareable=True), "shareable"),
        (Disk(name="\n"), "name"),
    ],
)
def test_what_cannot_be_changed_names_its_field(document: Disk, field: str) -> None:
    p = play()
    assert refused(p.command(UpdateDisk(id=disk_id, document=document), "u").reply).field == field
    assert p.event_names() == ["DiskAdded", "DiskReady"]


def test_what_is_read_only_is_passed_over() -> None:
    p = play()
    document = Disk(status="illegal", image_id="x", actual_size=7, description="Mine.")
    assert isinstance(p.command(UpdateDisk(id=disk_id, document=document), "u").reply, Accepted)
    assert (p.state.status, p.state.disk.actual_size, p.state.disk.description) == ("ok", 4096, "Mine.")


def test_every_pair_that_the_table_does_not_name_is_a_bug() -> None:
    kinds = {kind for _, kind in TRANSITIONS}
    statuses = {status for status, _ in TRANSITIONS} | set(TRANSITIONS.values())
    for status in statuses:
        for kind in kinds:
            event = object.__new__(kind)
            if (status, kind) in TRANSITIONS:
                assert status_after(status, event) in statuses
            else:
                with pytest.raises(IllegalTransition):
                    status_after(status, event)
    assert {kind for kind in vars(events).values() if _is_event(kind)} == kinds
    assert absent in statuses


def _is_event(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, events.DiskEvent) and found is not events.DiskEvent


vm_ids = st.sampled_from(["vm-1", "vm-2", ""])
messages: st.SearchStrategy[Any] = st.one_of(
    st.builds(AttachDisk, vm_id=st.sampled_from(["vm-1", "vm-2"]), operation_id=st.just("o")),
    st.builds(DetachDisk, vm_id=st.sampled_from(["vm-1", "vm-2"])),
    st.builds(DiscardDisk, operation_id=st.just("o"), vm_id=vm_ids),
    st.builds(BackDisk, child_id=st.sampled_from(["c-1", "c-2"])),
    st.builds(UnbackDisk, child_id=st.sampled_from(["c-1", "c-2"])),
    st.builds(
        ProvideDisk,
        disk=st.just(Disk(id=disk_id, name="data", provisioned_size=GiB, storage_domain=Ref(id=storage_domain))),
        operation_id=st.sampled_from(["op-1", "op-2"]),
        vm_id=vm_ids,
    ),
    st.sampled_from(["remove", "grow", "rename", "done", "done", "fail", "answer", "again"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(messages, max_size=40))
def test_whatever_comes_nothing_illegal_happens(sequence: list[Any]) -> None:
    """Random messages: the journal folds to the state, no child loses what it rests on, every operation ends once."""
    p = Play(disk_id, "disk", decide, evolve, world())
    steps: list[str] = []
    for number, message in enumerate(sequence):
        before = p.state
        _tell(p, message, f"command-{number}", steps)
        steps += [command.step_id for command in p.commands()]
        assert p.folded() == p.state
        if before is not None and before.children and p.state is None:
            raise AssertionError("a disk went that others rest on")
        if p.state is not None and p.state.children:
            assert not p.state.vm_ids
        if p.state is not None:
            assert (p.state.status == "locked") == (p.state.operation is not None)
    begun = {event.operation.id for event in p.journal if getattr(event, "operation", None)}
    ended = [event for event in p.journal if getattr(event, "ended", None)]
    assert len(ended) >= len(begun) - 1


def _tell(p: Play, message: Any, command_id: str, steps: list[str]) -> None:
    current = p.state.operation.steps[-1] if p.state is not None and p.state.operation is not None else None
    match message:
        case "remove":
            p.command(RemoveDisk(id=disk_id), command_id)
        case "grow":
            p.command(UpdateDisk(id=disk_id, document=Disk(provisioned_size=2 * GiB)), command_id)
        case "rename":
            p.command(UpdateDisk(id=disk_id, document=Disk(name=command_id)), command_id)
        case "done" if current is not None and current.host_id:
            phase = p.state.work.phase
            size = p.state.work.size_bytes or GiB
            facts = Done() if phase == "remove" else _volume(p, size)
            p.tell(StepDone(step_id=current.id, result=facts))
        case "fail" if current is not None and current.host_id:
            p.tell(StepDone(step_id=current.id, result=failure))
        case "again" if steps:
            p.tell(StepDone(step_id=steps[0], result=Done())) if not current or steps[0] != current.id else None
        case "answer":
            for effect in p.last.effects:
                if isinstance(effect, Tell):
                    p.tell(Answer(token=effect.token, body=Done()))
        case Message():
            p.tell(message)


def _volume(p: Play, size: int) -> Message:
    from actors.storage.volumes import volume_of
    from protocol.node_messages import VolumeFacts

    return VolumeFacts(volume=volume_of(p.state.disk), size_bytes=size, actual_bytes=4096)
