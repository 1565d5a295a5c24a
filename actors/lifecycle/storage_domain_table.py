"""The legal transitions of a storage domain's status, as data. It must not say why one is taken.

`locked` is owned by the operation *add* and ends with the host's outcome; `detaching` by *remove*, which ends by itself.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle.illegal import IllegalTransition
from protocol.events.storage_domain import (
    StorageDomainActivated,
    StorageDomainAdded,
    StorageDomainDeactivated,
    StorageDomainEvent,
    StorageDomainOperationProgressed,
    StorageDomainRemoveAbandoned,
    StorageDomainRemoved,
    StorageDomainRemoveRequested,
    StorageDomainSpaceChanged,
    StorageDomainUpdated,
)

absent: Final = ""

TRANSITIONS: Final[dict[tuple[str, type[StorageDomainEvent]], str]] = {
    (absent, StorageDomainAdded): "locked",
    ("locked", StorageDomainActivated): "active",
    ("locked", StorageDomainRemoved): absent,
    ("inactive", StorageDomainActivated): "active",
    ("active", StorageDomainSpaceChanged): "active",
    ("active", StorageDomainDeactivated): "inactive",
    ("inactive", StorageDomainDeactivated): "inactive",  # for another reason
    ("active", StorageDomainUpdated): "active",
    ("inactive", StorageDomainUpdated): "inactive",
    ("active", StorageDomainRemoveRequested): "detaching",
    ("inactive", StorageDomainRemoveRequested): "detaching",
    ("detaching", StorageDomainOperationProgressed): "detaching",
    ("detaching", StorageDomainRemoveAbandoned): "inactive",
    ("detaching", StorageDomainRemoved): absent,
}


def status_after(status: str, event: StorageDomainEvent) -> str:
    """The status after an event. Raises `IllegalTransition`."""
    after = TRANSITIONS.get((status, type(event)))
    if after is None:
        raise IllegalTransition(f"{type(event).__name__} while the storage domain is {status or 'absent'}")
    return after
