"""The state of a disk after an event, by the transition table."""

from __future__ import annotations

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.storage.disk.state import DiskState
from actors.storage.disk.transitions import TRANSITIONS
from protocol.document import Ref
from protocol.storage import disk_events as events
from protocol.storage.model import Disk


def evolve(state: DiskState | None, event: events.DiskEvent) -> DiskState | None:
    """None: the disk is gone. Raises `IllegalTransition`."""
    after = status_after(TRANSITIONS, state.status if state else ABSENT, event)
    if after == ABSENT:
        return None
    if state is None:
        assert isinstance(event, events.DiskAdded)
        return DiskState(disk=attrs.evolve(event.disk, status=after), operation=event.operation)
    operation = None if event.ended else event.operation or state.operation
    state = attrs.evolve(state, operation=operation)
    return _with_status(_apply(state, event), after)


def _apply(state: DiskState, event: events.DiskEvent) -> DiskState:
    match event:
        case events.DiskReady(provisioned_bytes=size, actual_bytes=actual):
            return _with_sizes(state, size, actual)
        case events.DiskResized(size_bytes=size, actual_bytes=actual):
            return _with_sizes(state, size, actual)
        case events.DiskUpdated(disk=disk):
            return attrs.evolve(state, disk=disk)
        case events.DiskAttached(vm_id=vm_id):
            return _with_vms(state, (*(id for id in state.vm_ids if id != vm_id), vm_id))
        case events.DiskDetached(vm_id=vm_id):
            return _with_vms(state, tuple(id for id in state.vm_ids if id != vm_id))
        case events.DiskBacked(child_id=child_id):
            others = tuple(id for id in state.children if id != child_id)
            return attrs.evolve(state, children=(*others, child_id))
        case events.DiskUnbacked(child_id=child_id):
            return attrs.evolve(state, children=tuple(id for id in state.children if id != child_id))
        case events.DiskRemoveRequested():
            return attrs.evolve(_with_vms(state, ()), problem="")
        case events.DiskRemoveFailed(reason=reason):
            return attrs.evolve(state, problem=reason)
    return state


def _with_status(state: DiskState, status: str) -> DiskState:
    return attrs.evolve(state, disk=attrs.evolve(state.disk, status=status))


def _with_sizes(state: DiskState, provisioned: int, actual: int) -> DiskState:
    disk: Disk = attrs.evolve(state.disk, provisioned_size=provisioned, actual_size=actual, total_size=actual)
    return attrs.evolve(state, disk=disk)


def _with_vms(state: DiskState, vm_ids: tuple[str, ...]) -> DiskState:
    return attrs.evolve(state, disk=attrs.evolve(state.disk, vms=tuple(Ref(id=id) for id in vm_ids)))
