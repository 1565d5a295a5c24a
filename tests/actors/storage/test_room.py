"""A storage domain, a template and disks, end to end: through crashes of every actor, with the journal as witness."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from actors.entity.messages import Crash
from actors.storage.disk.evolve import evolve as evolve_disk
from actors.storage.domain.evolve import evolve as evolve_storage_domain
from actors.storage.messages import AttachDisk, DetachDisk, DiskProvided, ProvideDisk
from actors.storage.template.evolve import evolve as evolve_template
from protocol.activity.operation import StepId
from protocol.codec import decode
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.model import DataCenter
from protocol.live.engine import Accepted
from protocol.node.commands import CreateVolume, ImportVolume, NodeCommand, RemoveImage
from protocol.node.reports import Done
from protocol.storage.commands import AddDisk, AddStorageDomain, RemoveDisk, RemoveStorageDomain, UpdateDisk
from protocol.storage.model import Disk, HostStorage, StorageDomain
from protocol.template.commands import ImportTemplate, RemoveTemplate
from protocol.template.model import Template
from tests.actors.storage.room import GiB, Room, host_id, image_bytes, opened

storage_domain_id = "dddddddd-0000-4000-8000-000000000009"
template_id = "44444444-0000-4000-8000-000000000009"
disk_id = "11111111-0000-4000-8000-000000000009"
thin_id = "11111111-0000-4000-8000-000000000008"
vm_id = "33333333-0000-4000-8000-000000000009"

EVOLVE: dict[str, Any] = {"disk": evolve_disk, "storage_domain": evolve_storage_domain, "template": evolve_template}


async def prepare(room: Room) -> None:
    storage = HostStorage(type="localfs", path="/srv/local")
    storage_domain = StorageDomain(name="local", type="data", host=Ref(id=host_id), storage=storage)
    reply = await room.give(storage_domain_id, AddStorageDomain(document=storage_domain))
    assert isinstance(reply, Accepted), reply
    await room.settle()
    assert room.document("storage_domain", storage_domain_id).status == "active"


def floating(**more: Any) -> AddDisk:
    return AddDisk(
        document=Disk(name="data", provisioned_size=GiB, storage_domains=(Ref(id=storage_domain_id),), **more)
    )


def importing() -> ImportTemplate:
    return ImportTemplate(
        document=Template(name="tiny"), storage_domain_id=storage_domain_id, image_path="/srv/tiny.qcow2"
    )


def thin(room: Room) -> ProvideDisk:
    (attachment,) = room.document("template", template_id).disk_attachments
    return ProvideDisk(disk=Disk(id=thin_id), operation_id="op", vm_id=vm_id, backing_disk_id=attachment.id)


async def ask(room: Room, address: str, message: Any) -> Any:
    ref = room.engine.ensure(*address.split("/"))
    assert ref is not None
    return await ref.ask(message, timeout_seconds=30)


def check_journal(room: Room) -> None:
    """Fold(journal) = tables, for each entity of the room and at every moment by its version."""
    for kind, evolve in EVOLVE.items():
        for id, happened in room.histories(kind).items():
            state = None
            for event in happened:
                state = evolve(state, event)
            row = room.engine.rows.row(kind, id)
            assert (decode(row.state) if row else None) == state
            assert row is None or row.version == len(happened)


async def test_a_day_in_the_room(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        (data_center,) = room.engine.rows.all(DataCenter)
        assert data_center.status == "up"

        assert isinstance(await room.give(template_id, importing()), Accepted)
        await room.settle()
        template = room.document("template", template_id)
        assert template.status == "ok"

        provided = await ask(room, f"disk/{thin_id}", thin(room))
        assert isinstance(provided, DiskProvided)
        assert provided.disk.provisioned_size == image_bytes
        refused = await room.give("r1", RemoveTemplate(id=template_id))
        assert isinstance(refused, Refusal)

        reply = await room.give(disk_id, floating())
        assert isinstance(reply, Accepted)
        assert reply.sequence > 0
        assert await room.give(disk_id, floating()) == attrs.evolve(reply, sequence=0)  # it is durable already
        await room.settle()
        grown = await room.give("g1", UpdateDisk(id=disk_id, document=Disk(provisioned_size=2 * GiB)))
        assert isinstance(grown, Accepted)
        await room.settle()
        assert room.document("disk", disk_id).provisioned_size == room.node.volumes[disk_id] == 2 * GiB
        assert room.outcome("g1") == "done"

        assert isinstance(await ask(room, f"disk/{disk_id}", AttachDisk(vm_id=vm_id, operation_id="o")), DiskProvided)
        attached = await room.give("d1", RemoveDisk(id=disk_id))
        assert isinstance(attached, Refusal)
        assert await ask(room, f"disk/{disk_id}", DetachDisk(vm_id=vm_id)) == Done()
        assert await ask(room, f"disk/{thin_id}", DetachDisk(vm_id=vm_id)) == Done()

        full = await room.give("s1", RemoveStorageDomain(id=storage_domain_id))
        assert isinstance(full, Refusal)
        for number, command in enumerate(
            (
                RemoveDisk(id=thin_id),
                RemoveTemplate(id=template_id),
                RemoveDisk(id=disk_id),
                RemoveStorageDomain(id=storage_domain_id),
            )
        ):
            reply = await room.give(f"rm{number}", command)
            assert isinstance(reply, Accepted), reply
            await room.settle()
            assert room.outcome(f"rm{number}") == "done"
        assert room.node.volumes == {}
        assert not list(room.engine.rows.all(Disk))
        assert not list(room.engine.rows.all(StorageDomain))
        (data_center,) = room.engine.rows.all(DataCenter)
        assert data_center.status == "uninitialized"
        assert room.node.outcomes == {}
        check_journal(room)


@pytest.mark.parametrize("crash", [CreateVolume, ImportVolume, RemoveImage], ids=lambda cls: cls.__name__)
async def test_a_crash_with_a_step_on_its_way_has_one_effect(crash: type[Any], autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)

        def strike(command: NodeCommand) -> None:
            if isinstance(command.body, crash) and room.node.seen.count(crash.__name__) == 1:
                ref = room.engine.ensure(*StepId.parse(command.step_id).owner.split("/"))
                assert ref is not None
                ref.tell(Crash())

        room.node.before = strike
        await room.give(template_id, importing())
        await room.give(disk_id, floating())
        await room.settle()
        assert room.document("template", template_id).status == "ok"
        assert room.document("disk", disk_id).status == "ok"
        effects = room.node.effects
        await room.give("rm", RemoveDisk(id=disk_id))
        await room.settle()
        assert room.document("disk", disk_id) is None
        assert (effects, room.node.effects) == (3, 4)
        assert room.node.seen.count(crash.__name__) == 2
        check_journal(room)


@pytest.mark.parametrize("step", [CreateVolume, ImportVolume], ids=lambda cls: cls.__name__)
async def test_what_a_host_cannot_do_is_rolled_back(step: type[Any], autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        room.node.failing.add(step)
        kind, id = ("disk", disk_id) if step is CreateVolume else ("template", template_id)
        reply = await room.give(id, floating() if step is CreateVolume else importing())
        assert isinstance(reply, Accepted)
        await room.settle()
        assert room.document(kind, id) is None
        job = room.document("job", reply.job_id)
        assert (job.outcome, job.status) == ("rolled_back", "failed")
        assert "No space left" in job.reason
        assert room.node.volumes == {}
        check_journal(room)


async def test_two_that_want_the_same_disk_get_it_once(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        await room.give(template_id, importing())
        await room.settle()
        first = await ask(room, f"disk/{thin_id}", thin(room))
        again = await ask(room, f"disk/{thin_id}", thin(room))
        assert first == again
        assert room.node.seen.count("CreateVolume") == 1


async def test_an_engine_that_starts_again_goes_on(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        room.node.is_linked = False
        await room.give(disk_id, floating())
        await room.settle()
        assert room.document("disk", disk_id).status == "locked"
        store = room.store
    async with opened(store, seed=2) as room:
        room.engine.wake()
        await room.settle()
        assert room.document("disk", disk_id).status == "ok"
        assert room.outcome(disk_id) == "done"
        check_journal(room)


async def test_names_are_unique_even_at_the_same_moment(autojump_clock: MockClock) -> None:
    async with opened() as room:
        await prepare(room)
        other = "44444444-0000-4000-8000-00000000000a"
        replies = []

        async def add(id: str) -> None:
            replies.append(await room.give(id, importing()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add, template_id)
            nursery.start_soon(add, other)
        refused = [reply for reply in replies if isinstance(reply, Refusal)]
        assert [reply.code for reply in refused] == ["name_taken"]
        await room.settle()
        assert len(room.engine.rows.named(Template, "tiny")) == 1
        check_journal(room)
