"""Every operation on a template by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.entity.operation_record import OperationRecord
from actors.storage.facts import StorageDecisionFacts
from actors.storage.template.operations.import_template import IMPORT
from actors.storage.template.operations.remove import REMOVE
from actors.storage.template.state import TemplateState

OPERATIONS: Final[Mapping[str, OperationRecord[TemplateState, StorageDecisionFacts]]] = {
    IMPORT.kind: IMPORT,
    REMOVE.kind: REMOVE,
}
