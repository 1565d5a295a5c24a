"""What holds in any life of a disk: crashes and repeats leave no trace, nothing goes that others rest on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.entity.decision import AcknowledgeStep, RunStep, Tell
from actors.entity.host_signals import StepOutcome
from actors.entity.transitions import ABSENT, IllegalTransition, status_after, statuses
from actors.kernel.envelope import Answer
from actors.storage.disk.decide import again
from actors.storage.disk.transitions import TRANSITIONS
from actors.storage.messages import AttachDisk, BackDisk, DetachDisk, DiscardDisk, DiskRecorded, ProvideDisk, UnbackDisk
from protocol.message import Message
from protocol.node.commands import RemoveImage, ResizeVolume
from protocol.node.reports import Done
from protocol.storage import disk_events as events
from protocol.storage.commands import RemoveDisk, UpdateDisk
from protocol.storage.model import Disk
from tests.actors.storage.lives import DISK, FULL, HELD, DiskPlay, GiB, origin, provide, unborn, volume, wanted


def sent(play: DiskPlay) -> list[RunStep]:
    """The steps on nodes in the last decision."""
    return [effect for effect in play.decision.effects if isinstance(effect, RunStep)]


def asked(play: DiskPlay) -> list[Tell]:
    return [effect for effect in play.decision.effects if isinstance(effect, Tell) and effect.token]


def run(play: DiskPlay, message: Message, *, crash: bool, fail_at: int) -> list[RunStep]:
    """Plays to the end; with `crash` every step is sent twice from the durable state alone, and answered twice."""
    play.with_row("disk", origin(provisioned_size=GiB // 2)).happens(message)
    done: list[RunStep] = []
    for _ in range(20):
        if crash and play.state is not None:
            assert again(play.state).effects == tuple(e for e in play.decision.effects if not is_said_once(e))
            play.decision = again(play.state)
        if commands := sent(play):
            (command,) = commands
            result = outcome(command, fails=len(done) == fail_at)
            done.append(command)
            play.happens(StepOutcome(host_id=command.step.host, step=command.step, result=result))
            after = play.decision
            if crash:
                play.happens(StepOutcome(host_id=command.step.host, step=command.step, result=result))
                assert not play.decision.events
                play.decision = after
        elif tells := asked(play):
            (tell,) = tells
            play.happens(Answer(token=tell.token, body=HELD if isinstance(tell.message, BackDisk) else Done()))
        else:
            break
    return done


def outcome(command: RunStep, *, fails: bool) -> Message:
    if fails:
        return FULL
    if isinstance(command.body, RemoveImage):
        return Done()
    return volume(GiB if isinstance(command.body, ResizeVolume) else GiB // 2)


def is_said_once(effect: Any) -> bool:
    """Not sent again: acknowledgements, and the news that the disk can be read."""
    return isinstance(effect, AcknowledgeStep) or (
        isinstance(effect, Tell) and isinstance(effect.message, DiskRecorded)
    )


@pytest.mark.parametrize("fail_at", [-1, 0, 1])
def test_crashes_and_duplicates_at_every_step_change_nothing(fail_at: int) -> None:
    message = provide(backing_disk_id=origin().id, clone=True)
    calm, rough = unborn(), unborn()
    assert run(calm, message, crash=False, fail_at=fail_at) == run(rough, message, crash=True, fail_at=fail_at)
    assert calm.journal == rough.journal
    assert calm.state == rough.state == rough.folded()


def test_every_pair_that_the_table_does_not_name_is_a_bug() -> None:
    kinds = {kind for _, kind in TRANSITIONS}
    known = {*statuses(TRANSITIONS), ABSENT}
    for status in known:
        for kind in kinds:
            event = object.__new__(kind)
            if (status, kind) in TRANSITIONS:
                assert status_after(TRANSITIONS, status, event) in known
            else:
                with pytest.raises(IllegalTransition):
                    status_after(TRANSITIONS, status, event)
    assert {kind for kind in vars(events).values() if is_event(kind)} == kinds


def is_event(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, events.DiskEvent) and found is not events.DiskEvent


vm_ids = st.sampled_from(["vm-1", "vm-2", ""])
messages: st.SearchStrategy[Any] = st.one_of(
    st.builds(AttachDisk, vm_id=st.sampled_from(["vm-1", "vm-2"]), operation_id=st.just("o")),
    st.builds(DetachDisk, vm_id=st.sampled_from(["vm-1", "vm-2"])),
    st.builds(DiscardDisk, operation_id=st.just("o"), vm_id=vm_ids),
    st.builds(BackDisk, child_id=st.sampled_from(["c-1", "c-2"])),
    st.builds(UnbackDisk, child_id=st.sampled_from(["c-1", "c-2"])),
    st.builds(ProvideDisk, disk=st.just(wanted(id=DISK)), operation_id=st.sampled_from(["op-1", "op-2"]), vm_id=vm_ids),
    st.sampled_from(["remove", "grow", "rename", "done", "done", "fail", "answer", "again"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(messages, max_size=40))
def test_whatever_comes_nothing_illegal_happens(notified: list[Any]) -> None:
    """Random messages: the journal folds to the state, no child loses what it rests on, every operation ends once."""
    play = unborn()
    for message in notified:
        before = play.state
        tell(play, message)
        assert play.folded() == play.state
        if before is not None and before.children:
            assert play.state is not None, "a disk went that others rest on"
        if play.state is not None:
            assert not (play.state.children and play.state.vm_ids)
            assert (play.state.status == "locked") == (play.state.operation is not None)
    begun = {event.operation.id for event in play.journal if getattr(event, "operation", None)}
    ended = [event for event in play.journal if getattr(event, "ended", None)]
    assert len(ended) >= len(begun) - 1


def tell(play: DiskPlay, message: Any) -> None:
    current = play.operation.steps[-1] if play.operation is not None else None
    steps = list(play.sent)
    match message:
        case "remove":
            play.happens(RemoveDisk(id=DISK))
        case "grow":
            play.happens(UpdateDisk(id=DISK, document=Disk(provisioned_size=2 * GiB)))
        case "rename":
            play.happens(UpdateDisk(id=DISK, document=Disk(name=f"disk-{play.commands}")))
        case "done" if current is not None and current.host_id:
            removes = play.state.work.phase == "remove"
            result = Done() if removes else volume(play.state.work.size_bytes or GiB)
            play.happens(StepOutcome(host_id=current.host_id, step=current.id, result=result))
        case "fail" if current is not None and current.host_id:
            play.happens(StepOutcome(host_id=current.host_id, step=current.id, result=FULL))
        case "again" if steps and (current is None or steps[0] != current.id):
            play.happens(StepOutcome(host_id=steps[0].host, step=steps[0], result=Done()))
        case "answer":
            for question in asked(play):
                play.happens(Answer(token=question.token, body=Done()))
        case Message():
            play.happens(message)
