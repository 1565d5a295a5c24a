"""Which event moves a storage domain from which status to which.

`locked` is owned by the operation *add* and ends with the host's outcome; `detaching` by *remove*, which ends by itself.
"""

from __future__ import annotations

from typing import Final

from actors.entity.transitions import ABSENT, STAY, transitions
from protocol.storage import domain_events as events

USABLE: Final = frozenset({"active", "inactive"})

TRANSITIONS: Final = transitions(
    (ABSENT, events.StorageDomainAdded, "locked"),
    (frozenset({"locked", "inactive"}), events.StorageDomainActivated, "active"),
    ("active", events.StorageDomainSpaceChanged, STAY),
    (USABLE, events.StorageDomainDeactivated, "inactive"),  # inactive already: for another reason
    (USABLE, events.StorageDomainUpdated, STAY),
    (USABLE, events.StorageDomainRemoveRequested, "detaching"),
    ("detaching", events.StorageDomainOperationProgressed, STAY),
    ("detaching", events.StorageDomainRemoveAbandoned, "inactive"),
    (frozenset({"locked", "detaching"}), events.StorageDomainRemoved, ABSENT),
)
