"""Who is answered later: a question to another actor keeps whoever asked, until the answer has been decided.

It must not know what an asker is: the shell keeps envelopes here, a transcript the messages themselves.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from actors.entity.decision import Decision, Tell
from actors.kernel.envelope import Answer
from protocol.message import Message

Asker = TypeVar("Asker")


class Askers(Generic[Asker]):
    """Those who wait, by the token of the question that their own answer depends on."""

    def __init__(self) -> None:
        self._by_token: dict[str, Asker] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def of(self, message: Message, sender: Asker) -> Asker | None:
        """Whom the decision on `message` answers: its sender, or who waited for the answer that it is."""
        return self._by_token.pop(message.token, None) if isinstance(message, Answer) else sender

    def after(self, decision: Decision, asked: Asker | None) -> Asker | None:
        """Who gets the decision's reply. Who gets none waits for the answers to the questions that it asks."""
        if decision.reply_token:
            asked = self._by_token.pop(decision.reply_token, None)
        for effect in decision.effects:
            if isinstance(effect, Tell) and effect.token and asked is not None and decision.reply is None:
                self._by_token[effect.token] = asked
        return asked
