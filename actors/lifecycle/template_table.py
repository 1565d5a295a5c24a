"""The legal transitions of a template's status, as data. It must not say why one is taken.

`locked` is owned by the operation in the template's state and ends with its last disk.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle.illegal import IllegalTransition
from protocol.events.template import (
    TemplateAdded,
    TemplateEvent,
    TemplateOperationProgressed,
    TemplateReady,
    TemplateRemoved,
    TemplateRemoveFailed,
    TemplateRemoveRequested,
    TemplateUpdated,
)

absent: Final = ""

TRANSITIONS: Final[dict[tuple[str, type[TemplateEvent]], tuple[str, ...]]] = {
    (absent, TemplateAdded): ("locked", "ok"),  # ok when there is nothing to make
    ("locked", TemplateOperationProgressed): ("locked",),
    ("locked", TemplateReady): ("ok",),
    ("ok", TemplateUpdated): ("ok",),
    ("ok", TemplateRemoveRequested): ("locked",),
    ("illegal", TemplateRemoveRequested): ("locked",),
    ("locked", TemplateRemoveFailed): ("illegal", "ok"),  # ok when none of its disks went
    ("locked", TemplateRemoved): (absent,),
}


def status_after(status: str, event: TemplateEvent) -> str:
    """The status after an event. Raises `IllegalTransition`."""
    allowed = TRANSITIONS.get((status, type(event)))
    if allowed is None:
        raise IllegalTransition(f"{type(event).__name__} while the template is {status or 'absent'}")
    first = allowed[0]
    if isinstance(event, TemplateAdded) and event.operation is None:
        return "ok"
    if isinstance(event, TemplateRemoveFailed) and event.usable:
        return "ok"
    return first
