"""What holds in any life of a VM, after every message: legal moves, one truth, the step repeatable, an owner for all."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from actors.entity.decision import RequestReport
from actors.entity.operation import current_step
from actors.entity.operation_record import RETRY, sent_again
from actors.entity.transitions import statuses
from actors.vm.operations import OPERATIONS
from actors.vm.project import project
from actors.vm.state import VmState
from actors.vm.transitions import OWNERS, TRANSITIONS
from protocol.codec import decode, encode
from protocol.registry import BY_KIND
from tests.actors.vm.any_life import Life, born, next_moves, plans

lives = int(os.environ.get("CORRAL_VM_LIVES", "300"))


@settings(max_examples=lives, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans)
def test_any_life(plan: tuple[str, list[tuple[int, int]]]) -> None:
    stage, choices = plan
    life = born(stage)
    for kind, choice in choices:
        before = life.state
        if before is None and life.journal:
            break  # it had its life
        moves = next_moves(life)[kind % len(next_moves(life))]
        moves[choice % len(moves)]()
        check_resend(life)
        check_owner(life, before)
    check_fold(life)


def check_fold(life: Life) -> None:
    """The events that were written rebuild the state, and the state comes back from the database as it is."""
    assert life.folded() == life.state
    if life.state is not None:
        assert decode(encode(life.state)) == life.state
        encode(project(life.state))


def check_resend(life: Life) -> None:
    """After a crash at any moment the step under way is sent as it was sent first, or nothing when none is."""
    state = life.state
    if state is None:
        return
    again = sent_again(OPERATIONS, state)
    if state.operation is None:
        assert again == ()
        return
    step = current_step(state.operation)
    assert step is not None, f"{state.operation.kind} goes on without a step"
    sent = life.sent.get(step.id) or life.asked_of_disks.get(str(step.id))
    if step.id.attempt > 1 and sent is None:  # what failed and must succeed is asked again after a pause
        assert RETRY in life.timers
        assert again
        return
    assert again == ((sent,) if sent is not None else ()), f"{state.operation.kind} in {state.status}"


def check_owner(life: Life, before: VmState | None) -> None:
    """Whatever passes has somebody who ends it."""
    state = life.state
    if state is None:
        return
    kind = state.operation.kind if state.operation is not None else ""
    owners: dict[str, bool] = {
        "image_locked": kind in ("add", "remove"),
        "wait_for_launch": kind == "start",
        "restoring_state": kind == "restore",
        "powering_up": "guest_up" in life.timers or kind in ("pause",),
        "powering_down": kind == "stop" or (kind == "shutdown" and "shutdown" in life.timers),
        "reboot_in_progress": kind in ("reboot", "reset"),
        "saving_state": kind == "suspend",
        "unknown": bool(state.host_id),
    }
    assert not state.side_steps or "side_steps" in life.timers, "nobody sends the side steps again"
    marked = BY_KIND["vm"].statuses.transient & {*statuses(TRANSITIONS)}
    assert owners.keys() == OWNERS.keys() == marked | {"unknown"}
    assert owners.get(state.status, True), f"nobody ends {state.status} ({kind or 'no operation'}, {life.timers})"
    if kind == "stop" and not state.host_id:
        assert "resend" in life.timers, "the host that keeps the memory does not call"
    if state.status in ("up", "paused", "powering_up", "reboot_in_progress", "saving_state", "unknown"):
        assert state.host_id, f"{state.status} nowhere"
    if state.status == "suspended":
        assert state.saved_on, "suspended without memory"
    if state.status in ("down", "suspended"):
        assert not state.host_id
    if state.status == "down":
        assert not state.saved_on, "memory that nobody would restore"
    check_unknown_is_asked(life, before)


def check_unknown_is_asked(life: Life, before: VmState | None) -> None:
    """A host that ended a step is there: when its VM stays unknown with nothing left to wait for, it is asked."""
    state = life.state
    if state is None or before is None or state.status != "unknown" or before.operation is None:
        return
    if not sent_again(OPERATIONS, state) and sent_again(OPERATIONS, before):
        assert any(isinstance(effect, RequestReport) for effect in life.decision.effects)
