"""Runs one incarnation of an actor, from its factory to its last cleanup, and says how it ended.

It must not restart anything, and no exception but `Cancelled` from outside leaves it.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.background import Background, split_crash
from actors.kernel.directory import Directory
from actors.kernel.envelope import WAITING, Envelope
from actors.kernel.failures import ActorCrashed
from actors.kernel.mailbox import Mailbox
from actors.kernel.ports import Ports
from actors.kernel.ref import ActorRef

# Messages handled in one go before other tasks get their turn: a checkpoint each would double the price of a message.
messages_per_turn: Final = 64


class How(enum.Enum):
    """How a run ended."""

    FINISHED = "finished"  # by itself or because it was asked to
    CRASHED = "crashed"
    KILLED = "killed"  # cancelled: it overran a deadline, or all around it was cancelled


class StartOverran(Exception):
    """`started()` did not return in time."""


@attrs.frozen
class End:
    """How a run ended, why, and whether it had come up at all."""

    how: How
    error: BaseException | None = None
    was_started: bool = True


class TreePort(Protocol):
    """What an incarnation needs from the tree around it."""

    @property
    def ports(self) -> Ports: ...

    @property
    def directory(self) -> Directory: ...

    def start_soon(self, run: Callable[..., Awaitable[Any]], *args: Any, name: str) -> None:
        """Runs a task that outlives the caller's scope; the tree waits for it at its very end."""
        ...

    def cleanup_failed(self, address: str, incarnation: int, error: BaseException | None) -> None:
        """A cleanup raised, or overran its deadline (None)."""
        ...


class Incarnation:
    """One incarnation: `run` once, and `request_stop` or `kill` from outside."""

    __slots__ = (
        "_background",
        "_cleanup_scope",
        "_error",
        "_is_over",
        "_owed",
        "_scope",
        "_start_seconds",
        "_stop_requested",
        "_stop_seconds",
        "actor",
        "is_started",
        "mailbox",
        "number",
        "poison",
        "ref",
        "tree",
    )

    def __init__(
        self,
        ref: ActorRef,
        mailbox: Mailbox,
        number: int,
        tree: TreePort,
        *,
        start_seconds: float,
        stop_seconds: float,
        poison: Exception | None = None,
    ) -> None:
        self.ref = ref
        self.mailbox = mailbox
        self.number = number
        self.tree = tree
        self.actor: Actor | None = None
        self.is_started = False
        self.poison = poison  # raised instead of handling the next message: fault injection
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._stop_requested = False
        self._is_over = False
        self._error: BaseException | None = None
        self._scope = trio.CancelScope()
        self._cleanup_scope: trio.CancelScope | None = None
        self._owed: dict[Envelope, None] | None = None
        self._background: Background | None = None

    # -- from outside

    def request_stop(self) -> None:
        """Lets it finish the message in hand; one that has not come up yet is cancelled."""
        if self.is_started:
            self.finish()
        else:
            self.kill()

    def kill(self) -> None:
        """Cancels whatever it does, cleanup included."""
        self._stop_requested = True
        self._scope.cancel()
        if self._cleanup_scope is not None:
            self._cleanup_scope.cancel()

    def finish(self) -> None:
        """Ends it after the message in hand."""
        self._stop_requested = True
        self.mailbox.wake()

    def spawn(self, run: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        """Starts a background task. Raises `RuntimeError` when the incarnation is over."""
        if self._is_over:
            raise RuntimeError(f"{self.ref.address} has ended and cannot spawn")
        if self._background is None:
            self._background = Background(self._background_failed)
        name = f"{self.ref.address} {getattr(run, '__name__', 'task')}"
        self.tree.start_soon(self._background.run, self._background.add(), run, args, name=name)

    def _background_failed(self, failure: Exception) -> None:
        if self._is_over or self._cleanup_scope is not None or self._error is not None:
            self.tree.cleanup_failed(self.ref.address, self.number, failure)
            return
        self._error = failure
        self._stop_requested = True
        self._scope.cancel()

    # -- the incarnation's own task

    async def run(self, make: Callable[[Context], Actor], on_started: Callable[[], None]) -> End:
        """Lives. Returns when the actor, its cleanup and its background tasks have ended or overrun their time."""
        if self._stop_requested:
            return End(How.KILLED, None, False)
        finished = False
        with self._scope:
            try:
                self.actor = actor = await self._start(make)
                self.is_started = True
                on_started()
                await self._serve(actor)
                finished = not self._scope.cancel_called  # one that was killed may have been deaf to it
            except BaseException as error:  # noqa: BLE001 - what is no crash goes on
                go_on, failure = split_crash(error)
                if failure is not None and self._scope.cancel_called:
                    self.tree.cleanup_failed(self.ref.address, self.number, failure)
                elif failure is not None:
                    self._error = failure
                if go_on is not None:
                    raise go_on from None
        how = How.CRASHED if self._error else How.FINISHED if finished else How.KILLED
        if how is not How.FINISHED:
            self._fail_owed()
        if self.is_started and how is not How.KILLED:
            await self._stop()
        self._is_over = True
        if self._background is not None:
            await self._end(self._background)
        self._fail_owed()
        self.actor = None
        return End(how, self._error, self.is_started)

    async def _start(self, make: Callable[[Context], Actor]) -> Actor:
        tree = self.tree
        with tree.ports.clock.move_on_after(self._start_seconds):
            actor = make(Context(self, tree.ports, tree.directory))
            await actor.started()
            return actor
        raise StartOverran(f"{self.ref.address} did not start within {self._start_seconds:g} seconds")

    async def _serve(self, actor: Actor) -> None:
        mailbox = self.mailbox
        turn = 0
        while not self._stop_requested:
            envelope = mailbox.take()
            if envelope is None:
                await mailbox.wait()
                turn = 0
                continue
            try:
                if self.poison is not None:
                    raise self.poison
                await actor.receive(envelope)
            finally:
                if envelope.standing == WAITING and not envelope.is_handed_over:
                    if self._owed is None:
                        self._owed = {}
                    envelope.enter_into(self._owed)
            turn += 1
            if turn == messages_per_turn:
                turn = 0
                await trio.lowlevel.checkpoint()

    def _fail_owed(self) -> None:
        for envelope in list(self._owed or ()):
            envelope.settle(ActorCrashed(self.ref.address))

    async def _stop(self) -> None:
        assert self.actor is not None
        clock = self.tree.ports.clock
        with clock.move_on_after(self._stop_seconds) as self._cleanup_scope:
            self._cleanup_scope.shield = True
            try:
                await self.actor.stopping()
            except BaseException as error:  # noqa: BLE001 - what is no crash goes on
                go_on, failure = split_crash(error)
                if failure is not None:
                    self.tree.cleanup_failed(self.ref.address, self.number, failure)
                if go_on is not None:
                    raise go_on from None
        if self._cleanup_scope.cancelled_caught:
            self.tree.cleanup_failed(self.ref.address, self.number, None)

    async def _end(self, background: Background) -> None:
        with self.tree.ports.clock.move_on_after(self._stop_seconds) as self._cleanup_scope:
            self._cleanup_scope.shield = True
            await background.end()
        if self._cleanup_scope.cancelled_caught:
            self.tree.cleanup_failed(self.ref.address, self.number, None)
