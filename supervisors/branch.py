"""The supervisor: starts children in order, restarts them by its strategy, stops them in reverse.

It must not know what a child does, and it never runs a child inside its own task: a raise there is just news here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import attrs
import trio

from actors.kernel.life import End, How
from supervisors.budget import Budget
from supervisors.crowd import Crowd
from supervisors.failures import Escalated, StartFailed
from supervisors.grounds import Grounds
from supervisors.observe import Kind
from supervisors.seat import PlainSlot, Seat
from supervisors.slot import ActorSlot, Child, kill_child, report_end, report_start, stop_child
from supervisors.spec import ChildSpec, CrowdSpec, SupervisorSpec
from supervisors.strategy import Restart, affected, wants_restart


@attrs.frozen
class _Ended:
    seat: Seat
    run_number: int
    end: End


@attrs.frozen
class _Due:
    ticket: int


class Supervisor:
    """A branch of the tree. It outlives its own restarts, so that the refs of its children do."""

    def __init__(self, spec: SupervisorSpec, address: str, grounds: Grounds) -> None:
        self.spec = spec
        self.address = address
        self.incarnation = 0
        self._grounds = grounds
        self._seats = [Seat(child, self._child(child), spec.window_seconds) for child in spec.children]
        self._budget = Budget(spec.restarts_max, spec.window_seconds)
        self._send, self._news = trio.open_memory_channel[_Ended | _Due | None](math.inf)
        self._scope = trio.CancelScope()
        self._naps: list[trio.CancelScope] = []
        self._starting: Seat | None = None
        self._stop_requested = False
        self._tickets = 0

    def _child(self, spec: ChildSpec) -> Child:
        factory = spec.factory
        path = f"{self.address}/{spec.name}"
        if isinstance(factory, SupervisorSpec):
            return Supervisor(factory, spec.address or path, self._grounds)
        if isinstance(factory, CrowdSpec):
            return Crowd(factory, spec.address or factory.address or path, self._grounds)
        return PlainSlot(spec, factory, spec.address or path, self._grounds)

    def slots(self) -> Iterator[ActorSlot]:
        """The actors of this branch, in start order."""
        for seat in self._seats:
            child = seat.child
            if isinstance(child, Supervisor | Crowd):
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
        for seat in reversed(self._seats):
            seat.is_stopping = True
            seat.child.kill()
        self._scope.cancel()

    def prepare(self) -> None:
        self.incarnation += 1
        self._stop_requested = False
        self._budget = Budget(self.spec.restarts_max, self.spec.window_seconds)
        self._send, self._news = trio.open_memory_channel[_Ended | _Due | None](math.inf)

    def close(self) -> None:
        for seat in reversed(self._seats):
            seat.child.close()

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
            for seat in reversed(self._seats):
                await self._stop(seat)
        if error is not None:
            return End(How.CRASHED, error, came_up)
        return End(How.KILLED if self._scope.cancelled_caught else How.FINISHED, None, came_up)

    async def _start_all(self) -> Exception | None:
        for seat in self._seats:
            if self._stop_requested:
                return None
            if not await self._start(seat) and not self._stop_requested:
                return StartFailed(self.address, f"{seat.child.address} did not start", seat.error)
        return None

    async def _watch(self) -> Exception | None:
        async for news in self._news:
            if self._stop_requested:
                return None
            failed: Seat | None = None
            if isinstance(news, _Due):
                failed = await self._start_due(news.ticket)
            elif isinstance(news, _Ended):
                failed = self._look_after(news)
            while failed is not None and not self._stop_requested:
                if not self._budget.spend(self._grounds.ports.clock.monotonic()):
                    why = f"more than {self.spec.restarts_max} restarts in {self.spec.window_seconds:g} seconds"
                    error = Escalated(self.address, why, failed.error)
                    self._grounds.observe(Kind.ESCALATED, self.address, self.incarnation, error)
                    return error
                failed = await self._restart_with(failed)
        return None

    def _look_after(self, news: _Ended) -> Seat | None:
        """The seat to restart, if this end asks for it. One that waits for a restart already is not counted twice."""
        seat = news.seat
        if news.run_number != seat.run_number or seat.due:
            return None
        if wants_restart(seat.spec.restart, news.end.how):
            return seat
        seat.child.close()
        return None

    async def _restart_with(self, failed: Seat) -> Seat | None:
        """Takes down who goes down with it and lets them come back, now or later. Returns who failed to."""
        positions = affected(self.spec.strategy, self._seats.index(failed), len(self._seats))
        self._tickets += 1
        for position in reversed(positions):
            seat = self._seats[position]
            await self._stop(seat)
            if seat.spec.restart is Restart.TEMPORARY:
                seat.child.close()
            else:
                seat.due = self._tickets
        lived = self._grounds.ports.clock.monotonic() - failed.started_at if failed.came_up else 0.0
        delay = self.spec.backoff.delay_seconds(failed.streak.next(lived), self._grounds.ports.random)
        if delay <= 0.0:
            return await self._start_due(self._tickets)
        self._grounds.start_soon(self._nap, delay, self._tickets, name=f"{self.address} waits to restart")
        return None

    async def _nap(self, seconds: float, ticket: int) -> None:
        with trio.CancelScope() as nap:
            self._naps.append(nap)
            await self._grounds.ports.clock.sleep(seconds)
            self._send.send_nowait(_Due(ticket))
        self._naps.remove(nap)

    async def _start_due(self, ticket: int) -> Seat | None:
        """Starts who holds the ticket, in order. A later crash of an elder sibling has taken the ticket away."""
        for seat in self._seats:
            if self._stop_requested:
                return None
            if seat.due == ticket and not await self._start(seat):
                return seat
        return None

    # -- one child

    async def _start(self, seat: Seat) -> bool:
        """Starts a child and waits until it has come up; False when it has not."""
        seat.due = 0
        seat.run_number += 1
        seat.is_running = True
        seat.is_stopping = seat.came_up = False
        seat.error = None
        seat.decided, seat.ended = trio.Event(), trio.Event()
        seat.started_at = self._grounds.ports.clock.monotonic()
        seat.child.prepare()
        self._grounds.start_soon(self._sit, seat, seat.run_number, name=seat.child.address)
        self._starting = seat
        # The child itself keeps its deadline; this one is for a child that does not even notice being cancelled.
        with self._grounds.ports.clock.move_on_after(seat.start_seconds + seat.stop_seconds):
            await seat.decided.wait()
        self._starting = None
        if not seat.decided.is_set():
            seat.is_stopping = True
            seat.error = TimeoutError(f"{seat.child.address} did not start")
            if not await kill_child(self._grounds, seat.child, seat.ended):
                self._leave_behind(seat)
        return seat.came_up

    async def _sit(self, seat: Seat, run_number: int) -> None:
        """The task of one run of a child."""

        def came_up() -> None:
            if seat.run_number == run_number:
                seat.came_up = True
                seat.decided.set()
            report_start(self._grounds, seat.child)

        try:
            end = await seat.child.run(came_up)
        except Exception as error:  # noqa: BLE001 - a fault of the supervision itself must not cancel the siblings
            end = End(How.CRASHED, error, seat.came_up)
        report_end(self._grounds, seat.child, end)
        if seat.run_number != run_number:
            return
        seat.is_running = False
        seat.error = end.error
        seat.decided.set()
        seat.ended.set()
        if seat.came_up and not seat.is_stopping:
            self._send.send_nowait(_Ended(seat, run_number, end))

    async def _stop(self, seat: Seat) -> None:
        seat.due = 0
        if not seat.is_running:
            return
        seat.is_stopping = True
        if not await stop_child(self._grounds, seat.child, seat.ended, seat.stop_seconds):
            self._leave_behind(seat)

    def _leave_behind(self, seat: Seat) -> None:
        """Forgets a run that does not end; it is fenced by its number, and its task stays until the tree ends."""
        seat.run_number += 1
        seat.is_running = False
        seat.decided.set()
        seat.ended.set()
