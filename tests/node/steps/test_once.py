"""Steps through crashes: at most one effect, one outcome, told until it is forgotten."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from actors.wire.frames import FrameQueue
from node.link.uplink import Uplink
from node.steps.once import Steps
from node.steps.store import StepStatus, StepStore, forget_record
from protocol.codec import decode
from protocol.errors import Conflict, Refusal
from protocol.message import Message
from protocol.node.commands import DestroyDomain, NodeCommand, ResetDomain
from protocol.node.reports import Done, StepDone, StepNotTried
from tests.node.memory_step_log import MemoryStepLog

destroy = NodeCommand(epoch=1, step_id="s", body=DestroyDomain(vm_id="v"))
reset = NodeCommand(epoch=1, step_id="s", body=ResetDomain(vm_id="v"))


@attrs.define
class Bench:
    """Steps over a step store, and everything that they sent."""

    store: StepStore = attrs.field(factory=StepStore)
    queue: FrameQueue = attrs.field(factory=FrameQueue)
    effects: list[bool] = attrs.field(factory=list)

    def steps(self) -> Steps:
        uplink = Uplink()
        uplink.open(self.queue, renewal_only=False)
        return Steps(MemoryStepLog(self.store), uplink)

    async def act(self, repeated: bool) -> Message:
        self.effects.append(repeated)
        await trio.lowlevel.checkpoint()
        return Done()

    async def sent(self) -> list[Any]:
        found = []
        with trio.move_on_after(0.01):
            while True:
                found.append(decode(await self.queue.get()))
        return found


async def test_the_outcome_is_stored_before_it_is_sent_and_told_again() -> None:
    bench = Bench()
    steps = bench.steps()
    await steps.run(destroy, bench.act)
    await steps.run(destroy, bench.act)
    assert bench.effects == [False]
    assert await bench.sent() == [StepDone(step_id="s", result=Done())] * 2
    assert bench.store.step_status("s") is StepStatus.DONE


async def test_a_step_in_progress_is_not_started_twice() -> None:
    bench = Bench()
    steps = bench.steps()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(steps.run, destroy, bench.act)
    assert bench.effects == [False]


async def crash_in_the_middle(bench: Bench, command: NodeCommand) -> None:
    """The daemon dies while the step is being carried out."""

    async def never(repeated: bool) -> Message:
        await trio.sleep_forever()
        return Done()

    with trio.move_on_after(0.01):
        await bench.steps().run(command, never)
    assert bench.store.step_status("s") is StepStatus.BEGUN


async def test_after_a_crash_an_idempotent_step_is_carried_to_its_end() -> None:
    bench = Bench()
    await crash_in_the_middle(bench, destroy)
    await bench.steps().run(destroy, bench.act)
    assert bench.effects == [True]


async def test_after_a_crash_what_would_harm_twice_is_left_and_said() -> None:
    bench = Bench()
    await crash_in_the_middle(bench, reset)
    await bench.steps().run(reset, bench.act)
    assert bench.effects == []
    (done,) = await bench.sent()
    assert isinstance(done.result, Refusal)
    assert done.result.code == "interrupted"


async def test_a_refusal_is_an_outcome() -> None:
    bench = Bench()

    async def refuse(repeated: bool) -> Message:
        raise Conflict("no")

    await bench.steps().run(destroy, refuse)
    (done,) = await bench.sent()
    assert done.failed is not None
    assert done.failed.code == "conflict"


async def test_a_bug_crashes_the_actor_but_the_engine_gets_an_outcome() -> None:
    bench = Bench()

    async def bug(repeated: bool) -> Message:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.steps().run(destroy, bug)
    (done,) = await bench.sent()
    assert done.failed is not None
    assert done.failed.code == "internal"


async def test_a_command_that_queued_while_a_higher_epoch_came_is_refused() -> None:
    bench = Bench()
    steps = bench.steps()
    assert await steps.obey(2)
    await steps.run(destroy, bench.act)
    assert bench.effects == []
    (declined,) = await bench.sent()
    assert isinstance(declined, StepNotTried)
    assert declined.reason.code == "stale_epoch"
    assert bench.store.step_status("s") is StepStatus.NEW


async def test_a_step_that_was_forgotten_is_not_done_again_nor_called_failed() -> None:
    """A refusal would have an engine that went back to an older database undo what stands since long."""
    bench = Bench()
    steps = bench.steps()
    await steps.run(destroy, bench.act)
    await steps.step_log.write(forget_record(["s"]))
    await steps.run(destroy, bench.act)
    assert bench.effects == [False]
    assert len(await bench.sent()) == 1
