"""What an actor is: the base class that rooms extend and the context that an incarnation gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from actors.kernel.directory import Directory
from actors.kernel.envelope import NOBODY_ASKED, REPLIED, Envelope
from actors.kernel.mailbox import Mailbox
from actors.kernel.ports import Ports
from actors.kernel.ref import ActorRef
from protocol.message import Message


class RunningActor(Protocol):
    """What a context needs of the incarnation that it belongs to."""

    ref: ActorRef
    number: int
    mailbox: Mailbox

    def spawn(self, run: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None: ...

    def finish(self) -> None: ...


class Context:
    """What one incarnation of an actor has: who it is, its ports, its log, and how to answer."""

    __slots__ = ("_incarnation", "directory", "ports")

    def __init__(self, incarnation: RunningActor, ports: Ports, directory: Directory) -> None:
        self._incarnation = incarnation
        self.ports = ports
        self.directory = directory

    @property
    def ref(self) -> ActorRef:
        """The actor's own ref, for `reply_to` and for messages to itself."""
        return self._incarnation.ref

    @property
    def address(self) -> str:
        return self._incarnation.ref.address

    @property
    def incarnation(self) -> int:
        """1 for the first start, and one more after each restart."""
        return self._incarnation.number

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A logger bound to the address and incarnation."""
        bound: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(
            address=self.address, incarnation=self.incarnation
        )
        return bound

    def reply(self, envelope: Envelope, message: Message) -> None:
        """Answers once, now or later; without effect when nobody asked or the asker has left.

        Raises `AssertionError` at a second reply: that is a bug.
        """
        standing = envelope.standing
        if standing == NOBODY_ASKED:
            return
        assert standing != REPLIED, f"{self.address} replied twice to {type(envelope.message).__name__}"
        envelope.settle(message if envelope.reply_to is not None else self._incarnation.mailbox.carry(message))

    def spawn(self, run: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Runs `run(*args)` beside the actor until it returns or this incarnation ends. Its crash is the actor's."""
        self._incarnation.spawn(run, args)

    def stop_self(self) -> None:
        """Ends this incarnation normally after the message in hand."""
        self._incarnation.finish()


class Actor:
    """Base of all actors: one message at a time. A handler that raises crashes this actor alone."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def started(self) -> None:
        """Runs before the first message; the next sibling starts when it returns. To raise is to fail the start."""

    async def receive(self, envelope: Envelope) -> None:
        """Handles one message. Never awaits another actor's answer."""
        raise NotImplementedError(f"{type(self).__name__} got {type(envelope.message).__name__}")

    async def stopping(self) -> None:
        """Runs when a started incarnation ends, also after a crash; shielded, and bounded by the spec's stop seconds.

        Not after it was killed: one that overran its deadline had its chance.
        """
