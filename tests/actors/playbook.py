"""Transcripts of an entity: given a life, when a message comes, then this whole decision and nothing else.

    up().when(StopVm(id=VM)).then(
        event(VmStopRequested, begins="stop", step="End QEMU"),
        to_node(DestroyDomain(vm_id=VM)),
        ...
        accepted(job=True), stored,
    )

`when` decides, and makes durable as the shell does: by the shell's own functions (`transaction_of`, `Askers`, the
pending command of a VM). `then` compares events, effects, reply and audit lines with what is expected; see `expected.py`
for the shorthands. A `when` that no `then` follows fails. `given` is for set-up alone: it brings an entity into a state
without looking at the decisions, which are looked at in transcripts of their own. It must not run actors.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Self

import attrs
from actors.entity.askers import Askers
from actors.operations.operation import current_step

from actors.entity.decision import Decision, Tell, ToNode
from actors.entity.durable import DurableActor
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.rows import Rows
from actors.entity.transaction import Standing, transaction_of
from actors.journal.port import EntityRow
from actors.kernel.envelope import Answer
from protocol.codec import decode, encode
from protocol.commands.base import Command
from protocol.engine_messages import Principal
from protocol.events.operation import Operation
from protocol.message import Message
from protocol.node_messages import NodeCommand, StepDone
from tests.actors.comparison import Expected, compare

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)
CORRELATION = "corr"

Message = Message | Callable[["Play"], Message]
"""A message, or what makes one from the play so far: `done(...)`, `answered(...)`."""


def command_id(number: int) -> str:
    """The id of a play's command, counted from 1."""
    return f"55555555-5555-4555-8555-{number:012d}"


@attrs.frozen
class Desk:
    """Where the decisions of a running transcript lie until `then` has looked at them, and where a test may alter one.

    `alter` gets the number of a decision in the transcript, counted from 0, and the decision.
    """

    open: dict[int, str] = attrs.field(factory=dict)  # by play: the message that no `then` has followed
    alter: list[Callable[[int, Decision], Decision]] = attrs.field(factory=list)
    made: list[Decision] = attrs.field(factory=list)

    def clear(self) -> None:
        self.open.clear()
        self.made.clear()

    def check(self) -> None:
        """Called at the end of each test: every `when` was followed by its `then`."""
        unseen = list(self.open.values())
        self.clear()
        assert not unseen, f"no `then` follows when({', '.join(unseen)})"


desk = Desk()


class Play:
    """One entity's life. A room derives from it: which actor, which deciding, which facts."""

    shell: type[DurableActor]
    """The actor: its `evolve`, `project` and names are used, it never runs."""

    asking: tuple[type[Message], ...] = (CommandRequest,)
    """Messages whose sender waits for an answer."""

    def __init__(self, id: str, rows: Rows) -> None:
        self.id = id
        self.rows = rows
        self.room = object.__new__(self.shell)
        self.room.id = id
        self.standing = Standing()
        self.before: Any = None  # the state before the last decision
        self.message: Message | None = None
        self.decision = Decision()
        self.journal: list[Message] = []
        self.askers: Askers[Message] = Askers()
        self.asked: Message | None = None  # who gets the last decision's reply
        self.unanswered: list[Tell] = []
        self.sent: dict[str, ToNode] = {}  # commands to nodes, by step
        self.commands = 0
        self._has_begun = False

    # --- what a room gives ---------------------------------------------------------------------------------------

    def decide(self, message: Message) -> Decision:
        """The room's deciding, with its facts."""
        raise NotImplementedError

    def recover(self) -> Decision:
        """What the room does after a crash, from the durable state."""
        raise NotImplementedError

    # --- the transcript ------------------------------------------------------------------------------------------

    def given(self, message: Message, **more: Any) -> Self:
        """Set-up: the message is decided, and what was decided is not looked at here."""
        assert not self._has_begun, "`given` comes before the first `when`"
        return self.happens(message, **more)

    def when(self, message: Message, **more: Any) -> Self:
        """The message is decided; `then` must follow. A user's command gets an id: `again` repeats the last one's."""
        assert id(self) not in desk.open, f"no `then` follows when({desk.open[id(self)]})"
        self._has_begun = True
        self.happens(message, alter=_altered, **more)
        desk.open[id(self)] = repr(self.message)[:200]
        return self

    def when_restarted(self) -> Self:
        """The actor crashed, or the engine did: what it goes on with. `then` must follow."""
        assert id(self) not in desk.open, f"no `then` follows when({desk.open[id(self)]})"
        self._has_begun = True
        self.message, self.asked = None, None
        self._carry_out(_altered(self.recover()))
        desk.open[id(self)] = "restarted"
        return self

    def then(self, *expected: Expected) -> Self:
        """The whole decision is this and nothing else; without arguments: nothing follows."""
        assert desk.open.pop(id(self), None) is not None, "`then` follows a `when`"
        compare(self, expected)
        return self

    # --- what the shell does -------------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        return self.standing.state

    @property
    def operation(self) -> Operation | None:
        return getattr(self.state, "operation", None)

    def happens(
        self, message: Message, *, alter: Callable[[Decision], Decision] = lambda decision: decision, **more: Any
    ) -> Self:
        """Decides, makes durable, and remembers what was asked and sent."""
        word = message if isinstance(message, Message) else message(self)
        self.message = self._decide_command(word, **more) if isinstance(word, Command) else word
        asked = self.askers.of(self.message, self.message)
        decision = alter(self.decide(self.message))
        heard = self.askers.after(decision, asked)
        self.asked = heard if isinstance(heard, self.asking) else None
        self._carry_out(decision)
        return self

    def _decide_command(self, command: Command, *, again: bool = False, **more: Any) -> CommandRequest:
        self.commands += 0 if again else 1
        more.setdefault("correlation_id", CORRELATION)
        return CommandRequest(command_id=command_id(self.commands), principal=ADMIN, command=command, **more)

    def _carry_out(self, decision: Decision) -> None:
        self.decision, self.before = decision, self.state
        if decision.events or decision.audit:
            transaction, after = transaction_of(self.room, self.standing, decision, NOW, self._job_version)
            self.rows.confirm(transaction)
            row = self.rows.row(self.room.kind, self.id)
            assert (decode(row.state) if row is not None else None) == after.state, "the state comes back as it is"
            self.standing = after
            self.journal += decision.events
        for effect in decision.effects:
            if isinstance(effect, Tell) and effect.token:
                self.unanswered.append(effect)
            elif isinstance(effect, ToNode) and isinstance(effect.message, NodeCommand):
                self.sent[effect.message.step_id] = effect

    def _job_version(self, id: str) -> int:
        row = self.rows.row("job", id)
        return row.version if row else 0

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
            state = self.room.evolve(state, decode(encode(event)))
        return state

    def step_of(self, *bodies: type[Message]) -> str:
        """The step in which a node was last asked this."""
        found = [step for step, each in self.sent.items() if isinstance(_body(each), bodies)]
        assert found, f"no node was asked {bodies}"
        return found[-1]


def _altered(decision: Decision) -> Decision:
    for alter in desk.alter:
        decision = alter(len(desk.made), decision)
    desk.made.append(decision)
    return decision


def _body(effect: ToNode) -> Message:
    assert isinstance(effect.message, NodeCommand)
    return effect.message.body


def put(rows: Rows, kind: str, document: Any) -> None:
    """Makes a document durable."""
    before = rows.row(kind, document.id)
    name = getattr(document, "name", None)
    rows.put(EntityRow(kind, document.id, before.version + 1 if before else 1, name, "", b"", encode(document)))


# --- messages that depend on what was said before ------------------------------------------------------------------


def done(result: Message, *, of: type[Message] | None = None) -> Message:
    """A node's outcome of the step under way, or of the step in which it was last asked `of`."""

    def message(play: Play) -> Message:
        if of is not None:
            return StepDone(step_id=play.step_of(of), result=result)
        assert play.operation is not None
        step = current_step(play.operation)
        assert step is not None
        return StepDone(step_id=step.id, result=result)

    return message


def answered(body: Message, *, of: type[Message] | None = None) -> Message:
    """Another actor's answer to what it was asked last, or to the last question `of` this class."""

    def message(play: Play) -> Message:
        asked = [each for each in play.unanswered if of is None or isinstance(each.message, of)]
        assert asked, "nobody was asked"
        return Answer(token=asked[-1].token, body=body)

    return message


def fired(name: str) -> Message:
    """A timer's time is over."""
    return TimerFired(name=name, number=1)
