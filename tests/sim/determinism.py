"""Runs an async function so that a seed repeats it step for step: the one place with Trio's two private names.

`test_sim.py` holds the canary that fails when a new Trio changes either name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
import trio._core._run as _scheduler
from trio.testing import MockClock

T = TypeVar("T")

hair_seconds = 1e-9
private_names = ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r")


class Steps(trio.abc.Instrument):
    """Counts scheduler steps, folds them into a hash, and lets somebody look after each one."""

    def __init__(self, after_step: Callable[[int], None] = lambda _: None) -> None:
        self.count = 0
        self._hash = hashlib.blake2b(digest_size=8)
        self._after_step = after_step
        self._name = ""

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1
        self._hash.update(f"{trio.current_time():.6f} {task.name}\n".encode())

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._after_step(self.count)

    def note(self, text: str) -> None:
        """Makes something that happened part of the hash."""
        self._hash.update(text.encode())

    @property
    def trace(self) -> str:
        return self._hash.hexdigest()


def virtual_clock() -> MockClock:
    """Jumps a hair further than asked: now + (deadline - now) may round to just before the deadline, for ever."""
    clock = MockClock(autojump_threshold=0)
    clock.jump = lambda seconds: MockClock.jump(clock, seconds + hair_seconds)  # type: ignore[method-assign]
    return clock


def run_seeded(main: Callable[..., Awaitable[T]], *args: Any, seed: int, steps: Steps | None = None) -> T:
    """Like `trio.run` on a virtual clock that jumps when nobody runs, with the scheduler's choices drawn from `seed`."""
    allowed, state = _scheduler._ALLOW_DETERMINISTIC_SCHEDULING, _scheduler._r.getstate()
    _scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    _scheduler._r.seed(seed)
    try:
        return trio.run(main, *args, clock=virtual_clock(), instruments=[steps] if steps is not None else [])
    finally:
        _scheduler._ALLOW_DETERMINISTIC_SCHEDULING = allowed  # type: ignore[misc]
        _scheduler._r.setstate(state)
