"""Folds a VM's events into its state. Every event is already true."""

from __future__ import annotations

from typing import Any

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.vm.state import VmState
from actors.vm.transitions import TRANSITIONS
from protocol.activity.operation import Operation
from protocol.vm import events


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
    return attrs.evolve(state, **_changes(state, event))


def _operation(before: Operation | None, event: events.VmEvent) -> Operation | None:
    return None if event.ended is not None else event.operation or before


def _changes(state: VmState, event: events.VmEvent) -> dict[str, Any]:
    """What an event changes besides status, operation, where the VM runs and what is wanted."""
    match event:
        case events.VmUpdated():
            return {"vm": event.vm, "next_run": event.next_run}
        case events.VmNicsChanged():
            return {"vm": attrs.evolve(state.vm, nics=event.nics)}
        case events.VmDisksChanged():
            return {"vm": attrs.evolve(state.vm, disk_attachments=event.disk_attachments)}
        case events.VmStartRequested():
            return {
                "spec": event.spec, "started_at": event.at, "run_once": event.run_once, "stop_reason": "", "guest": None,
                "guest_silent_since": None, "boot_id": "",
            }  # fmt: skip
        case events.VmRestoreRequested():
            return {"spec": event.spec, "started_at": event.at}
        case events.VmStartFailed():
            gone = {"run_once": False, "stop_reason": event.reason}
            return {**gone, "stopped_at": event.at, **_next_run(state)} if state.status == "down" else gone
        case events.VmRestored():
            return {"saved_on": ""}
        case events.VmShutdownRequested() | events.VmStopRequested():
            return {"stop_reason": event.reason}
        case events.VmSuspendRequested():
            return {"saved_on": event.storage_domain_id}
        case events.VmSuspendFailed():
            return {"saved_on": ""}
        case events.VmSuspended():
            return {"stopped_at": event.at, "guest": None}
        case events.VmWentDown():
            return {
                "run_once": False, "stopped_at": event.at, "guest": None, "guest_silent_since": None,
                "stop_reason": event.reason or state.stop_reason, "saved_on": "", **_next_run(state),
            }  # fmt: skip
        case events.VmRebooted():
            return {"guest": None, "guest_silent_since": None}
        case events.VmPaused():
            return {"pause_reason": event.reason}
        case events.VmResumed():
            return {"pause_reason": ""}
        case events.VmSideStepBegun():
            return {"side_steps": (*state.side_steps, event.side_step)}
        case events.VmSideStepEnded():
            return {"side_steps": tuple(each for each in state.side_steps if each.id != event.step)}
        case events.VmGuestReported():
            return {
                "guest": event.report, "guest_silent_since": None, "boot_id": event.report.boot_id or state.boot_id,
            }  # fmt: skip
        case events.VmGuestSilent():
            return {"guest": None, "guest_silent_since": event.since}
    return {}


def _next_run(state: VmState) -> dict[str, Any]:
    """What waited for the next start becomes the configuration when the VM is down."""
    return {"vm": state.next_run, "next_run": None} if state.next_run else {}
