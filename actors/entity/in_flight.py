"""Commits of entities whose outcome is not known yet, across the incarnations of their actors."""

from __future__ import annotations

import trio


class InFlight:
    """One per engine. An incarnation that starts while the commits of the one before are undecided would rest on a row
    that is being replaced, and be refused for it: it waits."""

    def __init__(self) -> None:
        self._undecided: dict[tuple[str, str], int] = {}
        self._waiting: dict[tuple[str, str], trio.Event] = {}

    def begin(self, kind: str, id: str) -> None:
        """One more commit of this entity is on its way."""
        self._undecided[kind, id] = self._undecided.get((kind, id), 0) + 1

    def end(self, kind: str, id: str) -> None:
        """One is decided, one way or the other."""
        left = self._undecided[kind, id] - 1
        if left:
            self._undecided[kind, id] = left
            return
        del self._undecided[kind, id]
        waiting = self._waiting.pop((kind, id), None)
        if waiting is not None:
            waiting.set()

    async def settled(self, kind: str, id: str) -> None:
        """Returns when nothing is undecided. The deadline is the caller's: the seconds that a start may take."""
        while (kind, id) in self._undecided:
            await self._waiting.setdefault((kind, id), trio.Event()).wait()
