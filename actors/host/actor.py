"""The host's shell: hears its node, passes what it says to whom it concerns, keeps the silent timer."""

from __future__ import annotations

from typing import Final, Protocol

from actors.entity.decision import AcknowledgeStopped, Decision, Effect, Tell
from actors.entity.durable import DurableActor
from actors.entity.host_signals import (
    DomainSeen,
    GuestHeard,
    GuestLost,
    StepAdvanced,
    StepDeclined,
    StepOutcome,
    StorageSeen,
)
from actors.entity.kind import EntityKind
from actors.entity.services import Services
from actors.host import gate, liveness
from actors.host.decide import decide
from actors.host.evolve import evolve, project
from actors.host.facts import HostDecisionFacts
from actors.host.messages import FromNode, IssueToken, NodeLinked, NodeUnlinked
from actors.host.samples import sample
from actors.host.state import HostState
from actors.kernel.actor import Context
from actors.kernel.envelope import Envelope
from protocol.activity.audit import line
from protocol.activity.operation import StepId
from protocol.api import Ticket
from protocol.document import Document, kind_and_id
from protocol.errors import CorralError, Refusal
from protocol.host.events import HostEvent
from protocol.live.engine import Accepted, TicketReply
from protocol.message import Message, Priority, message_type
from protocol.node.commands import ConsoleData
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import (
    DomainChanged,
    DomainsSnapshot,
    GuestReport,
    GuestSilent,
    HostFacts,
    StatisticsBatch,
    StepDone,
    StepNotTried,
    StepProgress,
    StorageFacts,
)

TOKEN_SECONDS = 3600


class Enroller(Protocol):
    """Makes one-time tokens."""

    async def issue_token(self, host_id: str, lifetime_seconds: float = TOKEN_SECONDS) -> str: ...


class ConsoleSink(Protocol):
    """Takes what serial consoles say."""

    def received(self, host_id: str, data: ConsoleData) -> None: ...


ASK_HOSTS: Final = frozenset({"vm", "disk", "storage_domain"})
"""Kinds that give steps to hosts. What a node says of a step of any other would crash who gets it."""


class HostActor(DurableActor[HostState, HostEvent]):
    """Address `host/<id>`."""

    kind = "host"
    states = HostState
    events = HostEvent

    def __init__(
        self, context: Context, services: Services, id: str, enroller: Enroller, consoles: ConsoleSink
    ) -> None:
        super().__init__(context, services, id)
        self._enroller = enroller
        self._consoles = consoles
        self._session = ""
        self._strange_steps = 0
        self._disbelieved = 0
        self._is_deaf = False
        self._pace = gate.Pace()
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
        if isinstance(message, FromNode):
            if message.session_id == self._session and not self._is_deaf:
                self._heard(message.message)
            return
        if isinstance(message, NodeLinked):
            if message.renewal_only:
                return
            self._session = message.session_id
            self._strange_steps = self._disbelieved = 0
            self._is_deaf = False
        elif isinstance(message, NodeUnlinked):
            if message.session_id != self._session:
                return
            self._session = ""
            self._last_batch = None
        await super().receive(envelope)

    def _heard(self, message: Message) -> None:
        """What a node says, through the gate to whom it concerns."""
        if not self._pace.allows(message, self.now.timestamp()):
            self._end_link("it reports more than the engine can keep")
            return
        if isinstance(message, StatisticsBatch):
            mine = gate.own_statistics(message, self.id, self.services.rows)
            self.services.publish(sample(self.id, self._last_batch, mine))
            self._last_batch = mine
            return
        if isinstance(message, DomainsSnapshot) and len(message.domains) > gate.items_max:
            self._end_link("it reports more domains than a host may run")  # what is not in a report does not run there
            return
        message = gate.bounded(message)
        if address := gate.misplaced(message, self.id, self.services.rows):
            self._not_believed(address)
            return
        match message:
            case HostFacts() | DomainsSnapshot():
                self.carry_out(self.decide(message), None)
            case StepDone(step_id=text, result=result):
                self._outcome(text, result)
            case StepNotTried(step_id=text, reason=reason):
                self._declined(text, reason)
            case StepProgress(step_id=text, percent=percent):
                step = self._own_step(text)
                if step is not None:
                    self._pass_on(step.owner, StepAdvanced(host_id=self.id, step=step, percent=percent))
            case DomainChanged():
                self._domain_changed(message)
            case GuestReport():
                self._pass_on(f"vm/{message.vm_id}", GuestHeard(host_id=self.id, report=message))
            case GuestSilent():
                self._pass_on(f"vm/{message.vm_id}", GuestLost(host_id=self.id, since=message.since))
            case StorageFacts():
                self._pass_on(
                    f"storage_domain/{message.storage_domain_id}", StorageSeen(host_id=self.id, facts=message)
                )
            case ConsoleData():
                self._consoles.received(self.id, message)

    def _not_believed(self, address: str) -> None:
        """Said once in a session: a node must not be able to fill the audit trail."""
        self._disbelieved += 1
        if self._disbelieved == 1:
            name = self.services.rows.name_of("host", self.id)
            self.carry_out(Decision(audit=(line("host_not_believed", host=self.id, name=name, object=address),)), None)

    def _end_link(self, reason: str) -> None:
        name = self.services.rows.name_of("host", self.id)
        self.carry_out(Decision(audit=(line("host_cut_off", host=self.id, name=name, reason=reason),)), None)
        self._is_deaf = True  # to what it has sent already
        self.services.nodes.disconnect(self.id, reason)

    def _outcome(self, text: str, result: Message) -> None:
        """An outcome of a step that was this host's. Any other is acknowledged, so that the node stops, and goes no
        further."""
        step = self._own_step(text)
        if self._is_deaf:
            return
        if step is None or not self._pass_on(step.owner, StepOutcome(host_id=self.id, step=step, result=result)):
            self._acknowledge(text)

    def _declined(self, text: str, reason: Refusal) -> None:
        step = self._own_step(text)
        if step is not None:
            self.context.log.info("step not tried", step=text, reason=str(reason))
            self._pass_on(step.owner, StepDeclined(host_id=self.id, step=step))

    def _own_step(self, text: str) -> StepId | None:
        try:
            step = StepId.parse(text)
        except ValueError:
            self._end_link(f"it reported {text[:120]!r}, which is no step")
            return None
        if step.host == self.id and kind_and_id(step.owner)[0] in ASK_HOSTS:
            return step
        self._strange_steps += 1
        if self._strange_steps == 1:  # once in a session: a node must not be able to fill the audit trail
            name = self.services.rows.name_of("host", self.id)
            said = line("strange_step", host=self.id, name=name, step=repr(text[:120]))
            self.carry_out(Decision(audit=(said,)), None)
        return None

    def _domain_changed(self, message: DomainChanged) -> None:
        seen = DomainSeen(
            host_id=self.id,
            domain=message.domain,
            stopped=message.stopped,
            detail=message.detail,
            rebooted=message.rebooted,
        )
        if not self._pass_on(f"vm/{message.domain.vm_id}", seen) and message.stopped is not None:
            self._acknowledge(stopped_receipt(message))

    def _pass_on(self, address: str, message: Message) -> bool:
        """False: there is no such object, so nobody will acknowledge what its node would report for ever."""
        kind, id = kind_and_id(address)
        if self.services.rows.row(kind, id) is None:
            return False
        self.carry_out(Decision(effects=(Tell(address=address, message=message),)), None)
        return True

    def _acknowledge(self, receipt: str) -> None:
        self.carry_out(Decision(effects=(AcknowledgeStopped(host_id=self.id, receipt=receipt),)), None)

    def undelivered(self, effect: Tell, error: CorralError) -> None:
        """A node says what matters once in a session: a new one brings again what found no room."""
        if message_type(effect.message).priority is Priority.CONTROL:
            super().undelivered(effect, error)
            self.services.nodes.disconnect(self.id, str(error))

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, IssueToken):
            self.context.spawn(self._issue_token, effect)
        else:
            super().perform(effect)

    async def _issue_token(self, effect: IssueToken) -> None:
        token = await self._enroller.issue_token(self.id)
        result = TicketReply(ticket=Ticket(value=token, expiry=TOKEN_SECONDS))
        reply = Accepted(kind="host", id=self.id, command_id=effect.command_id, result=result)
        self.carry_out(Decision(answers=((effect.command_id, reply),)), None)

    def decide(self, message: Message) -> Decision:
        return decide(self.id, self.state, message, self.facts)

    def evolve(self, state: HostState | None, event: HostEvent) -> HostState | None:
        return evolve(state, event)

    def project(self, state: HostState) -> Document:
        return project(state)

    def name_of(self, state: HostState) -> str | None:
        return state.host.name

    def recovered(self, state: HostState) -> Decision:
        return liveness.recovered(state, self.facts)


def host_kind(enroller: Enroller, consoles: ConsoleSink) -> EntityKind:
    """Each host has an actor from the engine's start on: it must notice when its node stays silent."""
    return EntityKind(
        kind="host",
        actor=lambda context, services, key: HostActor(context, services, key, enroller, consoles),
        always_awake=True,
    )
