"""The supervisor: starts children in order, restarts them by its strategy, stops them in reverse.

It must not know what a child does, and it never runs a child inside its own task: a child's exception is only news
here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import attrs
import trio

from actors.kernel.incarnation import End, How
from supervisors.budget import Budget
from supervisors.child_record import ChildRecord, PlainSlot
from supervisors.context import TreeContext
from supervisors.dynamic_supervisor import DynamicSupervisor
from supervisors.failures import Escalated, StartFailed
from supervisors.observe import Kind
from supervisors.slot import ActorSlot, Child, kill_child, report_end, report_start, stop_child
from supervisors.spec import ChildSpec, DynamicSupervisorSpec, SupervisorSpec
from supervisors.strategy import Restart, affected, wants_restart


@attrs.frozen
class _Ended:
    record: ChildRecord
    task_number: int
    end: End


@attrs.frozen
class _Due:
    ticket: int


class Supervisor:
    """One supervisor of the tree. It outlives its own restarts, so that the refs of its children do."""

    def __init__(self, spec: SupervisorSpec, address: str, tree: TreeContext) -> None:
        self.spec = spec
        self.address = address
        self.incarnation = 0
        self._tree = tree
        self._records = [ChildRecord(child, self._child(child), spec.window_seconds) for child in spec.children]
        self._budget = Budget(spec.restarts_max, spec.window_seconds)
        self._send, self._news = trio.open_memory_channel[_Ended | _Due | None](math.inf)
        self._scope = trio.CancelScope()
        self._naps: list[trio.CancelScope] = []
        self._starting: ChildRecord | None = None
        self._stop_requested = False
        self._tickets = 0

    def _child(self, spec: ChildSpec) -> Child:
        factory = spec.factory
        path = f"{self.address}/{spec.name}"
        if isinstance(factory, SupervisorSpec):
            return Supervisor(factory, spec.address or path, self._tree)
        if isinstance(factory, DynamicSupervisorSpec):
            return DynamicSupervisor(factory, spec.address or factory.address or path, self._tree)
        return PlainSlot(spec, factory, spec.address or path, self._tree)

    def slots(self) -> Iterator[ActorSlot]:
        """The actors below this supervisor, in start order."""
        for record in self._records:
            child = record.child
            if isinstance(child, Supervisor | DynamicSupervisor):
                yield from child.slots()
            elif isinstance(child, ActorSlot):
                yield child

    # -- from outside

    def request_stop(self) -> None:
        self._stop_requested = True
        self._send.send_nowait(None)
        if self._starting is not None:
            self._starting.is_stopping = True
            self._starting.child.request_stop()

    def kill(self) -> None:
        self._stop_requested = True
        for record in reversed(self._records):
            record.is_stopping = True
            record.child.kill()
        self._scope.cancel()

    def prepare(self) -> None:
        self.incarnation += 1
        self._stop_requested = False
        self._budget = Budget(self.spec.restarts_max, self.spec.window_seconds)
        self._send, self._news = trio.open_memory_channel[_Ended | _Due | None](math.inf)

    def close(self) -> None:
        for record in reversed(self._records):
            record.child.close()

    # -- one incarnation

    async def run(self, on_started: Callable[[], None]) -> End:
        came_up = False
        error: Exception | None = None
        with trio.CancelScope() as self._scope:
            error = await self._start_all()
            if error is None and not self._stop_requested:
                came_up = True
                on_started()
                error = await self._watch()
        for nap in self._naps:
            nap.cancel()
        with trio.CancelScope(shield=True):
            for record in reversed(self._records):
                await self._stop(record)
        if error is not None:
            return End(How.CRASHED, error, came_up)
        return End(How.KILLED if self._scope.cancelled_caught else How.FINISHED, None, came_up)

    async def _start_all(self) -> Exception | None:
        for record in self._records:
            if self._stop_requested:
                return None
            if not await self._start(record) and not self._stop_requested:
                return StartFailed(self.address, f"{record.child.address} did not start", record.error)
        return None

    async def _watch(self) -> Exception | None:
        async for news in self._news:
            if self._stop_requested:
                return None
            failed: ChildRecord | None = None
            if isinstance(news, _Due):
                failed = await self._start_due(news.ticket)
            elif isinstance(news, _Ended):
                failed = self._look_after(news)
            while failed is not None and not self._stop_requested:
                if not self._budget.spend(self._tree.ports.clock.monotonic()):
                    why = f"more than {self.spec.restarts_max} restarts in {self.spec.window_seconds:g} seconds"
                    error = Escalated(self.address, why, failed.error)
                    self._tree.observe(Kind.ESCALATED, self.address, self.incarnation, error)
                    return error
                failed = await self._restart_with(failed)
        return None

    def _look_after(self, news: _Ended) -> ChildRecord | None:
        """The child to restart, if this end asks for it. One that waits for a restart already is not counted twice."""
        record = news.record
        if news.task_number != record.task_number or record.due:
            return None
        if wants_restart(record.spec.restart, news.end.how):
            return record
        record.child.close()
        return None

    async def _restart_with(self, failed: ChildRecord) -> ChildRecord | None:
        """Takes down who goes down with it and lets them come back, now or later. Returns who failed to."""
        positions = affected(self.spec.strategy, self._records.index(failed), len(self._records))
        self._tickets += 1
        for position in reversed(positions):
            record = self._records[position]
            await self._stop(record)
            if record.spec.restart is Restart.TEMPORARY:
                record.child.close()
            else:
                record.due = self._tickets
        lived = self._tree.ports.clock.monotonic() - failed.started_at if failed.came_up else 0.0
        delay = self.spec.backoff.delay_seconds(failed.streak.next(lived), self._tree.ports.random)
        if delay <= 0.0:
            return await self._start_due(self._tickets)
        self._tree.start_soon(self._nap, delay, self._tickets, name=f"{self.address} waits to restart")
        return None

    async def _nap(self, seconds: float, ticket: int) -> None:
        with trio.CancelScope() as nap:
            self._naps.append(nap)
            await self._tree.ports.clock.sleep(seconds)
            self._send.send_nowait(_Due(ticket))
        self._naps.remove(nap)

    async def _start_due(self, ticket: int) -> ChildRecord | None:
        """Starts who holds the ticket, in order. A later crash of an elder sibling has taken the ticket away."""
        for record in self._records:
            if self._stop_requested:
                return None
            if record.due == ticket and not await self._start(record):
                return record
        return None

    # -- one child

    async def _start(self, record: ChildRecord) -> bool:
        """Starts a child and waits until it has come up; False when it has not."""
        record.due = 0
        record.task_number += 1
        record.is_running = True
        record.is_stopping = record.came_up = False
        record.error = None
        record.decided, record.ended = trio.Event(), trio.Event()
        record.started_at = self._tree.ports.clock.monotonic()
        record.child.prepare()
        self._tree.start_soon(self._run_child, record, record.task_number, name=record.child.address)
        self._starting = record
        # The child itself keeps its deadline; this one is for a child that does not even notice being cancelled.
        with self._tree.ports.clock.move_on_after(record.start_seconds + record.stop_seconds):
            await record.decided.wait()
        self._starting = None
        if not record.decided.is_set():
            record.is_stopping = True
            record.error = TimeoutError(f"{record.child.address} did not start")
            if not await kill_child(self._tree, record.child, record.ended):
                self._leave_behind(record)
        return record.came_up

    async def _run_child(self, record: ChildRecord, task_number: int) -> None:
        """The task of one run of a child."""

        def came_up() -> None:
            if record.task_number == task_number:
                record.came_up = True
                record.decided.set()
            report_start(self._tree, record.child)

        try:
            end = await record.child.run(came_up)
        except Exception as error:  # noqa: BLE001 - a fault of the supervision itself must not cancel the siblings
            end = End(How.CRASHED, error, record.came_up)
        report_end(self._tree, record.child, end)
        if record.task_number != task_number:
            return
        record.is_running = False
        record.error = end.error
        record.decided.set()
        record.ended.set()
        if record.came_up and not record.is_stopping:
            self._send.send_nowait(_Ended(record, task_number, end))

    async def _stop(self, record: ChildRecord) -> None:
        record.due = 0
        if not record.is_running:
            return
        record.is_stopping = True
        if not await stop_child(self._tree, record.child, record.ended, record.stop_seconds):
            self._leave_behind(record)

    def _leave_behind(self, record: ChildRecord) -> None:
        """Forgets a run that does not end; it is fenced by its number, and its task stays until the tree ends."""
        record.task_number += 1
        record.is_running = False
        record.decided.set()
        record.ended.set()
