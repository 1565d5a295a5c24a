"""What happened to a storage domain: each event carries what `actors/storage/domain/evolve.py` needs."""

from __future__ import annotations

import attrs

from protocol.activity.operation import EntityEvent
from protocol.message import message
from protocol.storage.model import StorageDomain


@attrs.frozen(kw_only=True)
class StorageDomainEvent(EntityEvent):
    """Base."""


@message("storage_domain.added")
@attrs.frozen(kw_only=True)
class StorageDomainAdded(StorageDomainEvent):
    """It is recorded and locked; its host is about to be asked for its directory."""

    storage_domain: StorageDomain


@message("storage_domain.activated")
@attrs.frozen(kw_only=True)
class StorageDomainActivated(StorageDomainEvent):
    """Its host reaches it and can write."""

    available_bytes: int
    used_bytes: int
    committed_bytes: int = 0


@message("storage_domain.space_changed")
@attrs.frozen(kw_only=True)
class StorageDomainSpaceChanged(StorageDomainEvent):
    """By more than is worth keeping quiet about."""

    available_bytes: int
    used_bytes: int
    committed_bytes: int = 0


@message("storage_domain.deactivated")
@attrs.frozen(kw_only=True)
class StorageDomainDeactivated(StorageDomainEvent):
    """It cannot be reached or written now."""

    reason: str


@message("storage_domain.updated")
@attrs.frozen(kw_only=True)
class StorageDomainUpdated(StorageDomainEvent):
    storage_domain: StorageDomain


@message("storage_domain.remove_requested")
@attrs.frozen(kw_only=True)
class StorageDomainRemoveRequested(StorageDomainEvent):
    """It takes no new disk; what was on its way to it becomes durable before it is looked at again."""


@message("storage_domain.operation_progressed")
@attrs.frozen(kw_only=True)
class StorageDomainOperationProgressed(StorageDomainEvent):
    """A step ended and another began."""


@message("storage_domain.remove_abandoned")
@attrs.frozen(kw_only=True)
class StorageDomainRemoveAbandoned(StorageDomainEvent):
    """A disk came to it after all."""

    reason: str


@message("storage_domain.removed")
@attrs.frozen(kw_only=True)
class StorageDomainRemoved(StorageDomainEvent):
    """The last event of its life; with the outcome *rolled_back* it never came to be."""
