"""The VM's shell: facts in, decision out."""

from __future__ import annotations

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.kind import EntityKind
from actors.entity.messages import CommandRequest
from actors.vm import decide as decisions
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts
from actors.vm.project import project
from actors.vm.state import VmState
from protocol.document import Document
from protocol.message import Message
from protocol.vm.commands import SetVmTicket
from protocol.vm.events import VmEvent


class VmActor(DurableActor[VmState, VmEvent]):
    """Address `vm/<id>`."""

    kind = "vm"
    states = VmState
    events = VmEvent

    def facts(self, fresh_secret: str = "") -> VmDecisionFacts:
        return VmDecisionFacts(
            now=self.now,
            rows=self.services.rows,
            pending=self.pending,
            fresh_secret=fresh_secret,
            guest_up_timeout_seconds=self.services.guest_up_timeout_seconds,
            shutdown_timeout_seconds=self.services.shutdown_timeout_seconds,
        )

    def decide(self, message: Message) -> Decision:
        needs_secret = isinstance(message, CommandRequest) and isinstance(message.command, SetVmTicket)
        secret = self.context.ports.ids.token() if needs_secret else ""
        return decisions.decide(self.id, self.state, message, self.facts(secret))

    def evolve(self, state: VmState | None, event: VmEvent) -> VmState | None:
        return evolve(state, event)

    def project(self, state: VmState) -> Document:
        return project(state)

    def name_of(self, state: VmState) -> str | None:
        return state.vm.name

    def recovered(self, state: VmState) -> Decision:
        return decisions.recovered(state, self.facts())


VM = EntityKind(kind="vm", actor=VmActor)
