"""A message on its way, with who waits for the answer."""

from __future__ import annotations

from typing import Any, Final, Protocol

import attrs
import trio

from protocol.errors import CorralError
from protocol.message import Message, Priority, message

# Where the answer to an envelope stands. Plain integers: this is read several times for every message.
NOBODY_ASKED: Final = 0
WAITING: Final = 1
ASKER_LEFT: Final = 2
FAILED: Final = 3
REPLIED: Final = 4


@message("kernel.answer")
@attrs.frozen(kw_only=True)
class Answer(Message):
    """The answer to a `tell(..., reply_to=me, token=token)`. Arrives with the priority of the question.

    `body` is the reply, or a `Refusal` when the other actor crashed or has gone. An answer to a question of an earlier
    incarnation may arrive: a token that is not known is to be ignored.
    """

    token: str
    body: Message


class ReplyTo(Protocol):
    """Where an answer goes that no task waits for: an actor's ref."""

    def owe(self, answer: Answer, priority: Priority, correlation_id: str) -> None: ...


class Envelope:
    """One message and who waits for its answer: a task (ask), an actor (reply_to) or nobody."""

    __slots__ = (
        "_outcome",
        "_owed",
        "_task",
        "correlation_id",
        "is_handed_over",
        "message",
        "priority",
        "reply_to",
        "standing",
        "token",
    )  # fmt: skip

    def __init__(
        self,
        message: Message,
        correlation_id: str = "",
        standing: int = NOBODY_ASKED,
        reply_to: ReplyTo | None = None,
        token: str = "",
    ) -> None:
        self.message = message
        self.correlation_id = correlation_id
        self.standing = standing
        self.reply_to = reply_to
        self.token = token
        self.priority = Priority.DATA
        self.is_handed_over = False
        self._task: trio.lowlevel.Task | None = None
        self._outcome: Message | CorralError | None = None
        self._owed: dict[Envelope, None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody still waits for an answer."""
        return self.standing == WAITING

    def settle(self, outcome: Message | CorralError) -> None:
        """Hands the answer, or why there is none, to whoever waits. Without effect when nobody does."""
        if self.standing != WAITING:
            return
        self.standing = FAILED if isinstance(outcome, CorralError) else REPLIED
        self._strike_out()
        if self.reply_to is not None:
            body = outcome.refusal if isinstance(outcome, CorralError) else outcome
            self.reply_to.owe(Answer(token=self.token, body=body), self.priority, self.correlation_id)
            return
        self._outcome = outcome
        task = self._task
        if task is not None:
            self._task = None
            trio.lowlevel.reschedule(task)

    def hand_over(self) -> None:
        """Its answer no longer hangs on the incarnation of the actor that took it: somebody else will see to it."""
        self.is_handed_over = True
        self._strike_out()

    def enter_into(self, owed: dict[Envelope, None]) -> None:
        """Puts itself on the list of those who still wait, until it is answered or the asker leaves."""
        self._owed = owed
        owed[self] = None

    def _strike_out(self) -> None:
        if self._owed is not None:
            self._owed.pop(self, None)
            self._owed = None

    async def answer(self) -> Message:
        """Waits for the answer: the asker's side, called once. The deadline is the caller's."""
        if self.standing == WAITING:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
        else:
            await trio.lowlevel.checkpoint()
        outcome = self._outcome
        if isinstance(outcome, CorralError):
            raise outcome
        assert outcome is not None
        return outcome

    def _leave(self, _: Any) -> trio.lowlevel.Abort:
        self._task = None
        self.standing = ASKER_LEFT
        self._strike_out()
        return trio.lowlevel.Abort.SUCCEEDED
