"""The commands of one actor: one is decided at a time, and while it waits for another actor's answer the next ones
queue."""

from __future__ import annotations

from collections import deque

import attrs

from actors.entity.decision import Question, Tell
from actors.entity.messages import CommandRequest
from actors.kernel.envelope import Envelope
from protocol import limits


@attrs.frozen(kw_only=True)
class AskedCommand:
    """A command, and who asks. With a `question` it cannot be decided before another actor has answered."""

    request: CommandRequest
    envelope: Envelope
    question: Question | None = None

    @property
    def release(self) -> Tell | None:
        return self.question.release if self.question is not None else None


class CommandQueue:
    """`waiting` is the command that waits for an answer; those behind it come in order once it is decided."""

    def __init__(self) -> None:
        self.waiting: AskedCommand | None = None
        self._behind: deque[AskedCommand] = deque()

    def add(self, request: CommandRequest, envelope: Envelope) -> bool:
        """False: there are too many."""
        if len(self._behind) >= limits.mailbox_messages_max:
            return False
        self._behind.append(AskedCommand(request=request, envelope=envelope))
        return True

    def next(self) -> AskedCommand | None:
        """The next one that is to be decided now."""
        return self._behind.popleft() if self._behind and self.waiting is None else None

    def wait(self, command: AskedCommand, question: Question) -> None:
        """The command in hand has a question first."""
        self.waiting = attrs.evolve(command, question=question)

    def answered(self, token: str) -> AskedCommand | None:
        """The command whose question was this one, to be decided now."""
        waiting = self.waiting
        if waiting is None or waiting.question is None or waiting.question.ask.token != token:
            return None
        self.waiting = None
        return waiting
