"""What a template does next: finds who decides on each message."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity import checks
from actors.entity.commanded import commanded
from actors.entity.decision import Decision, accept, line_by, refuse
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation_record import CommandRecord, sent_again, step_answered
from actors.entity.refusals import busy
from actors.kernel.envelope import Answer
from actors.storage.facts import StorageDecisionFacts, accepted
from actors.storage.template.operations import OPERATIONS, import_template
from actors.storage.template.state import TemplateState, blank_id
from protocol.document import id_of
from protocol.errors import NotLegal, Refusal
from protocol.inventory.model import Cluster
from protocol.merge import merge
from protocol.message import Message
from protocol.refusals import invalid, name_taken, not_found
from protocol.template import events
from protocol.template.commands import ImportTemplate, UpdateTemplate
from protocol.template.model import Template

not_changeable: Final = frozenset({"id", "nics", "disk_attachments"})


def decide(id: str, state: TemplateState | None, message: Message, facts: StorageDecisionFacts) -> Decision:
    """`state` is None while there is none. Raises `NotImplementedError` for a message that is not a template's."""
    match message:
        case CommandRequest(command=ImportTemplate() as command):
            return import_template.add(state, message, command, facts)
        case CommandRequest():
            return commanded(f"template/{id}", OPERATIONS, CHANGES, state, message, facts)
        case Answer(token=token, body=body):
            return step_answered(OPERATIONS, state, token, body, facts)
        case TimerFired():
            return again(state)
    raise NotImplementedError(f"template/{id} got {type(message).__name__}")


def again(state: TemplateState | None) -> Decision:
    """The step under way once more."""
    return Decision(effects=sent_again(OPERATIONS, state))


def update(state: TemplateState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Everything but its disks and NICs. Legal while no operation runs; never for Blank."""
    command = request.command
    assert isinstance(command, UpdateTemplate)
    assert isinstance(command.document, Template)
    if refusal := _update_refusal(state, command.document, facts):
        return refuse(refusal)
    template = merge(state.template, attrs.evolve(command.document, **dict.fromkeys(not_changeable)))
    reply = accepted("template", request, template)
    if template == state.template:
        return Decision(reply=reply)
    said = line_by(request.principal, "template_updated", template=state.id, name=template.name or "")
    event = events.TemplateUpdated(at=facts.now, template=template)
    return accept(reply, Decision(events=(event,), audit=(said,)))


def _update_refusal(state: TemplateState, document: Template, facts: StorageDecisionFacts) -> Refusal | None:
    if state.id == blank_id:
        remedy = "Say at the VM what is to differ."
        return NotLegal("The template Blank cannot be changed.", remedy=remedy, entity=state.address).refusal
    if refusal := busy(state, "update"):
        return refusal
    if refusal := checks.values(document) or checks.time_zone(document.time_zone):
        return refusal
    if document.cluster is not None and facts.rows.get(Cluster, document.cluster) is None:
        return not_found("cluster", id_of(document.cluster), field="cluster")
    for name in ("nics", "disk_attachments"):
        value = getattr(document, name)
        if value is not None and value != getattr(state.template, name):
            return invalid(name, f"The {name} of a template cannot be changed.", "Leave them out.")
    if document.name is None or document.name == state.template.name:
        return None
    if facts.rows.named(Template, document.name):
        return name_taken("template", document.name)
    return checks.name("template", document.name)


CHANGES: Final = (CommandRecord[TemplateState, StorageDecisionFacts](begun_by=UpdateTemplate, request=update),)
"""What is decided at once, without an operation."""
