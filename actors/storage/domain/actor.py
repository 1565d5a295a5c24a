"""The storage domain's shell: facts in, decision out."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.storage.domain import decide as decisions
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts
from protocol.document import Document
from protocol.message import Message
from protocol.storage.domain_events import StorageDomainEvent


class StorageDomainActor(DurableActor[StorageDomainState, StorageDomainEvent]):
    """Address `storage_domain/<id>`."""

    kind = "storage_domain"
    states = StorageDomainState
    events = StorageDomainEvent

    @property
    def facts(self) -> StorageDecisionFacts:
        return StorageDecisionFacts(now=self.now, rows=self.services.rows, fresh_id=self.context.ports.ids.uuid())

    def decide(self, message: Message) -> Decision:
        return decisions.decide(self.id, self.state, message, self.facts)

    def evolve(self, state: StorageDomainState | None, event: StorageDomainEvent) -> StorageDomainState | None:
        return evolve(state, event)

    def project(self, state: StorageDomainState) -> Document:
        return state.storage_domain

    def name_of(self, state: StorageDomainState) -> str | None:
        return state.storage_domain.name

    def recovered(self, state: StorageDomainState) -> Decision:
        return decisions.recovered(state, self.facts)


STORAGE_DOMAIN = EntityKind(kind="storage_domain", actor=StorageDomainActor)
