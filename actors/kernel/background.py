"""The tasks that one incarnation has spawned: most have none, so nothing is made before the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio


class Background:
    """Spawned tasks, each under a scope of its own; `failed` is told the crash of any."""

    __slots__ = ("_ended", "_failed", "_scopes")

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._scopes: list[trio.CancelScope] = []
        self._ended = trio.Event()

    def add(self) -> trio.CancelScope:
        """The scope of a task that is about to start."""
        scope = trio.CancelScope()
        self._scopes.append(scope)
        return scope

    async def run(self, scope: trio.CancelScope, run: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        """The body of one task."""
        with scope:
            try:
                await run(*args)
            except BaseException as error:  # noqa: BLE001 - what is no crash goes on
                go_on, failure = split_crash(error)
                if failure is not None:
                    self._failed(failure)
                if go_on is not None:
                    raise go_on from None
        self._scopes.remove(scope)
        if not self._scopes:
            self._ended.set()

    async def end(self) -> None:
        """Cancels all and waits for them. The deadline is the caller's."""
        if not self._scopes:
            return
        self._ended = trio.Event()
        for scope in self._scopes:
            scope.cancel()
        await self._ended.wait()


def split_crash(error: BaseException) -> tuple[BaseException | None, Exception | None]:
    """The part of an error that must go on (`Cancelled`; what is no `Exception` at all), and the crash in it."""
    if isinstance(error, Exception):
        return None, error
    if isinstance(error, BaseExceptionGroup):
        cancelled, crash = error.split(trio.Cancelled)
        if crash is None or isinstance(crash, Exception):
            return cancelled, crash
    return error, None
