"""Every operation on a disk by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.storage.disk.operations.make import MAKES
from actors.storage.disk.operations.phases import DiskOperation
from actors.storage.disk.operations.remove import REMOVE
from actors.storage.disk.operations.resize import RESIZE

OPERATIONS: Final[Mapping[str, DiskOperation]] = {**MAKES, RESIZE.kind: RESIZE, REMOVE.kind: REMOVE}
