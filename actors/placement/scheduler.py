"""The scheduler's actor: places one VM at a time and holds the capacity until the VM's own row says where it runs.

Nothing of it is durable: the columns are kept by the rows, and what was held for an operation is asked for again by the
operation after a restart of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from actors.entity.services import Services
from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.placement.columns import HostColumns
from actors.placement.messages import Place, Placed, ReleasePlacement
from actors.placement.policy import Choice, Policy, choose, evenly_distributed
from protocol.errors import NoHostFits, Refusal
from protocol.message import Message
from protocol.node.reports import Done

hold_seconds: Final = 120.0
"""A hold that nobody releases ends then: its operation lives in a VM's state and would have asked again."""

explained_hosts_max: Final = 20
"""Lines of explanation that travel with a placement; the scheduler's log has the total of hosts."""


@attrs.frozen
class PlacementHold:
    """Capacity of one host held for one operation."""

    vm_id: str
    host_id: str
    until: float  # monotonic


@attrs.define
class PlacementHolds:
    """What outlives an incarnation of the scheduler: the columns and who holds what."""

    hosts: HostColumns = attrs.field(factory=HostColumns)
    by_operation: dict[str, PlacementHold] = attrs.field(factory=dict)


def scheduler(services: Services, policy: Policy = evenly_distributed) -> Callable[[Context], Actor]:
    """The factory of `scheduler/main`. They observe the rows from now on, whatever happens to the actor."""
    holds = PlacementHolds()
    services.rows.observe(holds.hosts.observe)
    return lambda context: SchedulerActor(context, holds, policy)


class SchedulerActor(Actor):
    """Answers `Place` with `Placed` or a refusal that names every host, and `ReleasePlacement` with `Done`."""

    def __init__(self, context: Context, holds: PlacementHolds, policy: Policy) -> None:
        super().__init__(context)
        self._holds = holds
        self._policy = policy

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case Place() as request:
                self.context.reply(envelope, self._place(request))
            case ReleasePlacement(operation_id=operation_id):
                self._release(operation_id)
                self.context.reply(envelope, Done())
            case other:
                raise NotImplementedError(f"{self.context.address} got {type(other).__name__}")

    def _place(self, request: Place) -> Message:
        self._expire()
        hosts, holds = self._holds.hosts, self._holds.by_operation
        held = holds.get(request.operation_id)
        if held is not None:
            row = hosts.row_of(held.host_id)
            if row is not None and hosts.statuses[row] == "up":
                return Placed(host_id=held.host_id)
            self._release(request.operation_id)
        choice = choose(self._policy, request, hosts)
        if choice.row is None:
            return refusal_of(request, choice)
        host_id = hosts.ids[choice.row]
        hosts.hold(request.operation_id, request.vm_id, choice.row, request.memory_bytes, request.vcpus)
        holds[request.operation_id] = PlacementHold(
            request.vm_id, host_id, self.context.ports.clock.monotonic() + hold_seconds
        )
        return Placed(host_id=host_id, explanation=choice.explanation(explained_hosts_max))

    def _release(self, operation_id: str) -> None:
        self._holds.by_operation.pop(operation_id, None)
        self._holds.hosts.release(operation_id)

    def _expire(self) -> None:
        now = self.context.ports.clock.monotonic()
        # Holds are in the order of their ends, because all last equally long.
        while self._holds.by_operation:
            operation_id, hold = next(iter(self._holds.by_operation.items()))
            if hold.until > now:
                return
            self.context.log.warning("a placement was never released", operation=operation_id, vm=hold.vm_id)
            self._release(operation_id)


def refusal_of(request: Place, choice: Choice) -> Refusal:
    """No host fits, with the reason of each."""
    reasons = choice.reasons() or ("There is no host yet.",)
    return NoHostFits(
        f"No host can run the VM {request.vm_name!r}.",
        remedy="Free capacity on a host, activate one, or ask for less.",
        entity=request.vm_id,
        reasons=reasons,
    ).refusal
