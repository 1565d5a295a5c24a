"""The storage domain's shell: facts in, decision out. It must not hold a rule."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.kernel.envelope import Envelope
from actors.storage.domain import decide as decisions
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts
from actors.storage.waiting import WaitingActor
from protocol.events.storage_domain import StorageDomainEvent
from protocol.message import Message


class StorageDomainActor(WaitingActor):
    """Address `storage_domain/<id>`."""

    kind = "storage_domain"

    @property
    def facts(self) -> StorageDecisionFacts:
        return StorageDecisionFacts(now=self.now, rows=self.services.rows, fresh_id=self.context.ports.ids.uuid())

    def decide(self, message: Message, envelope: Envelope) -> Decision:
        return decisions.decide(self.id, self.state, message, self.facts)

    def evolve(self, state: Any, event: Message) -> StorageDomainState | None:
        assert isinstance(event, StorageDomainEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        assert isinstance(state, StorageDomainState)
        return state.storage_domain

    def name_of(self, state: Any) -> str | None:
        assert isinstance(state, StorageDomainState)
        return state.storage_domain.name

    def recovered(self) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(self.state, self.facts)
