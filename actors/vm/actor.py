"""The VM's shell: facts in, decision out, one command at a time between question and answer.

It must not hold a rule: those are in `decide` and what it names.
"""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.messages import CommandRequest
from actors.kernel.envelope import Envelope
from actors.vm import decide as decisions
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts, still_pending
from actors.vm.project import project
from actors.vm.resend import recovered
from actors.vm.state import VmState
from protocol.commands.vm import SetVmTicket
from protocol.events.vm import VmEvent
from protocol.message import Message


class VmActor(DurableActor):
    """Address `vm/<id>`."""

    kind = "vm"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pending: CommandRequest | None = None
        self._fresh_secret = ""

    @property
    def facts(self) -> VmDecisionFacts:
        return VmDecisionFacts(
            now=self.now,
            rows=self.services.rows,
            pending=self._pending,
            fresh_secret=self._fresh_secret,
            guest_up_timeout_seconds=self.services.guest_up_timeout_seconds,
            shutdown_timeout_seconds=self.services.shutdown_timeout_seconds,
        )

    def decide(self, message: Message, envelope: Envelope) -> Decision:
        state: VmState | None = self.state
        if isinstance(message, CommandRequest) and isinstance(message.command, SetVmTicket):
            self._fresh_secret = self.context.ports.ids.token()
        decision = decisions.decide(self.id, state, message, self.facts)
        self._fresh_secret = ""
        self._pending = still_pending(self._pending, message, decision)
        return decision

    def evolve(self, state: Any, event: Message) -> VmState | None:
        assert isinstance(event, VmEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        return project(state)

    def name_of(self, state: Any) -> str | None:
        return str(state.vm.name)

    def recovered(self) -> Decision:
        return recovered(self.state, self.facts)
