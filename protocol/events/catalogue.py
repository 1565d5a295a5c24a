"""What happened to an entity without behaviour: each event bears the whole document, so the last one is the state.

It must not tell kinds apart: the document does.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.message import Message, message


@attrs.frozen(kw_only=True)
class CatalogueEvent(Message):
    at: datetime.datetime


@message("catalogue.added")
@attrs.frozen(kw_only=True)
class EntityAdded(CatalogueEvent):
    document: Message


@message("catalogue.updated")
@attrs.frozen(kw_only=True)
class EntityUpdated(CatalogueEvent):
    """Someone changed it, or its status follows from something else that changed."""

    document: Message


@message("catalogue.removed")
@attrs.frozen(kw_only=True)
class EntityRemoved(CatalogueEvent):
    pass
