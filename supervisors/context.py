"""What all of one tree share: ports, directory, carrier, observer, and the one nursery that every task lives in.

The tasks of a tree are siblings in one nursery, not nested ones: a child that does not end even when cancelled is left
behind there, while its supervisor goes on; nested nurseries would hang with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio

from actors.kernel.directory import Directory
from actors.kernel.mailbox import Carrier
from actors.kernel.ports import Ports
from supervisors.observe import Kind, Observed, Observer

# How long a cancelled child may take to notice before it is left behind.
kill_grace_seconds = 1.0


class TreeContext:
    """What every child of one tree shares."""

    def __init__(
        self, ports: Ports, directory: Directory, carrier: Carrier, observer: Observer, nursery: trio.Nursery
    ) -> None:
        self.ports = ports
        self.directory = directory
        self.carrier = carrier
        self._observer = observer
        self._nursery = nursery

    def start_soon(self, run: Callable[..., Awaitable[Any]], *args: Any, name: str) -> None:
        self._nursery.start_soon(run, *args, name=name)

    def observe(self, kind: Kind, address: str, incarnation: int, error: BaseException | None = None) -> None:
        """Tells the observer; one that raises is logged, because supervision must go on."""
        try:
            self._observer(Observed(kind, address, incarnation, self.ports.clock.monotonic(), error))
        except Exception:  # noqa: BLE001 - see above
            structlog.get_logger().exception("supervision.observer_failed", address=address, kind=kind.value)

    def cleanup_failed(self, address: str, incarnation: int, error: BaseException | None) -> None:
        self.observe(Kind.CLEANUP_FAILED, address, incarnation, error)
