"""The disk's shell: facts in, decision out."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.storage.disk import decide as decisions
from actors.storage.disk.evolve import evolve
from actors.storage.disk.state import DiskState
from actors.storage.facts import StorageDecisionFacts
from protocol.document import Document
from protocol.message import Message
from protocol.storage.disk_events import DiskEvent


class DiskActor(DurableActor[DiskState, DiskEvent]):
    """Address `disk/<id>`."""

    kind = "disk"
    states = DiskState
    events = DiskEvent

    def decide(self, message: Message) -> Decision:
        return decisions.decide(
            self.id, self.state, message, StorageDecisionFacts(now=self.now, rows=self.services.rows)
        )

    def evolve(self, state: DiskState | None, event: DiskEvent) -> DiskState | None:
        return evolve(state, event)

    def project(self, state: DiskState) -> Document:
        return state.disk

    def recovered(self, state: DiskState) -> Decision:
        """The step under way may never have left: it is sent again."""
        return decisions.again(state)


DISK = EntityKind(kind="disk", actor=DiskActor)
