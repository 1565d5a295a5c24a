"""What happened to an entity without behaviour. Each event carries the whole document, so the last one is the state."""

from __future__ import annotations

import datetime

import attrs

from protocol.message import Message, message


@attrs.frozen(kw_only=True)
class InventoryEvent(Message):
    at: datetime.datetime


@message("inventory.added")
@attrs.frozen(kw_only=True)
class EntityAdded(InventoryEvent):
    document: Message


@message("inventory.updated")
@attrs.frozen(kw_only=True)
class EntityUpdated(InventoryEvent):
    """Someone changed it, or its status follows from something else that changed."""

    document: Message


@message("inventory.removed")
@attrs.frozen(kw_only=True)
class EntityRemoved(InventoryEvent):
    pass
