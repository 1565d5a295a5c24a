"""The state of a template after an event, by the transition table."""

from __future__ import annotations

import attrs

from actors.entity.transitions import ABSENT, status_after
from actors.storage.template.state import TemplateState
from actors.storage.template.transitions import TRANSITIONS
from protocol.template import events


def evolve(state: TemplateState | None, event: events.TemplateEvent) -> TemplateState | None:
    """None: the template is gone. Raises `IllegalTransition`."""
    after = status_after(TRANSITIONS, (state.template.status or "") if state else ABSENT, event)
    if after == ABSENT:
        return None
    if state is None:
        assert isinstance(event, events.TemplateAdded)
        template = attrs.evolve(event.template, status=after)
        return TemplateState(template=template, operation=event.operation, disk_ids=event.disk_ids)
    template = state.template
    match event:
        case events.TemplateReady(disk_attachments=attachments):
            template = attrs.evolve(template, disk_attachments=attachments)
        case events.TemplateUpdated(template=template):
            pass
    operation = None if event.ended else event.operation or state.operation
    return attrs.evolve(state, template=attrs.evolve(template, status=after), operation=operation)
