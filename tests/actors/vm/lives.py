"""VMs at points of their lives that several tests begin with."""

from __future__ import annotations

from actors.placement.messages import Placed
from actors.reservations.messages import Reserved
from protocol.commands.vm import AddVm, StartVm
from protocol.model.network import Nic
from protocol.model.types import Ref
from protocol.model.vm import Vm
from tests.actors.vm.playbook import CLUSTER, HOST, VM, Play, started


def added() -> Play:
    """Down, with one NIC, made from Blank."""
    document = Vm(
        name="web", cluster=Ref(id=CLUSTER), memory=1 << 28, nics=(Nic(name="nic1", vnic_profile=Ref(id="profile")),)
    )
    return Play().command(AddVm(id=VM, document=document)).answer(Reserved(macs=("56:6f:00:00:00:01",)))


def launching() -> Play:
    return added().command(StartVm(id=VM)).answer(Placed(host_id=HOST))


def booting() -> Play:
    play = launching()
    assert play.state is not None
    return play.node_done(started(play.state.start_step_id))


def up() -> Play:
    from protocol.node_messages import GuestReport

    return booting().when(GuestReport(vm_id=VM, fqdn="web.lab"))
