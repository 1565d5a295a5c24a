"""Every operation on a storage domain by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.entity.operation_record import OperationRecord
from actors.storage.domain.operations.add import ADD
from actors.storage.domain.operations.remove import REMOVE
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts

OPERATIONS: Final[Mapping[str, OperationRecord[StorageDomainState, StorageDecisionFacts]]] = {
    ADD.kind: ADD,
    REMOVE.kind: REMOVE,
}
