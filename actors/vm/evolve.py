"""Folds a VM's events into its state. It must not decide: every event is already true."""

from __future__ import annotations

from typing import Any

import attrs

from actors.lifecycle.vm_table import NEW, next_status
from actors.vm.state import VmState
from protocol.events import vm as events
from protocol.events.operation import Operation


def evolve(state: VmState | None, event: Any) -> VmState | None:
    """The state after `event`; None after the last one."""
    if isinstance(event, events.VmRemoved):
        return None
    if state is None:
        assert isinstance(event, events.VmAdded), f"first event is {type(event).__name__}"
        return VmState(vm=event.vm, status=next_status(NEW, event), operation=event.operation)
    status = next_status(state.status, event)
    changed: dict[str, Any] = {"status": status, "operation": _operation(state.operation, event)}
    match event:
        case events.VmUpdated():
            changed.update(vm=event.vm, next_run=event.next_run)
        case events.VmNicsChanged():
            changed["vm"] = attrs.evolve(state.vm, nics=event.nics)
        case events.VmDisksChanged():
            changed["vm"] = attrs.evolve(state.vm, disk_attachments=event.disk_attachments)
        case events.VmStartRequested():
            assert event.operation is not None
            changed.update(
                desired="up", host_id=event.host_id, run=event.spec, run_once=event.run_once, stop_reason="",
                start_step_id=event.operation.steps[-1].id, started_at=event.at, guest=None, guest_silent_since=None,
                boot_id="",
            )  # fmt: skip
        case events.VmRestoreRequested():
            assert event.operation is not None
            changed.update(
                desired="up", host_id=event.host_id, run=event.spec, start_step_id=event.operation.steps[-1].id,
                started_at=event.at,
            )  # fmt: skip
        case events.VmStartFailed():
            changed.update(host_id="", run=None, run_once=False, start_step_id="", stop_reason=event.reason)
            if status == "down":
                changed.update(desired="down", stopped_at=event.at, **_next_run(state))
            else:
                changed["desired"] = "suspended"
        case events.VmRestored():
            changed["saved_on"] = ""
        case events.VmShutdownRequested() | events.VmStopRequested():
            changed.update(desired="down", stop_reason=event.reason)
        case events.VmShutdownIgnored():
            changed["desired"] = "up"
        case events.VmSuspendRequested():
            changed.update(desired="suspended", saved_on=event.storage_domain_id)
        case events.VmSuspendFailed():
            changed.update(desired="up", saved_on="")
        case events.VmSuspended():
            changed.update(desired="suspended", host_id="", run=None, start_step_id="", stopped_at=event.at, guest=None)
        case events.VmWentDown():
            changed.update(
                desired="down", host_id="", run=None, run_once=False, start_step_id="", stopped_at=event.at,
                stop_reason=event.reason or state.stop_reason, guest=None, guest_silent_since=None, saved_on="",
                **_next_run(state),
            )  # fmt: skip
        case events.VmRebooted():
            changed.update(guest=None, guest_silent_since=None)
        case events.VmPaused():
            changed["pause_reason"] = event.reason
        case events.VmResumed():
            changed["pause_reason"] = ""
        case events.VmGuestReported():
            changed.update(
                guest=event.report, guest_silent_since=None, boot_id=event.report.boot_id or state.boot_id
            )  # fmt: skip
        case events.VmGuestSilent():
            changed.update(guest=None, guest_silent_since=event.since)
    return attrs.evolve(state, **changed)


def _operation(before: Operation | None, event: Any) -> Operation | None:
    if event.ended is not None:
        return None
    return event.operation or before


def _next_run(state: VmState) -> dict[str, Any]:
    """What waited for the next start becomes the configuration when the VM is down."""
    return {"vm": state.next_run, "next_run": None} if state.next_run else {}
