"""Tens of thousands of similar children under one supervisor: started on demand, restarted one by one, stopped in
parallel.

It must not keep a task, nursery or timer of its own per child besides the child's one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import trio

from actors.kernel.incarnation import End, How
from actors.kernel.ref import ActorRef
from supervisors.budget import Budget
from supervisors.context import TreeContext, kill_grace_seconds
from supervisors.dynamic_child import DynamicChild
from supervisors.failures import Escalated
from supervisors.handle import DynamicSupervisorHandle
from supervisors.observe import Kind
from supervisors.slot import ActorSlot, report_end, stop_child
from supervisors.spec import DynamicSupervisorSpec
from supervisors.strategy import wants_restart

__all__ = ["DynamicSupervisor", "DynamicSupervisorHandle"]


class DynamicSupervisor:
    """A supervisor of like children. It outlives its own restarts, so that their refs do."""

    def __init__(self, spec: DynamicSupervisorSpec, address: str, tree: TreeContext) -> None:
        self.spec = spec
        self.address = address
        self.incarnation = 0
        self._tree = tree
        self._children: dict[str, DynamicChild] = {}
        self._budget = Budget(spec.total_restarts_max, spec.total_window_seconds)
        self._running = 0
        self._is_up = False
        self._error: Exception | None = None
        self._over = trio.Event()
        self._empty = trio.Event()
        spec.handle.bind(self)

    # -- what the handle offers

    def ensure(self, key: str) -> ActorRef:
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = DynamicChild(self.spec, self.address, key, self._tree)
            if self._is_up:
                self._begin(child)
        elif child.is_stopping:
            child.is_wanted = True
        return child.ref

    def find(self, key: str) -> ActorRef | None:
        child = self._children.get(key)
        return None if child is None else child.ref

    def keys(self) -> tuple[str, ...]:
        return tuple(self._children)

    def crash(self, key: str, error: Exception) -> None:
        self._children[key].crash(error)

    async def stop(self, key: str) -> None:
        child = self._children.get(key)
        if child is None or not child.is_running:
            if child is not None:
                self._remove(child)
            await trio.lowlevel.checkpoint()
            return
        if child.ended is None:
            child.ended = trio.Event()
        number = child.task_number
        if not await stop_child(self._tree, child, child.ended, self.spec.stop_seconds):
            self._leave_behind(child, number)

    def slots(self) -> Iterator[ActorSlot]:
        """The actors of this dynamic supervisor, oldest first."""
        return iter(tuple(self._children.values()))

    # -- from the supervisor

    def request_stop(self) -> None:
        self._over.set()

    def kill(self) -> None:
        self._over.set()
        for child in self._children.values():
            child.is_stopping = True
            child.kill()

    def prepare(self) -> None:
        self.incarnation += 1
        self._over = trio.Event()
        self._error = None
        self._budget = Budget(self.spec.total_restarts_max, self.spec.total_window_seconds)

    def close(self) -> None:
        children, self._children = self._children, {}
        for child in children.values():
            child.close()

    async def run(self, on_started: Callable[[], None]) -> End:
        self._is_up = True
        for child in self._children.values():
            self._begin(child)
        on_started()
        await self._over.wait()
        self._is_up = False
        await self._stop_all()
        return End(How.FINISHED) if self._error is None else End(How.CRASHED, self._error)

    async def _stop_all(self) -> None:
        if self._running == 0:
            return
        self._empty = trio.Event()
        clock = self._tree.ports.clock
        running = [child for child in self._children.values() if child.is_running]
        for child in running:
            child.request_stop()
        with clock.move_on_after(self.spec.stop_seconds):
            await self._empty.wait()
            return
        for child in running:
            if child.is_running:
                self._tree.observe(Kind.KILLED, child.address, child.incarnation)
                child.kill()
        with clock.move_on_after(kill_grace_seconds):
            await self._empty.wait()
            return
        for child in running:
            if child.is_running:
                self._tree.observe(Kind.STUCK, child.address, child.incarnation)
                self._leave_behind(child, child.task_number)

    # -- one child

    def _begin(self, child: DynamicChild) -> None:
        child.task_number += 1
        child.is_running = True
        child.is_stopping = child.is_wanted = False
        self._running += 1
        self._tree.start_soon(self._live, child, child.task_number, name=child.address)

    async def _live(self, child: DynamicChild, task_number: int) -> None:
        """The one task of a child: its incarnations, one after the other."""
        clock = self._tree.ports.clock
        while not child.is_stopping:
            began = clock.monotonic()
            child.prepare()
            end = await child.run(child.came_up)
            report_end(self._tree, child, end)
            if child.task_number != task_number:
                return
            if child.is_stopping or not wants_restart(self.spec.restart, end.how):
                break
            if not await self._may_restart(child, end, clock.monotonic() - began):
                break
        self._ended(child)

    async def _may_restart(self, child: DynamicChild, end: End, lived_seconds: float) -> bool:
        """Spends from both budgets and sits out the backoff."""
        now = self._tree.ports.clock.monotonic()
        if not child.spend(now):
            self._tree.observe(Kind.GAVE_UP, child.address, child.incarnation, end.error)
            if self.spec.fails_with_child:
                self._fail(f"{child.address} restarts too often", end.error)
            return False
        if not self._budget.spend(now):
            self._fail("too many restarts in all", end.error)
            return False
        delay = child.delay_seconds(lived_seconds, self._tree.ports.random)
        with trio.CancelScope() as child.nap:
            await self._tree.ports.clock.sleep(delay)
        child.nap = None
        return not child.is_stopping

    def _fail(self, why: str, cause: BaseException | None) -> None:
        if self._error is None and self._is_up:
            self._error = Escalated(self.address, why, cause)
            self._tree.observe(Kind.ESCALATED, self.address, self.incarnation, self._error)
        self._over.set()

    def _ended(self, child: DynamicChild) -> None:
        child.is_running = False
        self._running -= 1
        ended, child.ended = child.ended, None
        # While the dynamic supervisor itself ends, its children keep their place for its next incarnation.
        if self._is_up and self._error is None:
            if child.is_wanted:
                self._begin(child)
            else:
                self._remove(child)
        if ended is not None:
            ended.set()
        if self._running == 0:
            self._empty.set()

    def _leave_behind(self, child: DynamicChild, task_number: int) -> None:
        """Forgets a run that does not end; its task stays until the tree ends."""
        if child.is_running and child.task_number == task_number:
            child.task_number += 1
            self._ended(child)

    def _remove(self, child: DynamicChild) -> None:
        if self._children.get(child.key) is child:
            del self._children[child.key]
        child.close()
