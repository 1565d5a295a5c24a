"""What the rest of the engine holds of a crowd: made before the tree, bound when the tree is built.

It must not hold children: it passes calls on.
"""

from __future__ import annotations

from typing import Protocol

from actors.kernel.ref import Ref


class CrowdPort(Protocol):
    """What a crowd can be asked for."""

    def ensure(self, key: str) -> Ref: ...

    def find(self, key: str) -> Ref | None: ...

    async def stop(self, key: str) -> None: ...

    def keys(self) -> tuple[str, ...]: ...

    def crash(self, key: str, error: Exception) -> None: ...


class CrowdHandle:
    """Stays good while the crowd restarts. Before the tree is built, and after it ended, nobody is home."""

    def __init__(self) -> None:
        self._crowd: CrowdPort | None = None

    def bind(self, crowd: CrowdPort) -> None:
        """Done by the crowd. Raises `ValueError` when the handle has been given to two."""
        if self._crowd is not None and self._crowd is not crowd:
            raise ValueError("one handle for two crowds")
        self._crowd = crowd

    def ensure(self, key: str) -> Ref:
        """The child under `key`, started if need be. Its ref can be told at once; it reads when it has started."""
        return self._bound().ensure(key)

    def find(self, key: str) -> Ref | None:
        """The child under `key`, if there is one."""
        return None if self._crowd is None else self._crowd.find(key)

    async def stop(self, key: str) -> None:
        """Stops a child for good and returns when it has ended. Without effect when there is none.

        Who calls `ensure` meanwhile gets the same ref, and the child is started again afterwards.
        """
        await self._bound().stop(key)

    def keys(self) -> tuple[str, ...]:
        """The keys that are taken, oldest first."""
        return () if self._crowd is None else self._crowd.keys()

    def crash(self, key: str, error: Exception) -> None:
        """For tests and fault injection: the child's handler raises `error` at its next message.

        Raises `KeyError` when there is no such child.
        """
        self._bound().crash(key, error)

    def _bound(self) -> CrowdPort:
        if self._crowd is None:
            raise RuntimeError("the tree of this crowd has not been built")
        return self._crowd
