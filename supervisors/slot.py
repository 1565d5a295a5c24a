"""The place of one child: what stays while its incarnations come and go.

It must not decide on restarts: a supervisor or a crowd does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.life import End, How, Life
from actors.kernel.mailbox import Mailbox
from actors.kernel.ref import Ref
from supervisors.grounds import Grounds, kill_grace_seconds
from supervisors.observe import Kind


class Child(Protocol):
    """What a supervisor supervises: an actor, another supervisor or a crowd."""

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
    """The place of an actor: mailbox, ref and the current life."""

    __slots__ = ("_grounds", "_life", "_poison", "_start_seconds", "_stop_seconds", "incarnation", "mailbox", "ref")

    def __init__(
        self, address: str, grounds: Grounds, *, messages_max: int, start_seconds: float, stop_seconds: float
    ) -> None:
        self.mailbox = Mailbox(address, messages_max, grounds.carrier)
        self.ref = Ref(self.mailbox)
        self.incarnation = 0
        self._grounds = grounds
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._life: Life | None = None
        self._poison: Exception | None = None
        grounds.directory.register(self.ref)

    @property
    def address(self) -> str:
        return self.mailbox.address

    def make(self, context: Context) -> Actor:
        """The actor of a new incarnation."""
        raise NotImplementedError

    def prepare(self) -> None:
        self.mailbox.reopen()
        self._grounds.directory.register(self.ref)
        self.incarnation += 1
        poison, self._poison = self._poison, None
        self._life = Life(
            self.ref,
            self.mailbox,
            self.incarnation,
            self._grounds,
            start_seconds=self._start_seconds,
            stop_seconds=self._stop_seconds,
            poison=poison,
        )

    async def run(self, on_started: Callable[[], None]) -> End:
        life = self._life
        assert life is not None, f"{self.address} was not prepared"
        end = await life.run(self.make, on_started)
        if self._life is life:
            self._life = None
        return end

    def request_stop(self) -> None:
        if self._life is not None:
            self._life.request_stop()

    def kill(self) -> None:
        if self._life is not None:
            self._life.kill()

    def crash(self, error: Exception) -> None:
        """Makes the handler raise at its next message."""
        if self._life is not None:
            self._life.poison = error
        else:
            self._poison = error

    def close(self) -> None:
        self._grounds.directory.unregister(self.ref)
        self.mailbox.close()


def report_end(grounds: Grounds, child: Child, end: End) -> None:
    """Tells the observer how a run ended. A kill was told when it was done."""
    if end.how is not How.CRASHED:
        kind = Kind.STOPPED
    elif end.was_started:
        kind = Kind.CRASHED
    else:
        kind = Kind.START_FAILED
    grounds.observe(kind, child.address, child.incarnation, end.error)


def report_start(grounds: Grounds, child: Child) -> None:
    """Tells the observer that a child has come up."""
    kind = Kind.STARTED if child.incarnation == 1 else Kind.RESTARTED
    grounds.observe(kind, child.address, child.incarnation)


async def stop_child(grounds: Grounds, child: Child, ended: trio.Event, stop_seconds: float) -> bool:
    """Asks it to stop, kills it at the deadline, and returns whether it has ended; if not, it is to be left behind."""
    child.request_stop()
    with grounds.ports.clock.move_on_after(stop_seconds):
        await ended.wait()
        return True
    return await kill_child(grounds, child, ended)


async def kill_child(grounds: Grounds, child: Child, ended: trio.Event) -> bool:
    """Cancels it and returns whether it has ended within the grace time."""
    grounds.observe(Kind.KILLED, child.address, child.incarnation)
    child.kill()
    with grounds.ports.clock.move_on_after(kill_grace_seconds):
        await ended.wait()
        return True
    grounds.observe(Kind.STUCK, child.address, child.incarnation)
    return False
