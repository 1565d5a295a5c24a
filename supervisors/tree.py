"""Runs a whole tree: built, started in order, stopped in reverse, whatever happens to the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from actors.kernel.directory import Directory
from actors.kernel.incarnation import End
from actors.kernel.mailbox import Carrier, identity_carrier
from actors.kernel.ports import Ports
from supervisors.context import TreeContext
from supervisors.observe import Observer, log_observed
from supervisors.slot import report_end, report_start
from supervisors.spec import SupervisorSpec
from supervisors.supervisor import Supervisor


class Tree:
    """A running tree."""

    def __init__(self, spec: SupervisorSpec, directory: Directory) -> None:
        self.spec = spec
        self.directory = directory
        self.ended = trio.Event()
        self._settled = trio.Event()  # came up, or ended before
        self._root: Supervisor | None = None
        self._stop_requested = False

    def request_stop(self) -> None:
        """Begins the ordered stop; `ended` is set when it is done."""
        self._stop_requested = True
        if self._root is not None:
            self._root.request_stop()

    def crash(self, address: str, error: Exception) -> None:
        """For tests and fault injection: the actor's handler raises at its next message. `KeyError` for no actor."""
        assert self._root is not None
        for slot in self._root.slots():
            if slot.address == address:
                slot.crash(error)
                return
        raise KeyError(address)

    async def _run(self, ports: Ports, carrier: Carrier, observer: Observer) -> None:
        end: End | None = None
        try:
            # The caller's cancellation arrives as an orderly request to stop, see `running`.
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    tree = TreeContext(ports, self.directory, carrier, observer, nursery)
                    root = self._root = Supervisor(self.spec, self.spec.name, tree)

                    def came_up() -> None:
                        report_start(tree, root)
                        self._settled.set()

                    root.prepare()
                    if not self._stop_requested:
                        end = await root.run(came_up)
                        report_end(tree, root, end)
                    root.close()
                    nursery.cancel_scope.cancel()
        finally:
            self._settled.set()
            self.ended.set()
        if end is not None and end.error is not None:
            raise end.error


@asynccontextmanager
async def running(
    spec: SupervisorSpec,
    ports: Ports,
    directory: Directory,
    *,
    carrier: Carrier = identity_carrier,
    observer: Observer = log_observed,
) -> AsyncIterator[Tree]:
    """The tree, come up. It is stopped in order when the block ends, also by an error or cancellation.

    Raises `StartFailed` when it does not come up, and `Escalated` (cancelling the block) when it fails later.
    """
    tree = Tree(spec, directory)
    lone: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree._run, ports, carrier, observer, name=spec.name)
            try:
                await tree._settled.wait()
                if not tree.ended.is_set():
                    yield tree
            finally:
                tree.request_stop()
                with trio.CancelScope(shield=True):
                    await tree.ended.wait()
    except BaseExceptionGroup as group:
        # Callers expect the error that they, or the tree, raised; not the nursery's wrapping.
        if len(group.exceptions) > 1:
            raise
        lone = group.exceptions[0]
    if lone is not None:
        raise lone


async def run(
    spec: SupervisorSpec,
    ports: Ports,
    directory: Directory,
    *,
    carrier: Carrier = identity_carrier,
    observer: Observer = log_observed,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Runs a tree until it fails, or until the caller is cancelled."""
    async with running(spec, ports, directory, carrier=carrier, observer=observer) as tree:
        on_started()
        await tree.ended.wait()
