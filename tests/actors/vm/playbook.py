"""Transcripts of a VM: given a state, when a message comes, then these events and effects. It must not run actors."""

from __future__ import annotations

import datetime
from typing import Any

import attrs

from actors.entity.decision import Decision, Tell, ToNode
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.journal.port import EntityRow
from actors.kernel.envelope import Answer
from actors.vm.decide import decide
from actors.vm.evolve import evolve
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.codec import encode
from protocol.engine_messages import Principal
from protocol.message import Message
from protocol.model.host import Host
from protocol.model.inventory import Cluster, DataCenter
from protocol.model.network import Network, VnicProfile
from protocol.model.storage import Disk, StorageDomain
from protocol.model.types import Ref
from protocol.model.vm import Template
from protocol.node_messages import DomainObserved, DomainStarted, DomainStatus, NodeCommand, StepDone

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
VM = "11111111-1111-4111-8111-111111111111"
HOST = "22222222-2222-4222-8222-222222222222"
CLUSTER = "33333333-3333-4333-8333-333333333333"
DISK = "44444444-4444-4444-8444-444444444444"
BLANK = "00000000-0000-0000-0000-000000000000"
ADMIN = Principal(user_id="u", name="admin@internal", administrator=True)


def rows(*more: Any) -> Rows:
    """An inventory of one data center, cluster, host, network, storage domain and disk."""
    made = Rows()
    documents = (
        ("data_center", DataCenter(id="dc", name="Default")),
        ("cluster", Cluster(id=CLUSTER, name="Default", data_center=Ref(id="dc"))),
        ("host", Host(id=HOST, name="one", address="one", status="up", cluster=Ref(id=CLUSTER))),
        ("template", Template(id=BLANK, name="Blank", status="ok")),
        ("network", Network(id="net", name="ovirtmgmt", vdsm_name="ovirtmgmt", data_center=Ref(id="dc"))),
        ("vnic_profile", VnicProfile(id="profile", name="ovirtmgmt", network=Ref(id="net"))),
        ("storage_domain", StorageDomain(id="sd", name="local", status="active", type="data", host=Ref(id=HOST))),
        (
            "disk",
            Disk(id=DISK, name="d", status="ok", format="cow", image_id="v", provisioned_size=1 << 30,
                 storage_domain=Ref(id="sd"), storage_domains=(Ref(id="sd"),)),
        ),
        *more,
    )  # fmt: skip
    for kind, document in documents:
        made.put(EntityRow(kind, document.id, 1, document.name, "", b"", encode(document)))
    return made


class Play:
    """A VM's life so far. Each `when` decides, evolves as the shell does, and keeps the last decision to look at."""

    def __init__(self, inventory: Rows | None = None, state: VmState | None = None) -> None:
        self.rows = inventory or rows()
        self.state = state
        self.last = Decision()
        self.pending: CommandRequest | None = None
        self._commands = 0

    def when(self, message: Message) -> Play:
        facts = VmDecisionFacts(now=NOW, rows=self.rows, pending=self.pending)
        self.last = decide(VM, self.state, message, facts)
        if (
            isinstance(message, CommandRequest)
            and self.last.reply is None
            and not self.last.events
            and self.last.effects
        ):
            self.pending = message
        elif isinstance(message, Answer):
            self.pending = None
        for event in self.last.events:
            self.state = evolve(self.state, event)
        return self

    def command(self, command: Message, *, correlation_id: str = "") -> Play:
        """A user's command, with a new command id."""
        self._commands += 1
        command_id = f"55555555-5555-4555-8555-{self._commands:012d}"
        return self.when(
            CommandRequest(command_id=command_id, principal=ADMIN, command=command, correlation_id=correlation_id)
        )

    def answer(self, body: Message) -> Play:
        """Answers the question that the last decision asked."""
        asked = [effect for effect in self.last.effects if isinstance(effect, Tell) and effect.token]
        assert len(asked) == 1, f"asked {len(asked)} questions"
        return self.when(Answer(token=asked[0].token, body=body))

    def node_done(self, result: Message, step_id: str = "") -> Play:
        """The node's outcome of the step under way."""
        if not step_id:
            assert self.state is not None
            assert self.state.operation is not None
            step_id = self.state.operation.steps[-1].id
        return self.when(StepDone(step_id=step_id, result=result))

    # --- what can be asked of the last decision ---------------------------------------------------------------

    @property
    def happened(self) -> list[str]:
        return [type(event).__name__ for event in self.last.events]

    @property
    def sent(self) -> list[Any]:
        """Bodies of the commands that went to nodes."""
        return [
            effect.message.body
            for effect in self.last.effects
            if isinstance(effect, ToNode) and isinstance(effect.message, NodeCommand)
        ]

    @property
    def steps_sent(self) -> list[str]:
        return [
            effect.message.step_id
            for effect in self.last.effects
            if isinstance(effect, ToNode) and isinstance(effect.message, NodeCommand)
        ]

    @property
    def status(self) -> str:
        return self.state.status if self.state is not None else "gone"


def domain(status: DomainStatus = DomainStatus.RUNNING, step: str = "", **more: Any) -> DomainObserved:
    return DomainObserved(vm_id=VM, status=status, started_step_id=step, **more)


def started(step: str = "") -> DomainStarted:
    return DomainStarted(domain=domain(step=step))


def without_disks(play: Play) -> Play:
    assert play.state is not None
    play.state = attrs.evolve(play.state, vm=attrs.evolve(play.state.vm, disk_attachments=()))
    return play
