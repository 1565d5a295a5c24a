"""A VM is never free to start elsewhere while a QEMU of it may run: not after an undo that failed, not beside a copy."""

from __future__ import annotations

import attrs
import trio

from node.world.faults import CallFault
from protocol.document import Ref
from protocol.errors import HostFailed
from protocol.host.commands import FenceHost
from protocol.vm.commands import KeepVmRun, StartVm
from protocol.vm.model import Vm, VmPlacementPolicy
from tests.sim.cluster import Cluster
from tests.sim.node import SimNode
from tests.sim.scenario import run_script
from tests.sim.scripts import accepted, add_vm, refused, state_of, times_said, well


@attrs.define
class SickHost:
    """A host on which starts take effect and then fail, and nothing can be ended."""

    name: str = ""
    ends_nothing: bool = True

    def __call__(self, host: str, call: str, subject: str) -> CallFault | None:
        if call == "start" and self.name in ("", host):
            self.name = host
            return CallFault(fail_after=HostFailed("simulated: it failed after all."))
        if call == "destroy" and host == self.name and self.ends_nothing:
            return CallFault(fail=HostFailed("simulated: QEMU does not die."))
        return None


def other_host(cluster: Cluster, name: str) -> SimNode:
    return next(node for node in cluster.nodes if node.host.name != name)


def start_on(vm_id: str, host_id: str) -> StartVm:
    return StartVm(id=vm_id, vm=Vm(placement_policy=VmPlacementPolicy(hosts=(Ref(id=host_id),))))


async def left_half_started(cluster: Cluster, sick: SickHost) -> str:
    """A VM whose start failed on a host that cannot end what the start has left."""
    cluster.world.fault_hook = sick
    vm_id = await add_vm(cluster)
    await trio.sleep(1.0)
    await accepted(cluster, StartVm(id=vm_id))
    await trio.sleep(5.0)
    assert cluster.world.running()[vm_id], "the start has taken effect"
    return vm_id


def test_a_start_that_cannot_be_undone_keeps_the_vm_until_its_host_has_ended_it() -> None:
    async def script(cluster: Cluster) -> None:
        sick = SickHost()
        vm_id = await left_half_started(cluster, sick)
        other = other_host(cluster, sick.name)
        assert await refused(cluster, start_on(vm_id, other.host_id)) == "busy"
        assert state_of(cluster, "vm", vm_id).status == "unknown"
        await trio.sleep(120.0)
        assert await refused(cluster, start_on(vm_id, other.host_id)) == "busy"
        assert times_said(cluster, "cannot end what is left") == 1
        sick.ends_nothing = False
        await trio.sleep(120.0)
        assert state_of(cluster, "vm", vm_id).status == "down"
        assert vm_id not in cluster.world.running()
        await accepted(cluster, start_on(vm_id, other.host_id))
        await trio.sleep(30.0)
        assert state_of(cluster, "vm", vm_id).host_id == other.host_id

    well(run_script(script, hosts=2, hosts_are_well=False))


def test_it_is_asked_again_when_its_host_or_the_engine_comes_back() -> None:
    async def script(cluster: Cluster) -> None:
        sick = SickHost()
        vm_id = await left_half_started(cluster, sick)
        await trio.sleep(60.0)
        sick.ends_nothing = False
        cluster.engines[0].kill()
        await trio.sleep(15.0)
        assert state_of(cluster, "vm", vm_id).status == "down"
        assert vm_id not in cluster.world.running()

    well(run_script(script, hosts=2, hosts_are_well=False))


def test_a_confirmed_reboot_proves_it() -> None:
    async def script(cluster: Cluster) -> None:
        sick = SickHost()
        vm_id = await left_half_started(cluster, sick)
        node = next(node for node in cluster.nodes if node.host.name == sick.name)
        node.host.power_off()
        await trio.sleep(30.0)
        await accepted(cluster, FenceHost(id=node.host_id))
        await trio.sleep(1.0)
        assert state_of(cluster, "vm", vm_id).status == "down"
        await accepted(cluster, start_on(vm_id, other_host(cluster, sick.name).host_id))
        node.host.power_on()
        await trio.sleep(30.0)

    well(run_script(script, hosts=2, hosts_are_well=False))


def test_a_host_that_was_not_rebooted_comes_back_with_its_vm_and_everybody_hears_of_it() -> None:
    async def script(cluster: Cluster) -> None:
        vm_id = await add_vm(cluster)
        await trio.sleep(1.0)
        await accepted(cluster, StartVm(id=vm_id))
        await trio.sleep(10.0)
        first = next(node for node in cluster.nodes if node.host_id == state_of(cluster, "vm", vm_id).host_id)
        second = other_host(cluster, first.host.name)
        first.dial.faults.refuses = True
        first.dial.cut_all("cut off")
        await trio.sleep(15.0)
        cluster.truth.operator_lied = True
        await accepted(cluster, FenceHost(id=first.host_id))
        await trio.sleep(1.0)
        await accepted(cluster, start_on(vm_id, second.host_id))
        await trio.sleep(10.0)
        assert len(cluster.world.running()[vm_id]) == 2
        first.dial.faults.refuses = False
        await trio.sleep(15.0)
        assert [copy.host_id for copy in state_of(cluster, "vm", vm_id).copies] == [first.host_id]
        assert times_said(cluster, "Both may write to its disks") == 1
        await accepted(cluster, KeepVmRun(id=vm_id, host=Ref(id=first.host_id)))
        await trio.sleep(15.0)
        (qemu,) = cluster.world.running()[vm_id]
        state = state_of(cluster, "vm", vm_id)
        assert (qemu.host, state.host_id, state.status, state.copies) == (first.host.name, first.host_id, "up", ())

    well(run_script(script, hosts=2, hosts_are_well=False))
