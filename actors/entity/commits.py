"""What an actor has decided, from the decision to the journal's answer.

confirmed  the entity's row, as the journal holds it
in flight  commits that the journal has not answered; the next decision rests on them already
held       decisions without a commit of their own, that rest on what is in flight and wait for it

When the last commit in flight has landed, what is held happens. When one is refused, what is held is refused with it, and
the actor goes back to what is confirmed.
"""

from __future__ import annotations

import datetime
from typing import Generic, Protocol

import attrs

from actors.entity.decision import Decision, Effect, Tell, with_digest
from actors.entity.messages import CommandRequest
from actors.entity.services import Services
from actors.entity.transaction import EventT, Room, Standing, StateT, outcome_of, transaction_of
from actors.journal.port import CommandRepeated, Transaction
from actors.journal.writer import Durable, Failed
from actors.kernel.envelope import Envelope
from protocol.codec import decode
from protocol.errors import Refusal


@attrs.frozen
class Decided:
    """A decision, and who asked for it. `release` follows in any case."""

    decision: Decision
    envelope: Envelope | None = None
    release: Tell | None = None


class Owner(Room[StateT, EventT], Protocol[StateT, EventT]):
    """The actor: what it says of its entity, and what it does when the journal has answered."""

    states: type[StateT]

    @property
    def now(self) -> datetime.datetime: ...

    def act(self, decided: Decided, sequence: int) -> None:
        """It is durable: reply, answers, effects. `sequence`: the last journal row that it wrote, 0 for none."""

    def reply(self, decided: Decided, sequence: int) -> None:
        """It is durable, and this incarnation has ended: the reply is owed, the rest is the next one's."""

    def refuse(self, decided: Decided, refusal: Refusal) -> None:
        """It never was: whoever waits for it hears why."""

    def perform(self, effect: Effect) -> None: ...

    def taken_back(self, refusal: Refusal) -> None:
        """Something that was decided never was: the actor is to fall back and to go on from there."""


class Commits(Generic[StateT, EventT]):
    """Those of one incarnation. `standing` is the entity as it was decided last, durable or not yet."""

    def __init__(self, owner: Owner[StateT, EventT], services: Services) -> None:
        self.standing: Standing[StateT] = Standing()
        self._owner = owner
        self._services = services
        self._entity = (owner.kind, owner.id)
        self._in_flight = 0
        self._held: list[Decided] = []
        self._has_ended = False

    @property
    def in_flight(self) -> int:
        """How many the journal has not answered."""
        return self._in_flight

    async def settled(self) -> None:
        """Returns when it is known what became of the last incarnation's commits."""
        await self._services.in_flight.settled(*self._entity)

    def end(self) -> None:
        """This incarnation has ended: what is in flight belongs to the next one, but for the replies."""
        self._has_ended = True

    def fall_back(self) -> None:
        """Back to what is confirmed."""
        row = self._services.rows.row(*self._entity)
        if row is None:
            self.standing = Standing()
            return
        state = decode(row.state)
        assert isinstance(state, self._owner.states), state
        self.standing = Standing(state=state, version=row.version)

    def take(self, decided: Decided) -> None:
        """Commits what the decision changes. One that changes nothing happens at once, unless it rests on a state that
        is not durable yet: it must not be said before that is."""
        if decided.decision.events or decided.decision.audit:
            self._commit(decided)
        elif self._in_flight:
            self._held.append(decided)
        else:
            self._say(decided)

    def _say(self, decided: Decided) -> None:
        """What changes nothing happens. The answer to a request with an idempotency key is kept first, so that no other
        request gets under that key; the same one may have kept it meanwhile."""
        envelope = decided.envelope
        kept = outcome_of(with_digest(decided.decision, envelope.message if envelope is not None else None))
        if kept is None or envelope is None or not isinstance(envelope.message, CommandRequest):
            self._owner.act(decided, 0)
            return
        envelope.hand_over()

        def done(result: Durable | Failed) -> None:
            if isinstance(result, Failed) and not isinstance(result.result, CommandRepeated):
                self._owner.refuse(decided, result.refusal)
                if decided.release is not None and not self._has_ended:
                    self._owner.perform(decided.release)
            elif self._has_ended:
                self._owner.reply(decided, 0)
            else:
                self._owner.act(decided, 0)

        self._services.writer.submit(Transaction(outcome=kept), done)

    def _commit(self, decided: Decided) -> None:
        envelope = decided.envelope
        transaction, self.standing = transaction_of(
            self._owner,
            self.standing,
            with_digest(decided.decision, envelope.message if envelope is not None else None),
            self._owner.now,
            self._job_version,
            envelope.correlation_id if envelope is not None else "",
            self._services.rows.assignments_of(*self._entity),
        )
        self._in_flight += 1
        self._services.in_flight.begin(*self._entity)
        if envelope is not None and decided.decision.reply is not None:
            envelope.hand_over()  # the journal's answer is its answer, whatever becomes of this incarnation

        def done(result: Durable | Failed) -> None:
            self._in_flight -= 1
            self._services.in_flight.end(*self._entity)
            if isinstance(result, Failed):
                self._refused(decided, result.refusal)
            else:
                self._landed(decided, transaction, result.last_sequence)

        self._services.writer.submit(transaction, done)

    def _job_version(self, id: str) -> int:
        row = self._services.rows.row("job", id)
        return row.version if row else 0

    def _landed(self, decided: Decided, transaction: Transaction, sequence: int) -> None:
        self._services.rows.confirm(transaction)
        if self._has_ended:
            self._owner.reply(decided, sequence)
            return
        self._owner.act(decided, sequence)
        if not self._in_flight:
            held, self._held = self._held, []
            for each in held:
                self._say(each)

    def _refused(self, decided: Decided, refusal: Refusal) -> None:
        held, self._held = self._held, []
        for each in (decided, *held):
            self._owner.refuse(each, refusal)
            if each.release is not None and not self._has_ended:
                self._owner.perform(each.release)
        if self._has_ended:
            return
        if not self._in_flight:
            self.fall_back()  # here and not with the message: what is read before it must not rest on what never was
        self._owner.taken_back(refusal)
