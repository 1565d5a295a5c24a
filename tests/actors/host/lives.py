"""A host as transcripts play it, its inventory, and the points of its life that several begin with."""

from __future__ import annotations

from typing import Any, Self

from actors.entity.rows import Rows
from actors.host.actor import HostActor
from actors.host.messages import NodeLinked, NodeUnlinked, from_node
from actors.kernel.envelope import Envelope
from protocol.document import Ref
from protocol.host.commands import AddHost
from protocol.host.model import Host
from protocol.inventory.model import Cluster
from protocol.message import Message
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.link import NodeHello
from protocol.node.reports import (
    DomainChanged,
    DomainsSnapshot,
    GuestReport,
    GuestSilent,
    HostFacts,
    StepDone,
    StepNotTried,
    StepProgress,
    StorageFacts,
)
from protocol.vm.model import Vm
from tests.actors.playbook import Play, fired, put

HOST = "22222222-2222-4222-8222-222222222222"
CLUSTER = "33333333-3333-4333-8333-333333333333"
FACTS = HostFacts(
    hostname="one", hardware_uuid="hw", os_name="Debian", os_version="12", kernel="6.1", node_version="0.1.0",
    libvirt_version="9.0.0", qemu_version="7.2", hypervisor="libvirt", virtualization="kvm", memory_bytes=8 << 30,
)  # fmt: skip


SAID_BY_NODES = (
    HostFacts, DomainsSnapshot, StepDone, StepNotTried, StepProgress, DomainChanged, GuestReport, GuestSilent, StorageFacts,
)  # fmt: skip


class HostPlay(Play):
    """A host's life so far."""

    shell = HostActor

    def __init__(self) -> None:
        rows = Rows()
        put(rows, "cluster", Cluster(id=CLUSTER, name="Default"))
        super().__init__(HOST, rows)

    def made(self) -> HostActor:
        nobody: Any = None
        return HostActor(self.context, self.services, self.id, nobody, nobody)

    def envelope(self, message: Message) -> Envelope:
        """What a node says comes with its session."""
        is_said = isinstance(message, SAID_BY_NODES)
        return super().envelope(from_node("s", message) if is_said else message)

    def linked(self, is_linked: bool = True) -> Self:
        """The link comes or goes, and the host has not heard of it yet."""
        self.nodes.is_linked = is_linked
        return self

    def with_vm(self, id: str = "vm1", host: str | None = HOST) -> Self:
        return self.with_row("vm", Vm(id=id, name=id, host=Ref(id=host) if host else None))


def link(play: Play) -> Message:
    """The node connects."""
    assert isinstance(play, HostPlay)
    play.linked()
    hello = NodeHello(host_id=HOST, version_min=1, version_max=1, node_version="0.1.0")
    return NodeLinked(host_id=HOST, session_id="s", hello=hello)


def cut(play: Play) -> Message:
    """The link to the node ends."""
    assert isinstance(play, HostPlay)
    play.linked(False)
    return NodeUnlinked(host_id=HOST, session_id="s", reason="the node is silent")


def report(*vm_ids: str) -> Message:
    """The node says that these VMs run, and nothing else."""
    return DomainsSnapshot(domains=tuple(domain(vm_id) for vm_id in vm_ids))


def domain(vm_id: str) -> DomainObserved:
    return DomainObserved(vm_id=vm_id, status=DomainStatus.RUNNING, started_step_id="")


# --- lives --------------------------------------------------------------------------------------------------------


def unborn() -> HostPlay:
    return HostPlay()


def added() -> HostPlay:
    return unborn().given(AddHost(id=HOST, document=Host(name="one", address="one.lab", cluster=Ref(id=CLUSTER))))


def up() -> HostPlay:
    return added().given(link).given(FACTS).given(report())


def silent() -> HostPlay:
    return up().given(cut).given(fired("silent"))
