"""The engine's handle on a dynamic supervisor: created before the tree, bound when the tree is built."""

from __future__ import annotations

from typing import Protocol

from actors.kernel.ref import ActorRef


class DynamicSupervisorPort(Protocol):
    """What a dynamic supervisor can be asked for."""

    def ensure(self, key: str) -> ActorRef: ...

    def find(self, key: str) -> ActorRef | None: ...

    async def stop(self, key: str) -> None: ...

    def keys(self) -> tuple[str, ...]: ...

    def crash(self, key: str, error: Exception) -> None: ...


class DynamicSupervisorHandle:
    """Stays good while the dynamic supervisor restarts. Before the tree is built, and after it ended, it has none."""

    def __init__(self) -> None:
        self._dynamic_supervisor: DynamicSupervisorPort | None = None

    def bind(self, dynamic_supervisor: DynamicSupervisorPort) -> None:
        """Done by the dynamic supervisor. Raises `ValueError` when the handle has been given to two."""
        if self._dynamic_supervisor is not None and self._dynamic_supervisor is not dynamic_supervisor:
            raise ValueError("one handle for two dynamic supervisors")
        self._dynamic_supervisor = dynamic_supervisor

    def ensure(self, key: str) -> ActorRef:
        """The child under `key`, started if need be. Its ref can be told at once; it reads when it has started."""
        return self._bound().ensure(key)

    def find(self, key: str) -> ActorRef | None:
        """The child under `key`, if there is one."""
        return None if self._dynamic_supervisor is None else self._dynamic_supervisor.find(key)

    async def stop(self, key: str) -> None:
        """Stops a child for good and returns when it has ended. Without effect when there is none.

        Who calls `ensure` meanwhile gets the same ref, and the child is started again afterwards.
        """
        await self._bound().stop(key)

    def keys(self) -> tuple[str, ...]:
        """The keys that are taken, oldest first."""
        return () if self._dynamic_supervisor is None else self._dynamic_supervisor.keys()

    def crash(self, key: str, error: Exception) -> None:
        """For tests and fault injection: the child's handler raises `error` at its next message.

        Raises `KeyError` when there is no such child.
        """
        self._bound().crash(key, error)

    def _bound(self) -> DynamicSupervisorPort:
        if self._dynamic_supervisor is None:
            raise RuntimeError("the tree of this dynamic supervisor has not been built")
        return self._dynamic_supervisor
