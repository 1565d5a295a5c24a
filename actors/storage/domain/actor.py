"""The storage domain's shell: facts in, decision out."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.storage.domain import decide as decisions
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts
from protocol.message import Message
from protocol.storage.domain_events import StorageDomainEvent


class StorageDomainActor(DurableActor):
    """Address `storage_domain/<id>`."""

    kind = "storage_domain"

    @property
    def facts(self) -> StorageDecisionFacts:
        return StorageDecisionFacts(now=self.now, rows=self.services.rows, fresh_id=self.context.ports.ids.uuid())

    def decide(self, message: Message) -> Decision:
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
        return decisions.recovered(self.state, self.facts)


STORAGE_DOMAIN = EntityKind(kind="storage_domain", actor=StorageDomainActor)
