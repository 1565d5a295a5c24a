"""What scripts on the simulated cluster share: commands that must be accepted, calls that go wrong, and the verdict."""

from __future__ import annotations

from typing import Any

from node.world.faults import CallFault, FaultHook
from protocol.command import Command
from protocol.document import Ref
from protocol.live.engine import Accepted
from protocol.vm.commands import AddVm
from protocol.vm.model import Vm
from tests.sim.cluster import Cluster
from tests.sim.scenario import Result

MiB = 1024**2


def well(result: Result) -> None:
    """No checker found anything."""
    assert not result.violations, "\n".join(map(str, (*result.violations, *result.log[-200:])))


def slow(slow_call: str, seconds: float) -> FaultHook:
    """Every such call takes that long."""
    return lambda _, call, __: CallFault(delay_seconds=seconds) if call == slow_call else None


async def accepted(cluster: Cluster, command: Command) -> Accepted:
    reply = await cluster.ask(command)
    assert isinstance(reply, Accepted), reply
    return reply


async def refused(cluster: Cluster, command: Command) -> str:
    """The code of the refusal."""
    reply = await cluster.ask(command)
    assert reply is not None
    assert not isinstance(reply, Accepted), reply
    return reply.code


async def add_vm(cluster: Cluster, name: str = "web") -> str:
    """The id of a VM without disks."""
    cluster_id = next(id for kind, id in cluster.tables.folder.states if kind == "cluster")
    vm = Vm(name=name, memory=256 * MiB, cluster=Ref(id=cluster_id))
    return (await accepted(cluster, AddVm(document=vm))).id


def state_of(cluster: Cluster, kind: str, id: str) -> Any:
    """As the journal has it; None when it is gone."""
    return cluster.tables.folder.states.get((kind, id))


def times_said(cluster: Cluster, text: str) -> int:
    """In how many lines of the run's log that text stands; events of the audit trail are among them."""
    return sum(text in line for line in cluster.truth.log)
