"""The disk's shell: facts in, decision out."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.storage.disk import decide as decisions
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import Facts
from protocol.events.disk import DiskEvent
from protocol.words import Tagged


class DiskActor(DurableActor):
    """Address `disk/<id>`."""

    kind = "disk"

    def decide(self, message: Tagged) -> Decision:
        return decisions.decide(self.id, self.state, message, Facts(now=self.now, rows=self.services.rows))

    def evolve(self, state: Any, event: Tagged) -> DiskState | None:
        assert isinstance(event, DiskEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Tagged:
        assert isinstance(state, DiskState)
        return state.disk

    def recovered(self) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(self.state)
