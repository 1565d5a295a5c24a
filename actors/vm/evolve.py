"""Folds a VM's events into its state. Every event is already true."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.vm.state import VmState
from actors.vm.transitions import TRANSITIONS
from protocol.activity.operation import Operation, StepId
from protocol.vm import events
from protocol.vm.events import Copy, Run


def evolve(state: VmState | None, event: events.VmEvent) -> VmState | None:
    """The state after `event`; None after the last one. Raises `IllegalTransition`."""
    status = status_after(TRANSITIONS, state.status if state is not None else ABSENT, event)
    if status == ABSENT:
        return None
    if state is None:
        assert isinstance(event, events.VmAdded)
        return VmState(vm=event.vm, status=status, operation=event.operation)
    runs = state.runs if event.runs is None else event.runs
    state = attrs.evolve(
        state,
        status=status,
        desired=event.desired or state.desired,
        operation=_operation(state.operation, event),
        runs=runs,
        spec=state.spec if runs else None,
    )
    return _changed(state, event)


def _operation(before: Operation | None, event: events.VmEvent) -> Operation | None:
    return None if event.ended is not None else event.operation or before


def _changed(state: VmState, event: events.VmEvent) -> VmState:
    """What an event changes besides status, operation, where the VM runs and what is wanted."""
    match event:
        case events.VmUpdated():
            return attrs.evolve(state, vm=event.vm, next_run=event.next_run)
        case events.VmNicsChanged():
            return attrs.evolve(state, vm=attrs.evolve(state.vm, nics=event.nics))
        case events.VmDisksChanged():
            return attrs.evolve(state, vm=attrs.evolve(state.vm, disk_attachments=event.disk_attachments))
        case events.VmStartRequested():
            return attrs.evolve(
                state, spec=event.spec, started_at=event.at, run_once=event.run_once, stop_reason="", guest=None,
                guest_silent_since=None, boot_id="",
            )  # fmt: skip
        case events.VmRestoreRequested():
            return attrs.evolve(state, spec=event.spec, started_at=event.at)
        case events.VmStartFailed():
            state = attrs.evolve(state, run_once=False, stop_reason=event.reason)
            return _at_rest(state, event.at) if state.status == "down" else state
        case events.VmRestored() | events.VmSuspendFailed():
            return attrs.evolve(state, saved_on="")
        case events.VmShutdownRequested() | events.VmStopRequested():
            return attrs.evolve(state, stop_reason=event.reason)
        case events.VmSuspendRequested():
            return attrs.evolve(state, saved_on=event.storage_domain_id)
        case events.VmSuspended():
            return attrs.evolve(state, stopped_at=event.at, guest=None)
        case events.VmWentDown():
            reason = event.reason or state.stop_reason
            state = attrs.evolve(
                state, run_once=False, guest=None, guest_silent_since=None, stop_reason=reason, saved_on=""
            )
            return _at_rest(state, event.at)
        case events.VmRebooted():
            return attrs.evolve(state, guest=None, guest_silent_since=None)
        case events.VmPaused():
            return attrs.evolve(state, pause_reason=event.reason)
        case events.VmResumed():
            return attrs.evolve(state, pause_reason="")
        case events.VmSideStepBegun():
            return attrs.evolve(state, side_steps=(*state.side_steps, event.side_step))
        case events.VmSideStepEnded():
            return attrs.evolve(state, side_steps=tuple(each for each in state.side_steps if each.id != event.step))
        case events.VmCopySeen(copy=copy):
            return attrs.evolve(state, copies=(*_copies_elsewhere(state, copy.host_id), copy))
        case events.VmCopyGone(host_id=host_id):
            return attrs.evolve(state, copies=_copies_elsewhere(state, host_id))
        case events.VmCopyDisregarded(host_id=host_id):
            copies = (
                attrs.evolve(each, is_disregarded=each.is_disregarded or each.host_id == host_id)
                for each in state.copies
            )
            return attrs.evolve(state, copies=tuple(copies))
        case events.VmCopyKept(host_id=host_id):
            return _kept(state, host_id)
        case events.VmGuestReported():
            boot_id = event.report.boot_id or state.boot_id
            return attrs.evolve(state, guest=event.report, guest_silent_since=None, boot_id=boot_id)
        case events.VmGuestSilent():
            return attrs.evolve(state, guest=None, guest_silent_since=event.since)
    return state


def _copies_elsewhere(state: VmState, host_id: str) -> tuple[Copy, ...]:
    return tuple(each for each in state.copies if each.host_id != host_id)


def _kept(state: VmState, host_id: str) -> VmState:
    kept, before = next(each for each in state.copies if each.host_id == host_id), state.run
    assert before is not None
    return attrs.evolve(
        state,
        runs=(Run(host_id=host_id, step=StepId.parse(kept.started_step_id)),),
        copies=(*_copies_elsewhere(state, host_id), Copy(host_id=before.host_id, started_step_id=str(before.step))),
        guest=None,
    )


def _at_rest(state: VmState, at: datetime.datetime) -> VmState:
    """The VM is down: what waited for its next start becomes the configuration."""
    return attrs.evolve(state, stopped_at=at, vm=state.next_run or state.vm, next_run=None)
