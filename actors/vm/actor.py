"""The VM's shell: facts in, decision out, one command at a time between question and answer.

It must not hold a rule: those are in `decide` and what it names.
"""

from __future__ import annotations

from typing import Any

from actors.entity.decision import Decision, SetTimer
from actors.entity.durable import DurableActor
from actors.entity.messages import CommandRequest
from actors.kernel.envelope import Answer, Envelope
from actors.vm import decide as decisions
from actors.vm import power, power_done
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts
from actors.vm.project import project
from actors.vm.resend import resend
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
        if isinstance(message, CommandRequest) and decision.reply is None and not decision.events and decision.effects:
            self._pending = message
        elif (
            isinstance(message, Answer)
            and self._pending is not None
            and message.token.endswith(self._pending.command_id)
        ):
            self._pending = None
        return decision

    def evolve(self, state: Any, event: Message) -> VmState | None:
        assert isinstance(event, VmEvent)
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        return project(state)

    def name_of(self, state: Any) -> str | None:
        return str(state.vm.name)

    def recovered(self) -> Decision:
        """Go on with the operation under way, and set the timers of transient statuses anew."""
        state: VmState = self.state
        again = resend(state)
        timers: tuple[SetTimer, ...] = ()
        if state.status == "powering_up":
            timers = (power_done.guest_up_timer(self.facts),)
        elif power.works_elsewhere(state):
            timers = (power.resend_timer(),)
        elif power_done.is_waiting_for_guest(state):
            timers = (power_done.waiting_timer(state, self.facts),)
        return Decision(effects=(*again.effects, *timers))
