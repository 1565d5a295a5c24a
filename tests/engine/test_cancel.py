"""Jobs that are cancelled, through the whole engine and a simulated host: what was made is gone, what was asked is over."""

from __future__ import annotations

from typing import Any

import attrs

from protocol.activity.commands import CancelJob
from protocol.activity.model import Job
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.live.engine import Accepted, Principal, Submit
from protocol.storage.model import Disk
from protocol.vm.commands import AddVm, ShutdownVm
from protocol.vm.model import Vm
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id

SLOW = 300e6
"""How many bytes a second a host copies: nearly a second for the disk of the template."""


async def clone(installation: Installation, name: str) -> str:
    """The job of a VM whose disk is being copied."""
    vm = Vm(name=name, cluster=Ref(id=installation.id_of("cluster", "Default")), template=Ref(id=named_id("tiny")))
    reply = await installation.give(named_id(name), AddVm(document=vm, clone=True))
    assert isinstance(reply, Accepted), reply
    (storage,) = installation.world.storages.values()
    await installation.until("vm", named_id(name), lambda _: storage.half_made)
    return reply.job_id


def job(installation: Installation, id: str) -> Any:
    return installation.document("job", id)


async def test_a_clone_that_is_cancelled_leaves_nothing() -> None:
    async with small_installation(vms=0, hosts=1, copy_bytes_per_second=SLOW) as installation:
        (storage,) = installation.world.storages.values()
        before = set(storage.volumes)
        job_id = await clone(installation, "copy")
        reply = await installation.give("cancel", CancelJob(id=job_id))
        assert isinstance(reply, Accepted), reply
        assert (reply.kind, reply.id, reply.job_id) == ("job", job_id, job_id)
        await installation.until_gone("vm", named_id("copy"))
        assert (job(installation, job_id).status, job(installation, job_id).outcome) == ("aborted", "rolled_back")
        assert job(installation, job_id).reason == "Cancelled by admin@internal."
        parts = [each for each in installation.engine.rows.all(Job) if each.parent_job == Ref(id=job_id)]
        assert [each.status for each in parts] == ["aborted"]
        assert (set(storage.volumes), storage.half_made) == (before, {})
        disks = [disk for disk in installation.engine.rows.all(Disk) if disk.vms]
        assert disks == []
        again = await installation.give("cancel", CancelJob(id=job_id))
        assert isinstance(again, Accepted), "the same command gets the same answer"
        late = await installation.give("late", CancelJob(id=job_id))
        assert isinstance(late, Refusal)
        assert (late.code, late.status) == ("not_legal", 409)
        assert "rolled back. Cancelled by admin@internal." in late.reason


async def test_the_making_of_its_disk_can_be_cancelled_as_well() -> None:
    async with small_installation(vms=0, hosts=1, copy_bytes_per_second=SLOW) as installation:
        job_id = await clone(installation, "copy")
        (part,) = [each for each in installation.engine.rows.all(Job) if each.parent_job == Ref(id=job_id)]
        assert isinstance(await installation.give("cancel", CancelJob(id=part.id)), Accepted)
        await installation.until_gone("vm", named_id("copy"))
        assert job(installation, job_id).outcome == "rolled_back"
        (storage,) = installation.world.storages.values()
        assert storage.half_made == {}


async def test_a_shutdown_that_waits_is_cancelled() -> None:
    async with small_installation(vms=1, hosts=1) as installation:
        (qemu,) = installation.world.running()[named_id("vm-0")]
        qemu.shape = attrs.evolve(qemu.shape, ignores_power_button=True)
        reply = await installation.give("shutdown", ShutdownVm(id=named_id("vm-0")))
        assert isinstance(reply, Accepted), reply
        await installation.until_status("vm", "vm-0", "powering_down")
        assert isinstance(await installation.give("cancel", CancelJob(id=reply.job_id)), Accepted)
        await installation.until_status("vm", "vm-0", "up")
        assert job(installation, reply.job_id).status == "aborted"


async def test_nobody_cancels_what_is_not_there_or_not_theirs() -> None:
    async with small_installation(vms=1, hosts=1) as installation:
        nothing = await installation.give("cancel", CancelJob(id=named_id("nobody")))
        assert isinstance(nothing, Refusal)
        assert (nothing.code, nothing.status, nothing.entity) == ("not_found", 404, f"job/{named_id('nobody')}")
        (running,) = [each for each in installation.engine.rows.all(Job) if each.vm == Ref(id=named_id("vm-0"))]
        guest = Principal(user_id="g", name="guest@internal")
        submit = Submit(command_id="guest", principal=guest, command=CancelJob(id=running.id))
        denied = await installation.engine.command_router.submit(submit)
        assert isinstance(denied, Refusal)
        assert (denied.code, denied.entity) == ("forbidden", f"vm/{named_id('vm-0')}")
