"""Which event moves a template from which status to which.

`locked` is owned by the operation in the template's state and ends with its last disk.
"""

from __future__ import annotations

from typing import Final

from actors.entity.transitions import ABSENT, STAY, transitions
from protocol.template import events

TRANSITIONS: Final = transitions(
    (ABSENT, events.TemplateAdded, ("locked", "ok")),
    ("locked", events.TemplateOperationProgressed, STAY),
    ("locked", events.TemplateReady, "ok"),
    ("ok", events.TemplateUpdated, STAY),
    (frozenset({"ok", "illegal"}), events.TemplateRemoveRequested, "locked"),
    ("locked", events.TemplateRemoveFailed, ("illegal", "ok")),
    ("locked", events.TemplateRemoved, ABSENT),
)
