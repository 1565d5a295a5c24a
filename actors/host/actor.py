"""The host's shell: hears its node, sorts what it says to whom it concerns, keeps the silent timer.

It must not hold a rule: those are in `decide` and what it names.
"""

from __future__ import annotations

from typing import Any, Protocol

from actors.entity.decision import Decision, SetTimer, Tell, ToNode
from actors.entity.durable import DurableActor
from actors.entity.messages import CommandRequest
from actors.host import liveness, maintenance
from actors.host.decide import decide
from actors.host.evolve import evolve, project
from actors.host.facts import HostDecisionFacts
from actors.host.messages import FromNode, NodeLinked, NodeUnlinked
from actors.host.samples import sample
from actors.host.signals import DomainSeen
from actors.host.state import HostState
from actors.kernel.actor import Context
from actors.kernel.envelope import Envelope
from actors.operations.operation import owner_of
from actors.vm.ticket import TicketReply
from protocol.commands.host import IssueEnrolmentToken
from protocol.engine_messages import Accepted
from protocol.errors import CorralError
from protocol.message import Message, Priority, message_type
from protocol.model.document import Ticket
from protocol.node_messages import (
    ConsoleData,
    DomainChanged,
    DomainsSnapshot,
    ForgetSteps,
    GuestReport,
    GuestSilent,
    HostFacts,
    StatisticsBatch,
    StepDone,
    StepProgress,
    StorageFacts,
)
from protocol.receipts import stopped_receipt

TOKEN_SECONDS = 3600


class Enroller(Protocol):
    """Makes one-time tokens."""

    async def issue_token(self, host_id: str, lifetime_seconds: float = TOKEN_SECONDS) -> str: ...


class ConsoleSink(Protocol):
    """Takes what serial consoles say."""

    def received(self, data: ConsoleData) -> None: ...


class HostActor(DurableActor):
    """Address `host/<id>`."""

    kind = "host"

    def __init__(self, context: Context, services: Any, id: str, enroller: Enroller, consoles: ConsoleSink) -> None:
        super().__init__(context, services, id)
        self._enroller = enroller
        self._consoles = consoles
        self._session = ""
        self._last_batch: StatisticsBatch | None = None

    @property
    def facts(self) -> HostDecisionFacts:
        return HostDecisionFacts(
            now=self.now,
            rows=self.services.rows,
            linked=self.services.nodes.linked(self.id),
            silent_after_seconds=self.services.silent_after_seconds,
        )

    async def started(self) -> None:
        """The link outlives a crash of this actor."""
        self._session = self.services.nodes.session_of(self.id)
        await super().started()

    async def receive(self, envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, CommandRequest) and isinstance(message.command, IssueEnrolmentToken) and self.state:
            self.context.spawn(self._issue_token, envelope, message)
            return
        if isinstance(message, FromNode):
            if message.session_id == self._session:
                self._heard(message.message)
            return
        if isinstance(message, NodeLinked):
            if message.renewal_only:
                return
            self._session = message.session_id
        elif isinstance(message, NodeUnlinked):
            if message.session_id != self._session:
                return
            self._session = ""
            self._last_batch = None
        await super().receive(envelope)

    def _heard(self, message: Message) -> None:
        """To whom a node's message belongs."""
        match message:
            case HostFacts() | DomainsSnapshot():
                self.carry_out(self.decide(message, Envelope(message)), None)
            case StepDone() | StepProgress():
                self._pass_on(owner_of(message.step_id), message)
            case DomainChanged():
                seen = DomainSeen(
                    host_id=self.id,
                    domain=message.domain,
                    stopped=message.stopped,
                    detail=message.detail,
                    rebooted=message.rebooted,
                )
                self._pass_on(f"vm/{message.domain.vm_id}", seen)
            case GuestReport() | GuestSilent():
                self._pass_on(f"vm/{message.vm_id}", message)
            case StorageFacts():
                self._pass_on(f"storage_domain/{message.storage_domain_id}", message)
            case StatisticsBatch():
                self.services.publish(sample(self.id, self._last_batch, message))
                self._last_batch = message
            case ConsoleData():
                self._consoles.received(message)

    def _pass_on(self, address: str, message: Message) -> None:
        kind, _, id = address.partition("/")
        if self.services.rows.row(kind, id) is None:
            self._forget(message)  # nothing of ours: what a removed object left behind is swept when the host reports
            return
        self.carry_out(Decision(effects=(Tell(address=address, message=message),)), None)

    def undelivered(self, effect: Tell, error: CorralError) -> None:
        """A node says what matters once in a session: a new one brings again what found no room."""
        if message_type(effect.message).priority is Priority.CONTROL:
            super().undelivered(effect, error)
            self.services.nodes.disconnect(self.id, str(error))

    def _forget(self, message: Message) -> None:
        """Nobody will acknowledge what a node says of an object that is gone, and the node would say it for ever."""
        if isinstance(message, StepDone):
            name = message.step_id
        elif isinstance(message, DomainSeen) and message.stopped is not None:
            name = stopped_receipt(DomainChanged(domain=message.domain, stopped=message.stopped))
        else:
            return
        forget = ToNode(host_id=self.id, message=ForgetSteps(epoch=0, step_ids=(name,)))
        self.carry_out(Decision(effects=(forget,)), None)

    async def _issue_token(self, envelope: Envelope, request: CommandRequest) -> None:
        token = await self._enroller.issue_token(self.id)
        result = TicketReply(ticket=Ticket(value=token, expiry=TOKEN_SECONDS))
        self.context.reply(envelope, Accepted(kind="host", id=self.id, command_id=request.command_id, result=result))

    def decide(self, message: Message, envelope: Envelope) -> Decision:
        return decide(self.id, self.state, message, self.facts)

    def evolve(self, state: Any, event: Message) -> HostState | None:
        return evolve(state, event)

    def project(self, state: Any) -> Message:
        return project(state)

    def name_of(self, state: Any) -> str | None:
        return str(state.host.name)

    def recovered(self) -> Decision:
        """After a restart of the engine the host has the silent period to come back; one that is linked is looked at
        soon, not at once, because the database that refused may still be away."""
        state: HostState = self.state
        timers = [SetTimer(name="silent", seconds=self.services.silent_after_seconds)]
        if self.services.nodes.linked(self.id):
            timers.append(SetTimer(name="linked", seconds=liveness.LINK_CHECK_SECONDS))
        if state.status == "preparing_for_maintenance":
            timers.append(SetTimer(name="emptied", seconds=maintenance.VM_GONE_CHECK_SECONDS))
        return Decision(effects=tuple(timers))
