"""Freeze and thaw over REST, on a whole engine with a simulated host: the guest stands still, and goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from node.world.qemu import Qemu
from protocol.codec import decode
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.gateway.http import Client
from tests.gateway.running import running

VM = named_id("vm-0")


@attrs.frozen
class World:
    """Two VMs: vm-0 runs."""

    site: Installation
    client: Client

    @property
    def guest(self) -> Qemu:
        (qemu,) = self.site.world.running()[VM]
        return qemu

    @property
    def is_frozen(self) -> bool:
        return self.guest.frozen_until is not None

    async def do(self, action: str) -> Any:
        """The job of an action that is accepted, once it has ended."""
        answer = await self.client.api("POST", f"/vms/{VM}/{action}", {})
        assert answer.status == 200, answer.text
        job_id = answer.json()["job"]["id"]
        return await self.site.until("job", job_id, lambda job: job.status != "started")

    def said(self, code: int) -> list[str]:
        """Lines of the audit trail."""
        rows = [row for row in self.site.store.tables.journal if row.kind == "event" and row.document is not None]
        events = [decode(row.document) for row in rows]
        return [event.description for event in events if event.code == code]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with small_installation(vms=2, hosts=1) as site:
        async with running(site.engine.port, tmp_path) as gateway:
            client = Client(gateway)
            assert (await client.login()).status == 200
            yield World(site, client)


async def test_a_guest_stands_still_and_goes_on(world: World) -> None:
    for _ in range(2):
        assert (await world.do("freezefilesystems")).outcome == "done"
        assert world.is_frozen
    for _ in range(2):
        assert (await world.do("thawfilesystems")).outcome == "done"
        assert not world.is_frozen
    assert world.said(10_767) == ["The file systems of VM vm-0 are frozen, for at most 60 seconds."] * 2
    assert world.said(10_768) == ["The file systems of VM vm-0 are thawed."] * 2


async def test_a_frozen_vm_is_rebooted_and_shut_down(world: World) -> None:
    await world.do("freezefilesystems")
    assert (await world.do("reboot")).outcome == "done"
    assert not world.is_frozen
    await world.site.until("vm", VM, lambda vm: vm.status == "up" and vm.reported_devices)
    await world.do("freezefilesystems")
    assert (await world.do("shutdown")).outcome == "done"
    await world.site.until_status("vm", "vm-0", "down")


async def test_what_the_guest_cannot_do_is_the_jobs_reason(world: World) -> None:
    world.guest.shape = attrs.evolve(world.guest.shape, freeze_error="/data cannot be frozen: Input/output error")
    job = await world.do("freezefilesystems")
    assert (job.outcome, job.status) == ("failed", "failed")
    assert "could not freeze its file systems: /data cannot be frozen: Input/output error." in job.reason
    assert not world.is_frozen


async def test_a_vm_that_is_down_is_refused(world: World) -> None:
    answer = await world.client.api("POST", f"/vms/{named_id('vm-1')}/freezefilesystems", {})
    assert answer.status == 409
    assert "Cannot freeze the file systems of VM vm-1: it is down; it must be up." in answer.text
