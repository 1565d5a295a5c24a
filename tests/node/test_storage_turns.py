"""Steps of one image never overtake each other on a node, and what a node has no room for is no outcome."""

from __future__ import annotations

import pytest
import trio

from node.storage import actor as storage_actor
from node.storage.jobs import object_of
from protocol.node.commands import CopyVolume, RemoveImage, SetTicket
from protocol.node.reports import Done, StepDone, StepNotTried, VolumeFacts
from tests.node.one_vm import storage_domain_id, volume
from tests.node.test_cancel_step import SLOW, begin, cancel, furnish, is_cancelled, lab, outcome, storage, target
from tests.node.test_whole_node import Lab, host_id

__all__ = ["lab"]


def remove(lab: Lab, number: int, step_id: str = "remove") -> None:
    body = RemoveImage(storage_domain_id=storage_domain_id, image_id=target(number).image_id)
    lab.engine.command(host_id, step_id, body)


async def test_a_removal_waits_until_its_image_is_made(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=1e9):
        await furnish(lab)
        begin(lab, 1)
        remove(lab, 1)
        assert await outcome(lab, "remove") == Done()
        assert [done.step_id for done in lab.engine.ear.of(StepDone)][-2:] == ["copy-1", "remove"]
        assert (len(storage(lab).volumes), storage(lab).half_made) == (1, {})


async def test_one_that_gives_up_waiting_lets_nobody_past(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=1e9):
        await furnish(lab)
        begin(lab, 1)
        remove(lab, 1, "given up")
        cancel(lab, "given up")
        remove(lab, 1)
        assert is_cancelled(await outcome(lab, "given up"))
        assert lab.engine.ear.outcomes("copy-1") == []
        assert await outcome(lab, "remove") == Done()
        assert isinstance(lab.engine.ear.outcomes("copy-1")[0], VolumeFacts)
        assert len(storage(lab).volumes) == 1


async def test_what_waits_is_carried_out_for_a_newer_engine_that_asks_again(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=1e8):
        await furnish(lab)
        for number in range(1, 8):
            begin(lab, number)
        await lab.engine.until(lambda: len(storage(lab).half_made) == 4)
        lab.engine.epoch = 2
        for number in range(1, 8):
            begin(lab, number)
        for number in range(1, 8):
            assert isinstance(await outcome(lab, f"copy-{number}"), VolumeFacts)
        assert lab.engine.ear.of(StepNotTried) == []


async def test_what_waits_for_an_engine_that_no_longer_leads_is_not_tried(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=1e9):
        await furnish(lab)
        for number in range(1, 6):
            begin(lab, number)
        cancel(lab, "nobody", epoch=2)  # a later engine is here
        await lab.engine.until(lambda: lab.engine.ear.of(StepNotTried))
        declined = lab.engine.ear.of(StepNotTried)[0]
        assert declined.reason.code == "stale_epoch"
        assert lab.engine.ear.outcomes(declined.step_id) == []
        assert lab.store.step_status(declined.step_id).value == "new"
        number = int(declined.step_id.removeprefix("copy-"))
        lab.engine.command(host_id, declined.step_id, CopyVolume(source=volume, target=target(number)), epoch=2)
        assert isinstance(await outcome(lab, declined.step_id), VolumeFacts)


async def test_what_finds_no_room_is_not_tried_and_may_come_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    monkeypatch.setattr(storage_actor, "jobs_waiting_max", 5)
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        for number in range(1, 7):
            begin(lab, number)
        await lab.engine.until(lambda: lab.engine.ear.of(StepNotTried))
        assert [(each.step_id, each.reason.code) for each in lab.engine.ear.of(StepNotTried)] == [
            ("copy-6", "unavailable")
        ]
        cancel(lab, "copy-1")
        assert is_cancelled(await outcome(lab, "copy-1"))
        begin(lab, 6)
        cancel(lab, "copy-6")
        assert is_cancelled(await outcome(lab, "copy-6"))


async def test_an_outcome_is_told_again_while_every_slot_is_taken(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        begin(lab, 9)
        cancel(lab, "copy-9")
        assert is_cancelled(await outcome(lab, "copy-9"))
        for number in range(1, 6):
            begin(lab, number)
        await lab.engine.until(lambda: len(storage(lab).half_made) == 4)
        begin(lab, 9)
        await lab.engine.until(lambda: len(lab.engine.ear.outcomes("copy-9")) == 2)


def test_only_commands_of_the_storage_have_an_object_there() -> None:
    with pytest.raises(NotImplementedError):
        object_of(SetTicket(vm_id="v", value="x", expiry_seconds=1))


async def test_steps_of_different_images_run_beside_each_other(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        begin(lab, 1)
        await lab.engine.until(lambda: storage(lab).half_made)
        remove(lab, 2)
        with trio.fail_after(60):
            assert await outcome(lab, "remove") == Done()
