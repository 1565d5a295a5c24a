"""Transcripts of an entity: given a life, when a message comes, then this whole decision and nothing else.

    up().when(StopVm(id=VM)).then(
        event(VmStopRequested, begins="stop", step="Powering off", desired="down"),
        to_node(DestroyDomain(vm_id=VM)),
        ...
        accepted(job=True), stored,
    )

The entity's own actor takes each message, over rows, a journal and nodes that only take note: what waits for another
actor, who is kept for a later answer and what a dry run leaves are production's doing. `then` compares the whole
decision with what is expected; see `expected.py` for the shorthands. A `when` that no `then` follows fails. `given` is
for set-up alone: it brings an entity into a state without looking at the decisions, which are looked at in transcripts
of their own.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine
from typing import Any, Self, cast

import attrs

from actors.entity.decision import Decision, RunStep, Tell, joined
from actors.entity.host_signals import StepOutcome
from actors.entity.ids import job_id_of, object_id_of
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation import current_step
from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.entity.transaction import Standing
from actors.journal.port import EntityRow
from actors.kernel.actor import Context
from actors.kernel.envelope import NOBODY_ASKED, WAITING, Answer, Envelope
from protocol.activity.operation import Operation, StepId
from protocol.codec import decode, encode
from protocol.command import Command
from protocol.live.engine import Principal
from protocol.message import Message
from tests.actors.backstage import NOW, FakeIncarnation, FakeJournal, FakeNodes, ports, somebody
from tests.actors.comparison import Expected, compare
from tests.actors.desk import desk

ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)
CORRELATION = "corr"

Given = Message | Callable[["Play"], Message]
"""A message, or what makes one from the play so far: `done(...)`, `answered(...)`."""


def command_id(number: int) -> str:
    """The id of a play's command, counted from 1."""
    return f"55555555-5555-4555-8555-{number:012d}"


def job_id(number: int) -> str:
    """The id of the job that the command of that number begins."""
    return job_id_of(command_id(number))


def object_id(number: int) -> str:
    """The id of the object that the command of that number adds."""
    return object_id_of(command_id(number))


class Play:
    """One entity's life. A room derives from it: which actor, and what of its world is not as usual."""

    shell: Any
    """The actor's class: what it decides goes through `carry_out`."""

    asking: tuple[type[Message], ...] = (CommandRequest,)
    """Messages whose sender waits for an answer."""

    def __init__(self, id: str, rows: Rows) -> None:
        self.id = id
        self.rows = rows
        self.now = NOW
        self.nodes = FakeNodes()
        self.before: Any = None  # the state before the last decision
        self.message: Message | None = None
        self.decision = Decision()
        self.decisions = 0  # how many times the shell carried out something of the last message
        self.journal: list[Message] = []
        self.asked: Message | None = None  # who gets the last decision's reply
        self.unanswered: list[Tell] = []
        self.sent: dict[StepId, RunStep] = {}
        self.commands = 0
        self._has_begun = False
        self._looked_at = False
        self.actor: Any = self._incarnate()

    # --- what a room may give ------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        return str(getattr(self.shell, "kind", ""))

    @property
    def context(self) -> Context:
        return Context(cast(Any, FakeIncarnation(f"{self.kind}/{self.id}")), ports(lambda: self.now), cast(Any, None))

    @property
    def services(self) -> Services:
        return Services(
            rows=self.rows, writer=FakeJournal(), nodes=self.nodes, ensure=lambda kind, key: somebody, epoch=lambda: 1,
            silent_after_seconds=20, guest_up_timeout_seconds=60, shutdown_timeout_seconds=300,
        )  # fmt: skip

    def made(self) -> Any:
        """A new incarnation of the actor."""
        return self.shell(self.context, self.services, self.id)

    def envelope(self, message: Message) -> Envelope:
        """As the message comes to the actor."""
        return Envelope(message, CORRELATION, WAITING if isinstance(message, self.asking) else NOBODY_ASKED)

    # --- the transcript ------------------------------------------------------------------------------------------

    def given(self, message: Given, **more: Any) -> Self:
        """Set-up: the message is decided, and what was decided is not looked at here."""
        assert not self._has_begun, "`given` comes before the first `when`"
        return self.happens(message, **more)

    def later(self, seconds: float) -> Self:
        """Time has passed, and no timer fired."""
        self.now += datetime.timedelta(seconds=seconds)
        return self

    def when(self, message: Given, **more: Any) -> Self:
        """The message is decided; `then` must follow. A user's command gets an id: `again` repeats the last one's."""
        self._begin(repr(message)[:200])
        self.happens(message, **more)
        return self._end()

    def when_restarted(self) -> Self:
        """The actor crashed, or the engine did: what it goes on with. `then` must follow."""
        self._begin("restarted")
        self.message, self.decisions, self.decision = None, 0, Decision()
        self.actor = self._incarnate()
        run(self.actor.started())
        return self._end()

    def then(self, *expected: Expected) -> Self:
        """The whole decision is this and nothing else; without arguments: nothing follows."""
        assert desk.open.pop(id(self), None) is not None, "`then` follows a `when`"
        compare(self, expected)
        return self

    def _begin(self, what: str) -> None:
        assert id(self) not in desk.open, f"no `then` follows when({desk.open[id(self)]})"
        self._has_begun = self._looked_at = True
        desk.open[id(self)] = what

    def _end(self) -> Self:
        self._looked_at = False
        return self

    # --- what the shell does -------------------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        return cast(Standing, self.actor.commits.standing)

    @standing.setter
    def standing(self, standing: Standing) -> None:
        self.actor.commits.standing = standing

    @property
    def state(self) -> Any:
        return getattr(self.actor, "state", None)

    @property
    def operation(self) -> Operation | None:
        return getattr(self.state, "operation", None)

    def happens(self, message: Given, **more: Any) -> Self:
        """The actor takes the message."""
        given = message if isinstance(message, Message) else message(self)
        self.message = self._request(given, **more) if isinstance(given, Command) else given
        if isinstance(given, TimerFired):  # it counts, even where nobody set it
            self.actor.timers.expect(given)
        self.decisions, self.decision, self.before = 0, Decision(), self.state
        run(self.actor.receive(self.envelope(self.message)))
        return self

    def _request(self, command: Command, *, again: bool = False, **more: Any) -> CommandRequest:
        self.commands += 0 if again else 1
        more.setdefault("correlation_id", CORRELATION)
        return CommandRequest(command_id=command_id(self.commands), principal=ADMIN, command=command, **more)

    def _incarnate(self) -> Any:
        """An actor whose decisions are looked at, and may be altered, before they are carried out."""
        actor = self.made()
        carry_out = actor.carry_out

        def watched(decision: Decision, envelope: Envelope | None, *release: Tell | None) -> None:
            decision = self.decided(decision, envelope)
            carry_out(decision, envelope, *release)
            self.carried_out(decision)

        actor.carry_out = watched
        return actor

    def decided(self, decision: Decision, envelope: Envelope | None) -> Decision:
        """Takes note of a decision that is about to be carried out."""
        if self._looked_at:
            for alter in desk.alter:
                decision = alter(len(desk.made), decision)
            desk.made.append(decision)
        self.decisions += 1
        if self.decisions > 1:  # the shell said more than one thing of the message
            assert not self._looked_at or not says_yes_or_no(decision), "another message is answered in this `when`"
            self.decision = joined(self.decision, decision)
            return decision
        self.decision, self.before = decision, self.state
        self.asked = envelope.message if envelope is not None and envelope.is_awaited else None
        return decision

    def carried_out(self, decision: Decision) -> None:
        """Takes note of what has left."""
        if decision.events:
            row = self.rows.row(self.kind, self.id)
            assert (decode(row.state) if row is not None else None) == self.state, "the state comes back as it is"
            self.journal += decision.events
        if decision.question is not None:
            self.unanswered.append(decision.question.ask)
        for effect in decision.effects:
            if isinstance(effect, Tell) and effect.token:
                self.unanswered.append(effect)
            elif isinstance(effect, RunStep):
                self.sent[effect.step] = effect

    # --- the world around it -------------------------------------------------------------------------------------

    def with_row(self, kind: str, document: Any) -> Self:
        """Another entity as it is durable now."""
        put(self.rows, kind, document)
        return self

    def without_row(self, kind: str, id: str) -> Self:
        self.rows.drop(kind, id)
        return self

    def folded(self) -> Any:
        """The state by the journal alone."""
        state = None
        for event in self.journal:
            state = self.actor.evolve(state, decode(encode(event)))
        return state

    def step_of(self, *bodies: type[Message]) -> StepId:
        """The step in which a node was last asked this."""
        found = [step for step, each in self.sent.items() if isinstance(each.body, bodies)]
        assert found, f"no node was asked {bodies}"
        return found[-1]


def says_yes_or_no(decision: Decision) -> bool:
    """Whether more is said than what happens."""
    return attrs.evolve(decision, events=(), effects=(), audit=()) != Decision()


def run(taking: Coroutine[Any, Any, None]) -> None:
    """An actor takes its message without waiting for anything."""
    try:
        taking.send(None)
    except StopIteration:
        return
    taking.close()
    raise AssertionError("the actor waited")


def put(rows: Rows, kind: str, document: Any) -> None:
    """Makes a document durable."""
    before = rows.row(kind, document.id)
    name = getattr(document, "name", None)
    rows.put(EntityRow(kind, document.id, before.version + 1 if before else 1, name, "", b"", encode(document)))


# --- messages that depend on what was said before ------------------------------------------------------------------


def done(result: Message, *, of: type[Message] | None = None, host: str | None = None) -> Given:
    """A node's outcome of the step under way, or of the step in which it was last asked `of`; from `host`, when that is
    not the one that was asked."""

    def message(play: Play) -> Message:
        step = play.step_of(of) if of is not None else step_under_way(play)
        return StepOutcome(host_id=step.host if host is None else host, step=step, result=result)

    return message


def step_under_way(play: Play) -> StepId:
    assert play.operation is not None, "no operation is under way"
    step = current_step(play.operation)
    assert step is not None, "no step is under way"
    return step.id


def answered(body: Message, *, of: type[Message] | None = None) -> Given:
    """Another actor's answer to what it was asked last, or to the last question `of` this class."""

    def message(play: Play) -> Message:
        asked = [each for each in play.unanswered if of is None or isinstance(each.message, of)]
        assert asked, "nobody was asked"
        return Answer(token=asked[-1].token, body=body)

    return message


def fired(name: str) -> Message:
    """A timer's time is over."""
    return TimerFired(name=name, number=1)
