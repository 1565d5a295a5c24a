"""The shell around a pure entity: hand the message to decide, evolve at once, act when the journal says durable.

It must not hold a rule of any entity. A commit that fails or is unknown makes the actor go back to its durable row.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import Any, ClassVar, Final

import attrs

from actors.entity.decision import CancelTimer, Decision, SetTimer, Tell, ToNode
from actors.entity.messages import CommitFailed, Crash, TimerFired, Wake
from actors.entity.services import Services
from actors.entity.transaction import Standing, transaction_of
from actors.journal.writer import Durable, Failed
from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Answer, Envelope
from actors.kernel.ref import ActorGone, MailboxFull
from protocol.codec import decode
from protocol.engine_messages import Accepted
from protocol.errors import CorralError, Refusal
from protocol.message import Message, message_type
from protocol.node_messages import ForgetSteps, NodeCommand, ReportNow

go_on_seconds: Final = 1.0
"""Pause, on average, between falling back to the durable state and going on from it."""


class DurableActor(Actor):
    """Base of the actors of VMs, hosts, disks, ... A room sets `kind` and gives `decide`, `evolve` and `project`."""

    kind: ClassVar[str]

    def __init__(self, context: Context, services: Services, id: str) -> None:
        super().__init__(context)
        self.services = services
        self.id = id
        self._standing = Standing()
        self._in_flight = 0
        self._ended = False
        self._goes_on_later = False
        self._behind: list[tuple[Decision, Envelope | None]] = []
        self._timers: dict[str, int] = {}  # the number of the one that counts, by name
        self._timers_set = 0
        self._waiting: dict[str, Envelope] = {}  # by token: who is answered when the Answer has been decided

    @property
    def state(self) -> Any:
        """As it was decided last, durable or not yet; None when there is no such entity."""
        return self._standing.state

    # --- what a room gives ---------------------------------------------------------------------------------------

    def decide(self, message: Message, envelope: Envelope) -> Decision:
        """Calls the room's pure decide with the facts it needs."""
        raise NotImplementedError

    def evolve(self, state: Any, event: Message) -> Any:
        """The room's pure evolve; returns None when the entity is gone."""
        raise NotImplementedError

    def project(self, state: Any) -> Message:
        """The public document of a state."""
        raise NotImplementedError

    def name_of(self, state: Any) -> str | None:
        """The name to keep unique, None for none."""
        return None

    def parent_of(self, state: Any) -> str | None:
        """Within which names are unique."""
        return ""

    def recovered(self) -> Decision:
        """What to do when an incarnation starts on an existing state."""
        return Decision()

    # --- the loop ------------------------------------------------------------------------------------------------

    async def started(self) -> None:
        """Begins where the journal stands, once it is known what became of the last incarnation's commits."""
        await self.services.in_flight.settled(self.kind, self.id)
        self.reload()
        if self.state is not None:
            self.carry_out(self.recovered(), None)

    async def stopping(self) -> None:
        self._ended = True

    def reload(self) -> None:
        """Back to what the journal holds."""
        row = self.services.rows.row(self.kind, self.id)
        self._standing = Standing(state=decode(row.state), version=row.version) if row else Standing()

    @property
    def now(self) -> datetime.datetime:
        return self.context.ports.clock.wall()

    async def receive(self, envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, CommitFailed):
            self._fall_back(message)
            return
        if isinstance(message, Wake):
            self._wake()
            return
        if isinstance(message, TimerFired) and self._timers.get(message.name) != message.number:
            return
        if isinstance(message, Crash):
            raise RuntimeError(f"{self.context.address}: crashed on request")
        target: Envelope | None = envelope
        if isinstance(message, Answer):
            target = self._waiting.pop(message.token, None)
        self.carry_out(self.decide(message, envelope), target)

    def carry_out(self, decision: Decision, envelope: Envelope | None) -> None:
        """Evolves and commits; effects and reply follow when durable, or at once when nothing changed."""
        if decision.reply_token:
            envelope = self._waiting.pop(decision.reply_token, None)
        for effect in decision.effects:
            if isinstance(effect, Tell) and effect.token and envelope is not None and decision.reply is None:
                self._waiting[effect.token] = envelope
        if not decision.events and not decision.audit:
            if self._in_flight:  # it rests on a state that is not durable yet, and must not be said before that is
                self._behind.append((decision, envelope))
            else:
                self._act(decision, envelope, 0)
            return
        transaction, self._standing = transaction_of(self, self._standing, decision, self.now, self._job_version)
        self._in_flight += 1
        self.services.in_flight.begin(self.kind, self.id)
        if envelope is not None and decision.reply is not None:
            envelope.hand_over()  # the journal's answer is its answer, whatever becomes of this incarnation

        def done(result: Durable | Failed) -> None:
            self._in_flight -= 1
            self.services.in_flight.end(self.kind, self.id)
            if isinstance(result, Failed):
                self._refused(result, envelope)
                return
            self.services.rows.confirm(transaction)
            if self._ended:  # the reply is owed; the rest is the next incarnation's, which waits for this
                self._reply(decision, envelope, result.last_sequence)
                return
            self._act(decision, envelope, result.last_sequence)
            if not self._in_flight:
                behind, self._behind = self._behind, []
                for waiting, its_envelope in behind:
                    self._act(waiting, its_envelope, 0)

        self.services.writer.submit(transaction, done)

    def _job_version(self, id: str) -> int:
        row = self.services.rows.row("job", id)
        return row.version if row else 0

    def _refused(self, result: Failed, envelope: Envelope | None) -> None:
        behind, self._behind = self._behind, []
        for each in (envelope, *(waiting for _, waiting in behind)):
            if each is not None and each.is_awaited:
                self.context.reply(each, result.refusal)
        if self._ended:
            return
        if not self._in_flight:
            self.reload()  # here and not with the message: what is read before it must not rest on what never was
        with contextlib.suppress(ActorGone, MailboxFull):
            self.context.ref.tell(CommitFailed(refusal=result.refusal, version=self._standing.version))

    def _fall_back(self, message: CommitFailed) -> None:
        if self._in_flight:
            return  # the last of those in flight falls back
        self.context.log.warning("commit failed, going back to the durable state", reason=message.refusal.reason)
        self.reload()
        if self.state is None:
            self.context.stop_self()
        else:
            self._go_on_soon()

    def _go_on_soon(self) -> None:
        if not self._goes_on_later:
            self._goes_on_later = True
            self.context.spawn(self._go_on_later)

    async def _go_on_later(self) -> None:
        """Goes on after a pause. To go on at once would ask a node for the outcome that the database has just refused
        to take, and be asked to store it again: as fast as the wire allows, for as long as the database is away."""
        seconds = go_on_seconds * self.context.ports.random.uniform(0.5, 1.5)
        await self.context.ports.clock.sleep(seconds)
        self._goes_on_later = False
        self.context.ref.tell(Wake())

    def _wake(self) -> None:
        """Goes on from the durable row; later, while something newer of this incarnation is in flight, which need not
        be what would go on."""
        if self._in_flight:
            self._go_on_soon()
            return
        self.reload()
        if self.state is not None:
            self.carry_out(self.recovered(), None)

    def _reply(self, decision: Decision, envelope: Envelope | None, sequence: int) -> None:
        if decision.reply is not None and envelope is not None:
            reply = decision.reply
            if isinstance(reply, Accepted) and sequence:
                reply = attrs.evolve(reply, sequence=sequence)
            self.context.reply(envelope, reply)

    def _act(self, decision: Decision, envelope: Envelope | None, sequence: int) -> None:
        self._reply(decision, envelope, sequence)
        for effect in decision.effects:
            match effect:
                case Tell():
                    self._tell(effect)
                case ToNode():
                    message = effect.message
                    if isinstance(message, NodeCommand | ForgetSteps | ReportNow):
                        message = attrs.evolve(message, epoch=self.services.epoch())
                    self.services.nodes.send(effect.host_id, message)
                case SetTimer():
                    self._set_timer(effect)
                case CancelTimer():
                    self._timers.pop(effect.name, None)
        if self.state is None and not self._in_flight and not self._waiting:
            self.context.stop_self()

    def _tell(self, effect: Tell) -> None:
        kind, _, id = effect.address.partition("/")
        ref = self.services.ensure(kind, id)
        if ref is None:
            if effect.token:
                gone = Refusal(code="not_found", reason=f"{effect.address} does not exist.", status=404)
                self.context.ref.owe(Answer(token=effect.token, body=gone), message_type(effect.message).priority, "")
            return
        try:
            if effect.token:
                ref.tell(effect.message, reply_to=self.context.ref, token=effect.token)
            else:
                ref.tell(effect.message)
        except (MailboxFull, ActorGone) as error:
            self.undelivered(effect, error)

    def undelivered(self, effect: Tell, error: CorralError) -> None:
        """The receiver had no room, or ended: who asked for an answer gets that one; what was told goes on after a
        pause from the durable state, as after a crash. The decision's other effects are not lost with it."""
        self.context.log.warning("not delivered", receiver=effect.address, reason=str(error))
        if effect.token:
            self.context.ref.owe(
                Answer(token=effect.token, body=error.refusal), message_type(effect.message).priority, ""
            )
        else:
            self._go_on_soon()

    def _set_timer(self, timer: SetTimer) -> None:
        self._timers_set += 1  # never the number of one that was cancelled: its task sleeps on, and would fire for this
        number = self._timers[timer.name] = self._timers_set
        self.context.spawn(self._run_timer, timer, number)

    async def _run_timer(self, timer: SetTimer, number: int) -> None:
        await self.context.ports.clock.sleep(timer.seconds)
        if self._timers.get(timer.name) == number:
            self.context.ref.tell(TimerFired(name=timer.name, number=number))
