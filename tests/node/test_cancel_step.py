"""A storage step that is cancelled: ended when it runs or waits for its turn, left alone when it is over."""

from __future__ import annotations

import attrs
import trio

from node.world.storage import WorldStorage
from protocol.errors import Refusal
from protocol.node.commands import CancelStep, ConnectStorageDomain, CopyVolume, CreateVolume
from protocol.node.domain import VolumeRef
from protocol.node.reports import StepDone, VolumeFacts
from tests.node.one_vm import storage_domain_id, volume
from tests.node.test_whole_node import Lab, host_id, lab

__all__ = ["lab"]

SLOW = 1e6
"""How many bytes a second are copied: half an hour for the volume."""


def target(number: int) -> VolumeRef:
    return attrs.evolve(
        volume,
        image_id=f"dddddddd-0000-4000-8000-{number:012d}",
        volume_id=f"eeeeeeee-0000-4000-8000-{number:012d}",
    )


def storage(lab: Lab) -> WorldStorage:
    return lab.world.storages["/data"]


async def furnish(lab: Lab) -> None:
    await lab.step("connect", ConnectStorageDomain(storage_domain_id=storage_domain_id, path="/data", create=True))
    await lab.step("volume", CreateVolume(volume=volume, size_bytes=1 << 31, preallocate=True))


def begin(lab: Lab, number: int) -> None:
    lab.engine.command(host_id, f"copy-{number}", CopyVolume(source=volume, target=target(number)))


def cancel(lab: Lab, step_id: str, epoch: int = 1) -> None:
    lab.engine.hub.send(host_id, CancelStep(epoch=epoch, step_id=step_id))


async def outcome(lab: Lab, step_id: str) -> object:
    await lab.engine.until(lambda: lab.engine.ear.outcomes(step_id))
    return lab.engine.ear.outcomes(step_id)[-1]


def is_cancelled(result: object) -> bool:
    return isinstance(result, Refusal) and result.code == "cancelled"


async def test_a_copy_that_runs_is_ended_and_leaves_nothing(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        begin(lab, 1)
        await lab.engine.until(lambda: storage(lab).half_made)
        cancel(lab, "copy-1")
        cancel(lab, "copy-1")
        assert is_cancelled(await outcome(lab, "copy-1"))
        assert (len(storage(lab).volumes), storage(lab).half_made) == (1, {})
        assert is_cancelled(await lab.step("copy-1", CopyVolume(source=volume, target=target(1)))), "it is done"


async def test_the_next_message_may_cancel_what_one_asked_for(lab: Lab, autojump_clock: object) -> None:
    """As an engine sends it after a crash: the step again, and at once that nobody wants it."""
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        for number in range(1, 8):  # more than run at once: the last ones wait for their turn
            begin(lab, number)
            cancel(lab, f"copy-{number}")
        for number in range(1, 8):
            assert is_cancelled(await outcome(lab, f"copy-{number}"))
        assert (len(storage(lab).volumes), storage(lab).half_made) == (1, {})


async def test_one_that_waits_for_its_turn_is_ended_while_the_others_go_on(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        for number in range(1, 7):
            begin(lab, number)
        await lab.engine.until(lambda: len(storage(lab).half_made) == 4)
        cancel(lab, "copy-6")
        assert is_cancelled(await outcome(lab, "copy-6"))
        assert len(storage(lab).half_made) == 4


async def test_a_step_that_is_over_or_never_came_is_left_alone(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=1e12):
        await furnish(lab)
        begin(lab, 1)
        assert isinstance(await outcome(lab, "copy-1"), VolumeFacts)
        told = len(lab.engine.ear.of(StepDone))
        cancel(lab, "copy-1")
        cancel(lab, "nobody")
        await trio.sleep(10)
        assert len(lab.engine.ear.of(StepDone)) == told
        assert len(storage(lab).volumes) == 2


async def test_an_engine_that_no_longer_leads_cancels_nothing(lab: Lab, autojump_clock: object) -> None:
    async with lab.node(copy_bytes_per_second=SLOW):
        await furnish(lab)
        begin(lab, 1)
        await lab.engine.until(lambda: storage(lab).half_made)
        cancel(lab, "connect", epoch=7)  # a later engine was here
        cancel(lab, "copy-1", epoch=6)
        await trio.sleep(10)
        assert storage(lab).half_made
        assert lab.engine.ear.outcomes("copy-1") == []
