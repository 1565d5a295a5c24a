"""The disk's shell: facts in, decision out. It must not hold a rule."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.kernel.envelope import Envelope
from actors.storage.disk import decide as decisions
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from actors.storage.waiting import WaitingActor
from protocol.events.disk import DiskEvent
from protocol.message import Message


class DiskActor(WaitingActor):
    """Address `disk/<id>`."""

    kind = "disk"

    def decide(self, message: Message, envelope: Envelope) -> Decision:
        return decisions.decide(
            self.id, self.state, message, StorageDecisionFacts(now=self.now, rows=self.services.rows)
        )

    def evolve(self, state: Any, event: Message) -> DiskState | None:
        assert isinstance(event, DiskEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        assert isinstance(state, DiskState)
        return state.disk

    def recovered(self) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(self.state)
