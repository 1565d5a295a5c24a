"""What every actor needs from outside and gets handed in: clock, randomness and ids.

It must not be bypassed: whoever takes the time or a random number elsewhere breaks the repeatability of a seed.
"""

from __future__ import annotations

import base64
import datetime
import random as _random
import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import attrs
import trio

T = TypeVar("T")


class Clock(Protocol):
    """Time of one process: monotonic for waiting and measuring, wall for people and certificates."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back."""
        ...

    def wall(self) -> datetime.datetime:
        """The time of day, aware, in UTC. It may jump."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def move_on_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        """Ends its block after `seconds`; `.cancelled_caught` tells whether it had to."""
        ...

    def fail_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        """Like `move_on_after`, but raises `trio.TooSlowError` when it had to."""
        ...


class Random(Protocol):
    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def uniform(self, a: float, b: float) -> float: ...

    def randrange(self, n: int) -> int:
        """An integer in [0, n)."""
        ...

    def choice(self, seq: Sequence[T]) -> T: ...


class Ids(Protocol):
    def uuid(self) -> str:
        """A new UUID, lower case with dashes."""
        ...

    def token(self) -> str:
        """A new secret of 256 bits, safe in a URL."""
        ...


def system_wall() -> datetime.datetime:
    """The machine's time of day."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251 - the one place that reads it


def wall_from(start: datetime.datetime) -> Callable[[], datetime.datetime]:
    """A wall clock that shows `start` when Trio's clock shows 0: what goes with a `MockClock`."""
    return lambda: start + datetime.timedelta(seconds=trio.current_time())


class TrioClock:
    """Trio's clock, real or mocked, with the errors that a machine's clocks may have.

    `rate` is how many seconds this machine counts in one true second; `skew_seconds` is what its wall clock is ahead.
    """

    def __init__(
        self,
        wall: Callable[[], datetime.datetime] = system_wall,
        *,
        skew_seconds: float = 0.0,
        rate: float = 1.0,
    ) -> None:
        self._wall = wall
        self.skew_seconds = skew_seconds
        self._rate = rate

    def monotonic(self) -> float:
        return trio.current_time() * self._rate

    def wall(self) -> datetime.datetime:
        return self._wall() + datetime.timedelta(seconds=self.skew_seconds)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds / self._rate)

    def move_on_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        return trio.move_on_after(seconds / self._rate)

    def fail_after(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        return trio.fail_after(seconds / self._rate)


class _RandomOver:
    """`Random` over a generator of the standard library."""

    def __init__(self, source: _random.Random) -> None:
        self._source = source

    def random(self) -> float:
        return self._source.random()

    def uniform(self, a: float, b: float) -> float:
        return self._source.uniform(a, b)

    def randrange(self, n: int) -> int:
        return self._source.randrange(n)

    def choice(self, seq: Sequence[T]) -> T:
        return self._source.choice(seq)


class SystemRandom(_RandomOver):
    """Randomness of the operating system."""

    def __init__(self) -> None:
        super().__init__(_random.SystemRandom())


class SeededRandom(_RandomOver):
    """The same numbers for the same seed."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(_random.Random(seed))


class SystemIds:
    """Ids that nobody can guess."""

    def uuid(self) -> str:
        return str(uuid.uuid4())  # noqa: TID251 - the one place that makes them

    def token(self) -> str:
        return secrets.token_urlsafe(32)


class SeededIds:
    """The same ids for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._source = _random.Random(f"ids {seed}")

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._source.getrandbits(128), version=4))

    def token(self) -> str:
        return base64.urlsafe_b64encode(self._source.randbytes(32)).rstrip(b"=").decode()


@attrs.frozen
class Ports:
    """The ports that every actor gets; those of one kind of actor are arguments of its factory."""

    clock: Clock
    random: Random
    ids: Ids

    @classmethod
    def system(cls) -> Ports:
        """The real world."""
        return cls(TrioClock(), SystemRandom(), SystemIds())

    @classmethod
    def seeded(cls, seed: int | str, *, clock: Clock | None = None) -> Ports:
        """A world that repeats itself, to run under `trio.testing.MockClock`."""
        start = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
        return cls(clock or TrioClock(wall_from(start)), SeededRandom(seed), SeededIds(seed))
