"""The place of one child: what stays while its incarnations come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.incarnation import End, How, Incarnation
from actors.kernel.mailbox import Mailbox
from actors.kernel.ref import ActorRef
from supervisors.context import TreeContext, kill_grace_seconds
from supervisors.observe import Kind


class Child(Protocol):
    """What a supervisor supervises: an actor, another supervisor or a dynamic supervisor."""

    @property
    def address(self) -> str: ...

    @property
    def incarnation(self) -> int: ...

    async def run(self, on_started: Callable[[], None]) -> End:
        """One incarnation, from start to end. Raises nothing but `Cancelled`."""
        ...

    def request_stop(self) -> None: ...

    def kill(self) -> None: ...

    def prepare(self) -> None:
        """Before each `run`: it may be stopped from now on, and it is open again if it was closed."""
        ...

    def close(self) -> None:
        """It will not run again: its refs are gone."""
        ...


class ActorSlot:
    """The place of an actor: mailbox, ref and the current incarnation."""

    __slots__ = ("_current", "_poison", "_start_seconds", "_stop_seconds", "_tree", "incarnation", "mailbox", "ref")

    def __init__(
        self, address: str, tree: TreeContext, *, messages_max: int, start_seconds: float, stop_seconds: float
    ) -> None:
        self.mailbox = Mailbox(address, messages_max, tree.carrier)
        self.ref = ActorRef(self.mailbox)
        self.incarnation = 0
        self._tree = tree
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._current: Incarnation | None = None
        self._poison: Exception | None = None
        tree.directory.register(self.ref)

    @property
    def address(self) -> str:
        return self.mailbox.address

    def make(self, context: Context) -> Actor:
        """The actor of a new incarnation."""
        raise NotImplementedError

    def prepare(self) -> None:
        self.mailbox.reopen()
        self._tree.directory.register(self.ref)
        self.incarnation += 1
        poison, self._poison = self._poison, None
        self._current = Incarnation(
            self.ref,
            self.mailbox,
            self.incarnation,
            self._tree,
            start_seconds=self._start_seconds,
            stop_seconds=self._stop_seconds,
            poison=poison,
        )

    async def run(self, on_started: Callable[[], None]) -> End:
        current = self._current
        assert current is not None, f"{self.address} was not prepared"
        end = await current.run(self.make, on_started)
        if self._current is current:
            self._current = None
        return end

    def request_stop(self) -> None:
        if self._current is not None:
            self._current.request_stop()

    def kill(self) -> None:
        if self._current is not None:
            self._current.kill()

    def crash(self, error: Exception) -> None:
        """Makes the handler raise at its next message."""
        if self._current is not None:
            self._current.poison = error
        else:
            self._poison = error

    def close(self) -> None:
        self._tree.directory.unregister(self.ref)
        self.mailbox.close()


def report_end(tree: TreeContext, child: Child, end: End) -> None:
    """Tells the observer how a run ended. A kill was told when it was done."""
    if end.how is not How.CRASHED:
        kind = Kind.STOPPED
    elif end.was_started:
        kind = Kind.CRASHED
    else:
        kind = Kind.START_FAILED
    tree.observe(kind, child.address, child.incarnation, end.error)


def report_start(tree: TreeContext, child: Child) -> None:
    """Tells the observer that a child has come up."""
    kind = Kind.STARTED if child.incarnation == 1 else Kind.RESTARTED
    tree.observe(kind, child.address, child.incarnation)


async def stop_child(tree: TreeContext, child: Child, ended: trio.Event, stop_seconds: float) -> bool:
    """Asks it to stop, kills it at the deadline, and returns whether it has ended; if not, it is to be left behind."""
    child.request_stop()
    with tree.ports.clock.move_on_after(stop_seconds):
        await ended.wait()
        return True
    return await kill_child(tree, child, ended)


async def kill_child(tree: TreeContext, child: Child, ended: trio.Event) -> bool:
    """Cancels it and returns whether it has ended within the grace time."""
    tree.observe(Kind.KILLED, child.address, child.incarnation)
    child.kill()
    with tree.ports.clock.move_on_after(kill_grace_seconds):
        await ended.wait()
        return True
    tree.observe(Kind.STUCK, child.address, child.incarnation)
    return False
