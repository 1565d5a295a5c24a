"""Transcripts of a host: given a state, when a message comes, then these events and effects. It must not run actors."""

from __future__ import annotations

import datetime
from typing import Any

from actors.entity.decision import CancelTimer, Decision, SetTimer, Tell, ToNode
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.rows import Rows
from actors.host.decide import decide
from actors.host.evolve import evolve, project
from actors.host.facts import HostDecisionFacts
from actors.host.messages import NodeLinked, NodeUnlinked
from actors.host.state import HostState
from actors.journal.port import EntityRow
from protocol.codec import encode
from protocol.commands.host import AddHost
from protocol.engine_messages import Principal
from protocol.link import NodeHello
from protocol.message import Message
from protocol.model.host import Host
from protocol.model.inventory import Cluster
from protocol.model.types import Ref
from protocol.node_messages import DomainObserved, DomainsSnapshot, DomainStatus, HostFacts

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
HOST = "22222222-2222-4222-8222-222222222222"
CLUSTER = "33333333-3333-4333-8333-333333333333"
ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)
FACTS = HostFacts(
    hostname="one", hardware_uuid="hw", os_name="Debian", os_version="12", kernel="6.1", node_version="0.1.0",
    libvirt_version="9.0.0", qemu_version="7.2", hypervisor="libvirt", virtualization="kvm", memory_bytes=8 << 30,
)  # fmt: skip


class Play:
    """A host's life so far. Each `when` decides, evolves as the shell does, and keeps the last decision to look at."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.state: HostState | None = None
        self.last = Decision()
        self.linked = False
        self._commands = 0
        self.put("cluster", Cluster(id=CLUSTER, name="Default"))

    def put(self, kind: str, document: Any) -> Play:
        """Another room's document."""
        row = self.rows.row(kind, document.id)
        self.rows.put(
            EntityRow(kind, document.id, row.version + 1 if row else 1, document.name, "", b"", encode(document))
        )
        return self

    def when(self, message: Message) -> Play:
        facts = HostDecisionFacts(now=NOW, rows=self.rows, linked=self.linked, silent_after_seconds=20.0)
        self.last = decide(HOST, self.state, message, facts)
        for event in self.last.events:
            self.state = evolve(self.state, event)
        if self.state is not None:
            self.put("host", project(self.state))
        else:
            self.rows.drop("host", HOST)
        return self

    def command(self, command: Message) -> Play:
        """A user's command, with a new command id."""
        self._commands += 1
        return self.when(CommandRequest(command_id=f"c{self._commands}", principal=ADMIN, command=command))

    def link(self) -> Play:
        self.linked = True
        hello = NodeHello(host_id=HOST, version_min=1, version_max=1, node_version="0.1.0")
        return self.when(NodeLinked(host_id=HOST, session_id="s", hello=hello))

    def cut(self) -> Play:
        self.linked = False
        return self.when(NodeUnlinked(host_id=HOST, session_id="s", reason="the node is silent"))

    def timer(self, name: str) -> Play:
        return self.when(TimerFired(name=name, number=1))

    def report(self, *vm_ids: str) -> Play:
        """The node says that these VMs run, and nothing else."""
        return self.when(DomainsSnapshot(domains=tuple(domain(vm_id) for vm_id in vm_ids)))

    # --- what can be asked of the last decision ---------------------------------------------------------------

    @property
    def happened(self) -> list[str]:
        return [type(event).__name__ for event in self.last.events]

    @property
    def messages(self) -> dict[str, Message]:
        """What other actors are told, by address."""
        return {effect.address: effect.message for effect in self.last.effects if isinstance(effect, Tell)}

    @property
    def did(self) -> list[str]:
        """Timers and messages to the node."""
        lines = []
        for effect in self.last.effects:
            match effect:
                case SetTimer(name=name, seconds=seconds):
                    lines.append(f"set {name} {seconds:g}")
                case CancelTimer(name=name):
                    lines.append(f"cancel {name}")
                case ToNode(message=message):
                    lines.append(f"node {type(message).__name__}")
        return lines

    @property
    def audit(self) -> list[str]:
        return [line.description or "" for line in self.last.audit]

    @property
    def status(self) -> str:
        return self.state.status if self.state is not None else "gone"


def domain(vm_id: str) -> DomainObserved:
    return DomainObserved(vm_id=vm_id, status=DomainStatus.RUNNING, started_step_id="")


def added() -> Play:
    document = Host(name="one", address="one.lab", cluster=Ref(id=CLUSTER))
    return Play().command(AddHost(id=HOST, document=document))


def up() -> Play:
    return added().link().when(FACTS).report()


def silent() -> Play:
    return up().cut().timer("silent")
