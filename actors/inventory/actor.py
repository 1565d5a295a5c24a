"""One actor for all entities without behaviour: decides one command at a time, on what is durable.

While a transaction is on its way the next command waits, so that no decision rests on what may still fail.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

import attrs

from actors.entity.decision import Decision, rehearsed, with_digest
from actors.entity.messages import CommandRequest, Crash
from actors.entity.services import Services
from actors.inventory.data_center import due_changes
from actors.inventory.decide import decide
from actors.inventory.facts import InventoryDecision, InventoryDecisionFacts
from actors.inventory.rows import transaction_of
from actors.journal.port import CommandOutcome, CommandRepeated
from actors.journal.writer import Durable, Failed
from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from protocol import limits
from protocol.codec import encode
from protocol.document import Document, kind_and_id
from protocol.errors import Unavailable
from protocol.live.engine import Accepted
from protocol.message import Message, WhenFull, message

address = "inventory/main"


@message("inventory.status_may_have_changed", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StatusMayHaveChanged(Message):
    """To itself: something changed from which a status follows."""


def inventory(services: Services) -> Callable[[Context], Actor]:
    """The factory of `inventory/main`. From now on changes of storage are told to whoever is there."""

    def observe(kind: str, id: str, document: Document | None) -> None:
        if kind != "storage_domain":
            return
        ref = services.ensure(*kind_and_id(address))
        if ref is not None:
            with contextlib.suppress(ActorGone, MailboxFull):
                ref.tell(StatusMayHaveChanged())

    services.rows.observe(observe)
    return lambda context: InventoryActor(context, services)


class InventoryActor(Actor):
    """Answers `CommandRequest` with `Accepted` or a refusal."""

    def __init__(self, context: Context, services: Services) -> None:
        super().__init__(context)
        self._services = services
        self._waiting: deque[Envelope] = deque()
        self._is_writing = False
        self._look_again = False
        self._has_ended = False

    async def started(self) -> None:
        """Decides on what is durable once it is known what became of the last incarnation's commits."""
        await self._services.in_flight.settled(*kind_and_id(address))
        self._follow()

    async def stopping(self) -> None:
        self._has_ended = True

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case CommandRequest():
                if len(self._waiting) >= limits.mailbox_messages_max:
                    full = Unavailable("The inventory has more to do than it can queue.", remedy="Try again.")
                    self.context.reply(envelope, full.refusal)
                    return
                self._waiting.append(envelope)
            case StatusMayHaveChanged():
                self._look_again = True
            case Crash():
                raise RuntimeError(f"{self.context.address}: crashed on request")
            case other:
                raise NotImplementedError(f"{self.context.address} got {type(other).__name__}")
        self._go_on()

    def _go_on(self) -> None:
        """The next thing to do, unless a transaction is on its way."""
        while not self._is_writing and not self._has_ended and (self._waiting or self._look_again):
            if self._waiting:
                self._answer(self._waiting.popleft())
            else:
                self._follow()

    def _answer(self, envelope: Envelope) -> None:
        request = envelope.message
        assert isinstance(request, CommandRequest)
        ports = self.context.ports
        facts = InventoryDecisionFacts(now=ports.clock.wall(), rows=self._services.rows, fresh_id=ports.ids.uuid)
        decision = decide(request, facts)
        if request.dry_run:
            decision = rehearsed(decision)
        self.carry_out(with_digest(decision, request), envelope)

    def _follow(self) -> None:
        """Statuses that follow from what others did."""
        self._look_again = False
        changes = due_changes(self._services.rows, self.context.ports.clock.wall())
        if changes:
            self.carry_out(InventoryDecision(changes=changes), None)

    def carry_out(self, decision: Decision, envelope: Envelope | None) -> None:
        """Commits what the decision changes, or what is kept of it; the reply follows when that is durable, or at once when
        there is nothing."""
        if isinstance(decision, InventoryDecision) or decision.audit or decision.outcome is not None:
            self._write(decision, envelope)
        elif envelope is not None and decision.reply is not None:
            self.context.reply(envelope, decision.reply)

    def _write(self, decision: Decision, envelope: Envelope | None) -> None:
        kept = decision.outcome
        request = envelope.message if envelope is not None else None
        transaction = transaction_of(
            decision.changes if isinstance(decision, InventoryDecision) else (),
            self.context.ports.clock.wall(),
            correlation_id=request.correlation_id if isinstance(request, CommandRequest) else "",
            audit=decision.audit,
            outcome=CommandOutcome(kept.command_id, encode(kept)) if kept is not None else None,
        )
        self._is_writing = True
        self._services.in_flight.begin(*kind_and_id(address))
        if envelope is not None:
            envelope.hand_over()  # the journal's answer is its answer, whatever becomes of this incarnation

        def done(result: Durable | Failed) -> None:
            self._is_writing = False
            self._services.in_flight.end(*kind_and_id(address))
            if isinstance(result, Durable):
                self._services.rows.confirm(transaction)
            if envelope is not None:
                self.context.reply(envelope, _reply(decision, result))
            self._go_on()

        self._services.writer.submit(transaction, done)


def _reply(decision: Decision, result: Durable | Failed) -> Message:
    reply = decision.reply
    assert reply is not None
    if isinstance(result, Failed):
        changes_nothing = not isinstance(decision, InventoryDecision) and not decision.audit
        is_kept = isinstance(result.result, CommandRepeated)  # the same request kept it meanwhile
        return reply if changes_nothing and is_kept else result.refusal
    return attrs.evolve(reply, sequence=result.last_sequence) if isinstance(reply, Accepted) else reply
