"""Runs asyncio functions for Trio: one loop in one thread, whole functions handed over, outcomes handed back.

Nothing else imports asyncio, and it must not know what the functions do. (trio-asyncio was rejected: it patches asyncio
for the whole process and rests on event-loop policies that Python is removing.)
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

import outcome
import trio

log = logging.getLogger("corral.journal")

Lock = asyncio.Lock  # for functions that run in the loop

stop_timeout_seconds: Final = 30.0

P = ParamSpec("P")
T = TypeVar("T")


class BridgeClosed(RuntimeError):
    """The thread does not run (any more)."""


class AsyncioThread:
    """One asyncio loop in one daemon thread. `start` and `stop` belong to Trio, as does `run`."""

    def __init__(self, name: str = "asyncio") -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._loop is not None

    def start(self) -> None:
        """Starts the thread. Harmless when it runs."""
        if self._loop is not None:
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_turn, args=(self._loop,), name=self._name, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Cancels what still runs, ends the loop and waits for the thread. Harmless when it does not run."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._cancel_and_stop, loop)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.join, stop_timeout_seconds)
        if thread.is_alive():
            log.error("the thread %s did not end within %s s", self._name, stop_timeout_seconds)

    async def run(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Awaits `function(*args)` in the loop. A cancelled caller leaves at once; the call goes on and is logged."""
        loop = self._loop
        if loop is None:
            raise BridgeClosed(f"{self._name} does not run")
        call: _Call[T] = _Call(getattr(function, "__qualname__", repr(function)))
        loop.call_soon_threadsafe(self._start_task, loop, call, function, args, kwargs)
        return await call.wait()

    def _start_task(
        self,
        loop: asyncio.AbstractEventLoop,
        call: _Call[T],
        function: Callable[..., Coroutine[Any, Any, T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        async def perform() -> None:
            try:
                call.finish(outcome.Value(await function(*args, **kwargs)))
            except Exception as error:  # noqa: BLE001 - raised again where the caller waits
                call.finish(outcome.Error(error))

        task = loop.create_task(perform())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(call.ended)

    def _cancel_and_stop(self, loop: asyncio.AbstractEventLoop) -> None:
        async def finish() -> None:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            loop.stop()

        self._ending = loop.create_task(finish())


class _Call(Generic[T]):
    """One call on its way: made and waited for in Trio, finished in the loop's thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._token = trio.lowlevel.current_trio_token()
        self._task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        self._result: outcome.Outcome[T] = outcome.Error(BridgeClosed(f"{name} was stopped"))

    async def wait(self) -> T:
        """The result. `finish` cannot come first: it reaches Trio as a callback of its own."""

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        return cast(T, await trio.lowlevel.wait_task_rescheduled(abort))

    def finish(self, result: outcome.Outcome[T]) -> None:
        """In the loop: what came out of the function."""
        self._result = result

    def ended(self, _: asyncio.Task[None]) -> None:
        """In the loop: the task is over, cancelled or not."""
        try:
            self._token.run_sync_soon(self._deliver)
        except trio.RunFinishedError:
            self._log_abandoned()

    def _deliver(self) -> None:
        if self._task is None:
            self._log_abandoned()
        else:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task, self._result)

    def _log_abandoned(self) -> None:
        if isinstance(self._result, outcome.Error):
            log.warning("%s, abandoned by its caller, ended with %r", self._name, self._result.error)
        else:
            log.info("%s, abandoned by its caller, was done", self._name)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
