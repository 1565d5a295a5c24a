"""The state of a storage domain after an event, by the transition table."""

from __future__ import annotations

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.storage.domain.state import StorageDomainState
from actors.storage.domain.transitions import TRANSITIONS
from protocol.storage import domain_events as events


def evolve(state: StorageDomainState | None, event: events.StorageDomainEvent) -> StorageDomainState | None:
    """None: the storage domain is gone. Raises `IllegalTransition`."""
    after = status_after(TRANSITIONS, state.status if state else ABSENT, event)
    if after == ABSENT:
        return None
    if state is None:
        assert isinstance(event, events.StorageDomainAdded)
        return StorageDomainState(
            storage_domain=attrs.evolve(event.storage_domain, status=after), operation=event.operation
        )
    storage_domain, problem = state.storage_domain, state.problem
    match event:
        case events.StorageDomainActivated() | events.StorageDomainSpaceChanged():
            problem = ""
            storage_domain = attrs.evolve(
                storage_domain, available=event.available_bytes, used=event.used_bytes, committed=event.committed_bytes
            )
        case events.StorageDomainDeactivated(reason=reason) | events.StorageDomainRemoveAbandoned(reason=reason):
            problem = reason
        case events.StorageDomainUpdated(storage_domain=storage_domain):
            pass
    operation = None if event.ended else event.operation or state.operation
    return StorageDomainState(
        storage_domain=attrs.evolve(storage_domain, status=after), operation=operation, problem=problem
    )
