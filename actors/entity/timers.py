"""The timers of one incarnation of an actor, by name."""

from __future__ import annotations

from collections.abc import Set

from actors.entity.decision import SetTimer
from actors.entity.messages import TimerFired
from actors.kernel.actor import Context


class Timers:
    """Each tells the actor `TimerFired` once; one of the same name takes the place of the one before."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._numbers: dict[str, int] = {}  # of the one that counts, by name
        self._started = 0

    @property
    def names(self) -> Set[str]:
        """Those that were set and not cancelled."""
        return self._numbers.keys()

    def set(self, timer: SetTimer) -> None:
        self._started += 1  # never the number of one that was cancelled: its task sleeps on, and would fire for this
        fired = TimerFired(name=timer.name, number=self._started)
        self.expect(fired)
        self._context.spawn(self._run, fired, timer.seconds)

    def cancel(self, name: str) -> None:
        self._numbers.pop(name, None)

    def expect(self, fired: TimerFired) -> None:
        """This message, and no other of its name, counts from now on."""
        self._numbers[fired.name] = fired.number

    def counts(self, fired: TimerFired) -> bool:
        """Whether it is of the timer that was set last under its name, and was not cancelled."""
        return self._numbers.get(fired.name) == fired.number

    async def _run(self, fired: TimerFired, seconds: float) -> None:
        await self._context.ports.clock.sleep(seconds)
        if self.counts(fired):
            self._context.ref.tell(fired)
