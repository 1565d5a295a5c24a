"""The storage domain's shell: facts in, decision out."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.storage.domain import decide as decisions
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import Facts
from protocol.events.storage_domain import StorageDomainEvent
from protocol.words import Tagged


class StorageDomainActor(DurableActor):
    """Address `storage_domain/<id>`."""

    kind = "storage_domain"

    @property
    def facts(self) -> Facts:
        return Facts(now=self.now, rows=self.services.rows, fresh_id=self.context.ports.ids.uuid())

    def decide(self, message: Tagged) -> Decision:
        return decisions.decide(self.id, self.state, message, self.facts)

    def evolve(self, state: Any, event: Tagged) -> StorageDomainState | None:
        assert isinstance(event, StorageDomainEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Tagged:
        assert isinstance(state, StorageDomainState)
        return state.domain

    def name_of(self, state: Any) -> str | None:
        assert isinstance(state, StorageDomainState)
        return state.domain.name

    def recovered(self) -> Decision:
        return decisions.recovered(self.state, self.facts)
