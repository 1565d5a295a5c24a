"""Ten thousands of like children under one supervisor: started on demand, each restarted alone, stopped side by side.

It must not keep a task, nursery or timer of its own per child beside the child's one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import trio

from actors.kernel.life import End, How
from actors.kernel.ref import Ref
from supervisors.budget import Budget
from supervisors.failures import Escalated
from supervisors.grounds import Grounds, kill_grace_seconds
from supervisors.handle import CrowdHandle
from supervisors.member import Member
from supervisors.observe import Kind
from supervisors.slot import ActorSlot, report_end, stop_child
from supervisors.spec import CrowdSpec
from supervisors.strategy import wants_restart

__all__ = ["Crowd", "CrowdHandle"]


class Crowd:
    """A branch of like children. It outlives its own restarts, so that their refs do."""

    def __init__(self, spec: CrowdSpec, address: str, grounds: Grounds) -> None:
        self.spec = spec
        self.address = address
        self.incarnation = 0
        self._grounds = grounds
        self._members: dict[str, Member] = {}
        self._budget = Budget(spec.crowd_restarts_max, spec.crowd_window_seconds)
        self._running = 0
        self._is_up = False
        self._error: Exception | None = None
        self._over = trio.Event()
        self._empty = trio.Event()
        spec.handle.bind(self)

    # -- what the handle offers

    def ensure(self, key: str) -> Ref:
        member = self._members.get(key)
        if member is None:
            member = self._members[key] = Member(self.spec, self.address, key, self._grounds)
            if self._is_up:
                self._begin(member)
        elif member.is_stopping:
            member.is_wanted = True
        return member.ref

    def find(self, key: str) -> Ref | None:
        member = self._members.get(key)
        return None if member is None else member.ref

    def keys(self) -> tuple[str, ...]:
        return tuple(self._members)

    def crash(self, key: str, error: Exception) -> None:
        self._members[key].crash(error)

    async def stop(self, key: str) -> None:
        member = self._members.get(key)
        if member is None or not member.is_running:
            if member is not None:
                self._remove(member)
            await trio.lowlevel.checkpoint()
            return
        if member.ended is None:
            member.ended = trio.Event()
        number = member.run_number
        if not await stop_child(self._grounds, member, member.ended, self.spec.stop_seconds):
            self._leave_behind(member, number)

    def slots(self) -> Iterator[ActorSlot]:
        """The actors of this crowd, oldest first."""
        return iter(tuple(self._members.values()))

    # -- from the supervisor

    def request_stop(self) -> None:
        self._over.set()

    def kill(self) -> None:
        self._over.set()
        for member in self._members.values():
            member.is_stopping = True
            member.kill()

    def prepare(self) -> None:
        self.incarnation += 1
        self._over = trio.Event()
        self._error = None
        self._budget = Budget(self.spec.crowd_restarts_max, self.spec.crowd_window_seconds)

    def close(self) -> None:
        members, self._members = self._members, {}
        for member in members.values():
            member.close()

    async def run(self, on_started: Callable[[], None]) -> End:
        self._is_up = True
        for member in self._members.values():
            self._begin(member)
        on_started()
        await self._over.wait()
        self._is_up = False
        await self._stop_all()
        return End(How.FINISHED) if self._error is None else End(How.CRASHED, self._error)

    async def _stop_all(self) -> None:
        if self._running == 0:
            return
        self._empty = trio.Event()
        clock = self._grounds.ports.clock
        running = [member for member in self._members.values() if member.is_running]
        for member in running:
            member.request_stop()
        with clock.move_on_after(self.spec.stop_seconds):
            await self._empty.wait()
            return
        for member in running:
            if member.is_running:
                self._grounds.observe(Kind.KILLED, member.address, member.incarnation)
                member.kill()
        with clock.move_on_after(kill_grace_seconds):
            await self._empty.wait()
            return
        for member in running:
            if member.is_running:
                self._grounds.observe(Kind.STUCK, member.address, member.incarnation)
                self._leave_behind(member, member.run_number)

    # -- one child

    def _begin(self, member: Member) -> None:
        member.run_number += 1
        member.is_running = True
        member.is_stopping = member.is_wanted = False
        self._running += 1
        self._grounds.start_soon(self._live, member, member.run_number, name=member.address)

    async def _live(self, member: Member, run_number: int) -> None:
        """The one task of a child: its incarnations, one after the other."""
        clock = self._grounds.ports.clock
        while not member.is_stopping:
            began = clock.monotonic()
            member.prepare()
            end = await member.run(member.came_up)
            report_end(self._grounds, member, end)
            if member.run_number != run_number:
                return
            if member.is_stopping or not wants_restart(self.spec.restart, end.how):
                break
            if not await self._may_restart(member, end, clock.monotonic() - began):
                break
        self._ended(member)

    async def _may_restart(self, member: Member, end: End, lived_seconds: float) -> bool:
        """Spends from both budgets and sits out the backoff."""
        now = self._grounds.ports.clock.monotonic()
        if not member.spend(now):
            self._grounds.observe(Kind.GAVE_UP, member.address, member.incarnation, end.error)
            if self.spec.fails_with_child:
                self._fail(f"{member.address} restarts too often", end.error)
            return False
        if not self._budget.spend(now):
            self._fail("too many restarts in all", end.error)
            return False
        delay = member.delay_seconds(lived_seconds, self._grounds.ports.random)
        with trio.CancelScope() as member.nap:
            await self._grounds.ports.clock.sleep(delay)
        member.nap = None
        return not member.is_stopping

    def _fail(self, why: str, cause: BaseException | None) -> None:
        if self._error is None and self._is_up:
            self._error = Escalated(self.address, why, cause)
            self._grounds.observe(Kind.ESCALATED, self.address, self.incarnation, self._error)
        self._over.set()

    def _ended(self, member: Member) -> None:
        member.is_running = False
        self._running -= 1
        ended, member.ended = member.ended, None
        # While the crowd itself ends, its members keep their place for its next incarnation.
        if self._is_up and self._error is None:
            if member.is_wanted:
                self._begin(member)
            else:
                self._remove(member)
        if ended is not None:
            ended.set()
        if self._running == 0:
            self._empty.set()

    def _leave_behind(self, member: Member, run_number: int) -> None:
        """Forgets a run that does not end; its task stays until the tree ends."""
        if member.is_running and member.run_number == run_number:
            member.run_number += 1
            self._ended(member)

    def _remove(self, member: Member) -> None:
        if self._members.get(member.key) is member:
            del self._members[member.key]
        member.close()
