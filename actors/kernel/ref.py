"""The one handle on an actor: where to tell and ask. Stays good while the actor restarts."""

from __future__ import annotations

import trio

from actors.kernel.envelope import WAITING, Answer, Envelope
from actors.kernel.failures import ActorCrashed, ActorGone, AskTimeout, MailboxFull
from actors.kernel.mailbox import Mailbox
from protocol.message import Message, Priority

__all__ = ["ActorCrashed", "ActorGone", "ActorRef", "AskTimeout", "MailboxFull"]


class ActorRef:
    """Address of an actor. Usable from every task of the process, never from a thread."""

    __slots__ = ("_mailbox",)

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @property
    def address(self) -> str:
        return self._mailbox.address

    @property
    def is_gone(self) -> bool:
        """Whether the actor has ended for good. One that restarts is not gone."""
        return not self._mailbox.is_open

    def __repr__(self) -> str:
        return f"<Ref {self.address}>"

    def tell(
        self, message: Message, *, correlation_id: str = "", reply_to: ActorRef | None = None, token: str = ""
    ) -> None:
        """Queues a message. With `reply_to`, the answer arrives there as `Answer(token=token)`.

        Raises `MailboxFull` or `ActorGone`; with `reply_to`, `ActorGone` arrives as an answer instead.
        """
        if reply_to is None:
            self._mailbox.put(Envelope(message, correlation_id))
            return
        envelope = Envelope(message, correlation_id, WAITING, reply_to, token)
        try:
            self._mailbox.put(envelope)
        except ActorGone as gone:
            envelope.settle(gone)

    async def ask(self, message: Message, *, timeout_seconds: float, correlation_id: str = "") -> Message:
        """Tells and waits for the answer. Not for handlers: an actor uses `tell(..., reply_to=...)`.

        Raises `AskTimeout`, `ActorGone`, `ActorCrashed`, `MailboxFull`. A refusal is an answer like any other.
        """
        mailbox = self._mailbox
        envelope = Envelope(message, correlation_id, WAITING)
        with trio.move_on_after(timeout_seconds):
            try:
                mailbox.put(envelope)
            except MailboxFull:
                await mailbox.put_waiting(envelope)
            return await envelope.answer()
        raise AskTimeout(self.address, timeout_seconds)

    def owe(self, answer: Answer, priority: Priority, correlation_id: str) -> None:
        """Delivers an answer; it is let in even when the mailbox is full."""
        self._mailbox.owe(Envelope(answer, correlation_id), priority)
