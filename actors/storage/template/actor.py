"""The template's shell: facts in, decision out."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.storage.facts import StorageDecisionFacts
from actors.storage.template import decide as decisions
from actors.storage.template.evolve import evolve
from actors.storage.template.state import TemplateState
from protocol.document import Document
from protocol.message import Message
from protocol.template.events import TemplateEvent


class TemplateActor(DurableActor[TemplateState, TemplateEvent]):
    """Address `template/<id>`."""

    kind = "template"
    states = TemplateState
    events = TemplateEvent

    def decide(self, message: Message) -> Decision:
        return decisions.decide(
            self.id, self.state, message, StorageDecisionFacts(now=self.now, rows=self.services.rows)
        )

    def evolve(self, state: TemplateState | None, event: TemplateEvent) -> TemplateState | None:
        return evolve(state, event)

    def project(self, state: TemplateState) -> Document:
        return state.template

    def name_of(self, state: TemplateState) -> str | None:
        return state.template.name

    def recovered(self, state: TemplateState) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(state)


TEMPLATE = EntityKind(kind="template", actor=TemplateActor)
