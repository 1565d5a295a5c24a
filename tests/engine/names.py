"""Ids that a test can say: one for each name."""

from __future__ import annotations

import uuid


def named_id(name: str) -> str:
    """The same id for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))
