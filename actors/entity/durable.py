"""The shell around a pure entity: hand the message to decide, evolve at once, act when the journal says durable.

A commit that fails or is unknown makes the actor go back to its durable row.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import ClassVar, Final, Generic

import attrs

from actors.entity.command_queue import AskedCommand, CommandQueue
from actors.entity.decision import NOTHING, CancelTimer, Decision, Effect, SetTimer, Tell, rehearsed, with_digest
from actors.entity.messages import CommandRequest, CommitFailed, Crash, TimerFired, Wake
from actors.entity.services import Services
from actors.entity.timers import Timers
from actors.entity.to_node import to_node
from actors.entity.transaction import EventT, Standing, StateT, outcome_of, transaction_of
from actors.journal.port import CommandRepeated, Transaction
from actors.journal.writer import Durable, Failed
from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Answer, Envelope
from actors.kernel.ref import ActorGone, MailboxFull
from protocol.codec import decode
from protocol.document import Document, kind_and_id
from protocol.errors import CorralError, Refusal, Unavailable
from protocol.live.engine import Accepted
from protocol.message import Message, message_type
from protocol.refusals import not_found

go_on_seconds: Final = 1.0
"""Pause, on average, between falling back to the durable state and going on from it."""


class DurableActor(Actor, Generic[StateT, EventT]):
    """Base of the actors of VMs, hosts, disks, ... A room sets `kind` and the classes of its states and events, and
    gives `decide`, `evolve` and `project`."""

    kind: ClassVar[str]
    states: type[StateT]
    events: type[EventT]

    def __init__(self, context: Context, services: Services, id: str) -> None:
        super().__init__(context)
        self.services = services
        self.id = id
        self._standing: Standing[StateT] = Standing()
        self._in_flight = 0
        self._ended = False
        self._goes_on_later = False
        self._behind: list[tuple[Decision, Envelope | None, Tell | None]] = []
        self.timers = Timers(context)
        self.pending: CommandRequest | None = None  # while its answer is decided: the command that waited for it
        self._commands = CommandQueue()
        self._kept: dict[str, list[Envelope]] = {}  # who waits for a later answer, by key

    @property
    def state(self) -> StateT | None:
        """As it was decided last, durable or not yet; None when there is no such entity."""
        return self._standing.state

    # --- what a room gives ---------------------------------------------------------------------------------------

    def decide(self, message: Message) -> Decision:
        """Calls the room's pure decide with the facts it needs."""
        raise NotImplementedError

    def evolve(self, state: StateT | None, event: EventT) -> StateT | None:
        """The room's pure evolve; returns None when the entity is gone."""
        raise NotImplementedError

    def project(self, state: StateT) -> Document:
        """The public document of a state."""
        raise NotImplementedError

    def name_of(self, state: StateT) -> str | None:
        """The name to keep unique, None for none."""
        return None

    def parent_of(self, state: StateT) -> str | None:
        """Within which names are unique."""
        return ""

    def recovered(self, state: StateT) -> Decision:
        """What to do when an incarnation starts on an existing state."""
        return NOTHING

    # --- the loop ------------------------------------------------------------------------------------------------

    async def started(self) -> None:
        """Begins where the journal stands, once it is known what became of the last incarnation's commits."""
        await self.services.in_flight.settled(self.kind, self.id)
        self.reload()
        if self.state is not None:
            self.carry_out(self.recovered(self.state), None)

    async def stopping(self) -> None:
        self._ended = True

    def reload(self) -> None:
        """Back to what the journal holds."""
        row = self.services.rows.row(self.kind, self.id)
        if row is None:
            self._standing = Standing()
            return
        state = decode(row.state)
        assert isinstance(state, self.states), state
        self._standing = Standing(state=state, version=row.version)

    @property
    def now(self) -> datetime.datetime:
        return self.context.ports.clock.wall()

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case CommitFailed() as failed:
                self._fall_back(failed)
            case Wake():
                self._wake()
            case TimerFired() as fired if not self.timers.counts(fired):
                return
            case Crash():
                raise RuntimeError(f"{self.context.address}: crashed on request")
            case CommandRequest() as request:
                self._take_command(envelope, request)
            case Answer(token=token) as answer if (command := self._commands.answered(token)) is not None:
                self.pending = command.request
                decision = self.decide(answer)
                self.pending = None
                self._conclude(decision, command)
                self._decide_commands()
            case message:
                self.carry_out(self.decide(message), envelope)

    # --- commands ------------------------------------------------------------------------------------------------

    def _take_command(self, envelope: Envelope, request: CommandRequest) -> None:
        if self._commands.add(request, envelope):
            self._decide_commands()
        else:
            full = Unavailable(f"{self.context.address} has more commands than it can queue.", remedy="Try again.")
            self.context.reply(envelope, full.refusal)

    def _decide_commands(self) -> None:
        """Each command that may be decided now, in order."""
        while (command := self._commands.next()) is not None:
            self._conclude(self.decide(command.request), command)

    def _conclude(self, decision: Decision, command: AskedCommand) -> None:
        """A command is decided, or has a question first. A dry run is made one here, whatever the command."""
        if command.request.dry_run:
            decision = rehearsed(decision)
        if decision.question is not None:
            self._commands.wait(command, decision.question)
        self.carry_out(decision, command.envelope, command.release)

    # --- carrying out --------------------------------------------------------------------------------------------

    def carry_out(self, decision: Decision, envelope: Envelope | None, release: Tell | None = None) -> None:
        """Evolves and commits; effects and replies follow when durable, or at once when nothing changed. `release`
        follows in any case."""
        if decision.keep and envelope is not None and envelope.is_awaited:
            self._kept.setdefault(decision.keep, []).append(envelope)
        decision = with_digest(decision, envelope.message if envelope is not None else None)
        if not decision.events and not decision.audit:
            if self._in_flight:  # it rests on a state that is not durable yet, and must not be said before that is
                self._behind.append((decision, envelope, release))
            else:
                self._say(decision, envelope, release)
            return
        correlation = envelope.correlation_id if envelope is not None else ""
        transaction, self._standing = transaction_of(
            self,
            self._standing,
            decision,
            self.now,
            self._job_version,
            correlation,
            self.services.rows.assignments_of(self.kind, self.id),
        )
        self._in_flight += 1
        self.services.in_flight.begin(self.kind, self.id)
        if envelope is not None and decision.reply is not None:
            envelope.hand_over()  # the journal's answer is its answer, whatever becomes of this incarnation

        def done(result: Durable | Failed) -> None:
            self._in_flight -= 1
            self.services.in_flight.end(self.kind, self.id)
            if isinstance(result, Failed):
                self._refused(result, decision, envelope, release)
                return
            self.services.rows.confirm(transaction)
            if self._ended:  # the reply is owed; the rest is the next incarnation's, which waits for this
                self._reply(decision, envelope, result.last_sequence)
                return
            self._act(decision, envelope, result.last_sequence, release)
            if not self._in_flight:
                behind, self._behind = self._behind, []
                for waiting, asker, held in behind:
                    self._say(waiting, asker, held)

        self.services.writer.submit(transaction, done)

    def _say(self, decision: Decision, envelope: Envelope | None, release: Tell | None) -> None:
        """What changes nothing. The answer to a request with an idempotency key is kept first, so that no other request
        gets under that key; the same one may have kept it meanwhile."""
        kept = outcome_of(decision)
        if kept is None or envelope is None or not isinstance(envelope.message, CommandRequest):
            self._act(decision, envelope, 0, release)
            return
        envelope.hand_over()

        def done(result: Durable | Failed) -> None:
            if isinstance(result, Failed) and not isinstance(result.result, CommandRepeated):
                said = attrs.evolve(decision, reply=result.refusal)
                self._reply(said, envelope, 0)
                if release is not None and not self._ended:
                    self._tell(release)
            elif self._ended:
                self._reply(decision, envelope, 0)
            else:
                self._act(decision, envelope, 0, release)

        self.services.writer.submit(Transaction(outcome=kept), done)

    def _job_version(self, id: str) -> int:
        row = self.services.rows.row("job", id)
        return row.version if row else 0

    def _refused(self, result: Failed, decision: Decision, envelope: Envelope | None, release: Tell | None) -> None:
        behind, self._behind = self._behind, []
        for waiting, asker, held in ((decision, envelope, release), *behind):
            kept = self._kept.pop(waiting.keep, []) if waiting.keep else []
            for each in (asker, *kept):
                if each is not None and each.is_awaited:
                    self.context.reply(each, result.refusal)
            if held is not None and not self._ended:
                self._tell(held)
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
            self.carry_out(self.recovered(self.state), None)

    def _reply(self, decision: Decision, envelope: Envelope | None, sequence: int) -> None:
        if decision.reply is not None and envelope is not None:
            reply = decision.reply
            if isinstance(reply, Accepted) and sequence:
                reply = attrs.evolve(reply, sequence=sequence)
            self.context.reply(envelope, reply)

    def _act(self, decision: Decision, envelope: Envelope | None, sequence: int, release: Tell | None = None) -> None:
        self._reply(decision, envelope, sequence)
        for key, answer in decision.answers:
            for kept in self._kept.pop(key, ()):
                if kept.is_awaited:
                    self.context.reply(kept, answer)
        for effect in decision.effects:
            self.perform(effect)
        if decision.question is not None:
            self._tell(decision.question.ask)
        if release is not None:
            self._tell(release)
        if self.state is None and not (self._in_flight or self._commands.waiting or self._kept):
            self.context.stop_self()

    def perform(self, effect: Effect) -> None:
        """One effect, after what it rests on is durable. A room with effects of its own extends this."""
        match effect:
            case Tell():
                self._tell(effect)
            case SetTimer():
                self.timers.set(effect)
            case CancelTimer(name=name):
                self.timers.cancel(name)
            case _ if (sent := to_node(effect, self.services.epoch())) is not None:
                self.services.nodes.send(*sent)
            case _:
                raise NotImplementedError(f"{self.context.address} cannot perform {type(effect).__name__}")

    def _tell(self, effect: Tell) -> None:
        kind, id = kind_and_id(effect.address)
        ref = self.services.ensure(kind, id)
        if ref is None:
            if effect.token:
                self._answer_for(effect, not_found(kind, id))
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
            self._answer_for(effect, error.refusal)
        else:
            self._go_on_soon()

    def _answer_for(self, effect: Tell, refusal: Refusal) -> None:
        """The answer to what was asked of an actor that cannot give one."""
        self.context.ref.owe(Answer(token=effect.token, body=refusal), message_type(effect.message).priority, "")
