"""The template's shell: facts in, decision out."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.storage.facts import StorageDecisionFacts
from actors.storage.template import decide as decisions
from actors.storage.template.evolve import evolve
from actors.storage.template.state import TemplateState
from protocol.message import Message
from protocol.template.events import TemplateEvent


class TemplateActor(DurableActor):
    """Address `template/<id>`."""

    kind = "template"

    def decide(self, message: Message) -> Decision:
        return decisions.decide(
            self.id, self.state, message, StorageDecisionFacts(now=self.now, rows=self.services.rows)
        )

    def evolve(self, state: Any, event: Message) -> TemplateState | None:
        assert isinstance(event, TemplateEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        assert isinstance(state, TemplateState)
        return state.template

    def name_of(self, state: Any) -> str | None:
        assert isinstance(state, TemplateState)
        return state.template.name

    def recovered(self) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(self.state)


TEMPLATE = EntityKind(kind="template", actor=TemplateActor)
