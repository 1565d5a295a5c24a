"""Every operation on a template by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.storage.template.operations.import_template import IMPORT
from actors.storage.template.operations.record import TemplateOperation
from actors.storage.template.operations.remove import REMOVE

OPERATIONS: Final[Mapping[str, TemplateOperation]] = {IMPORT.kind: IMPORT, REMOVE.kind: REMOVE}
