"""An engine of one dict, for tests and benchmarks of the gateway. It must not be clever: it obeys and journals."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from gateway.engine_client import ConsoleStream
from protocol.commands import catalogue, host, vm
from protocol.commands.base import Add, Remove, Update
from protocol.engine_messages import Accepted, Change, Entity, HostSamples, Principal, Snapshot, Submit, VmSample
from protocol.errors import Refusal
from protocol.model.activity import Event
from protocol.model.document import Ticket, Version
from protocol.model.host import Host
from protocol.model.inventory import Cluster, Cpu, CpuTopology, DataCenter, User
from protocol.model.network import Ip, Mac, Network, Nic, ReportedDevice, VnicProfile
from protocol.model.storage import Disk, DiskAttachment, HostStorage, StorageDomain
from protocol.model.types import Ref
from protocol.model.vm import Template, Vm
from protocol.registry import BY_CLASS

START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def named_id(name: str) -> str:
    """The same id for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class FakeConsole:
    """Echoes in upper case."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[bytes](100)

    async def send_all(self, data: bytes) -> None:
        await self._send.send(data.upper())

    async def receive_some(self) -> bytes:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            return b""

    async def aclose(self) -> None:
        self._send.close()


class FakeEngine:
    """Implements `EnginePort`."""

    def __init__(self) -> None:
        self.ready = True
        self.stream_id = "stream-1"
        self.sequence = 0
        self.entities: dict[tuple[str, str], Entity] = {}
        self.changes: list[Change] = []
        self.submitted: list[Submit] = []
        self.refuse_next: Refusal | None = None
        self.history_from = 0  # changes up to this one are forgotten
        self.channels: set[trio.MemorySendChannel[Change | HostSamples]] = set()
        self.channel_size = 10_000
        self._ids = 0

    # EnginePort

    async def submit(self, submit: Submit) -> Accepted | Refusal:
        await trio.lowlevel.checkpoint()
        self.submitted.append(submit)
        if self.refuse_next is not None:
            refusal, self.refuse_next = self.refuse_next, None
            return refusal
        reply = self._do(submit.command, submit)
        return reply if isinstance(reply, Refusal) else attrs.evolve(reply, sequence=self.sequence)

    async def snapshot(self) -> Snapshot:
        await trio.lowlevel.checkpoint()
        events = tuple(change for change in self.changes if change.kind == "event")
        return Snapshot(
            stream_id=self.stream_id, sequence=self.sequence, entities=tuple(self.entities.values()), events=events
        )

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change | HostSamples]]:
        send, receive = trio.open_memory_channel[Change | HostSamples](self.channel_size)
        self.channels.add(send)
        try:
            with receive:
                yield receive
        finally:
            self.channels.discard(send)

    async def changes_after(self, sequence: int, limit: int) -> Sequence[Change] | None:
        await trio.lowlevel.checkpoint()
        if sequence < self.history_from:
            return None
        return [change for change in self.changes if change.sequence > sequence][:limit]

    async def open_console(self, vm_id: str, principal: Principal) -> ConsoleStream | Refusal:
        await trio.lowlevel.checkpoint()
        if ("vm", vm_id) not in self.entities:
            return Refusal(code="not_found", status=404, reason="There is no such VM.", entity=vm_id)
        return FakeConsole()

    # The journal

    def put(self, kind: str, document: Any, tag: str = "") -> str:
        """Journals an object as it is now."""
        old = self.entities.get((kind, document.id))
        version = old.version + 1 if old else 1
        entity = Entity(kind=kind, id=document.id, version=version, document=document)
        if kind != "event":
            self.entities[kind, document.id] = entity
        self._journal(kind, document.id, version, tag or f"{kind}.changed", document)
        return str(document.id)

    def drop(self, kind: str, id: str) -> None:
        old = self.entities.pop((kind, id))
        self._journal(kind, id, old.version + 1, f"{kind}.removed", None)

    def event(self, description: str, **references: Any) -> None:
        document = Event(severity="normal", code=1, description=description, origin="oVirt", **references)
        self._journal("event", self.new_id(), 1, "event.logged", document)

    def sample(self, samples: HostSamples) -> None:
        self._publish(samples)

    def new_id(self) -> str:
        self._ids += 1
        return named_id(f"made-{self._ids}")

    def of(self, kind: str, id: str) -> Any:
        return self.entities[kind, id].document

    def _journal(self, kind: str, id: str, version: int, tag: str, document: Any) -> None:
        self.sequence += 1
        at = START + datetime.timedelta(seconds=self.sequence)
        change = Change(sequence=self.sequence, kind=kind, id=id, version=version, tag=tag, at=at, document=document)
        self.changes.append(change)
        self._publish(change)

    def _publish(self, message: Change | HostSamples) -> None:
        for channel in list(self.channels):
            try:
                channel.send_nowait(message)
            except trio.WouldBlock:
                self.channels.discard(channel)
                channel.close()
            except trio.BrokenResourceError:
                self.channels.discard(channel)

    # Commands

    def _do(self, command: Any, submit: Submit) -> Accepted | Refusal:
        match command:
            case vm.AddNic() | vm.AddDiskAttachment() | vm.UpdateNic() | vm.UpdateDiskAttachment():
                return self._member(command)
            case vm.RemoveNic() | vm.RemoveDiskAttachment():
                return self._remove_member(command)
            case catalogue.AddEvent():
                self._journal("event", self.new_id(), 1, "event.logged", command.document)
                return Accepted(kind="event", id=str(self.sequence), sequence=self.sequence)
            case Add():
                return self._add(command, submit)
            case Update():
                kind = BY_CLASS[type(command.document)].kind
                if (kind, command.id) not in self.entities:
                    return Refusal(code="not_found", status=404, reason="It is gone.")
                self.put(kind, _merged(self.of(kind, command.id), command.document))
                return Accepted(kind=kind, id=command.id, sequence=0)
            case Remove():
                kind = next(kind for kind, id in self.entities if id == command.id)
                if kind == "vm" and self.of("vm", command.id).status != "down":
                    return Refusal(code="not_legal", reason="The VM runs.", remedy="Stop it first.", entity=command.id)
                self.drop(kind, command.id)
                self.event(f"{kind} was removed")
                return Accepted(kind=kind, id=command.id, sequence=0)
        return self._act(command)

    def _add(self, command: Any, submit: Submit) -> Accepted | Refusal:
        document = command.document
        kind = BY_CLASS[type(document)].kind
        name = getattr(document, "name", None)
        if any(k == kind and e.document.name == name for (k, _), e in self.entities.items() if name and kind != "disk"):
            return Refusal(
                code="name_taken",
                status=409,
                reason=f"The name {name!r} is taken.",
                remedy="Choose another.",
                field="name",
            )
        document = attrs.evolve(document, id=self.new_id())
        job_id = ""
        if kind == "vm":
            document = self._new_vm(document)
            job_id = self.new_id()
        elif kind == "host":
            document = attrs.evolve(document, status="installing")
        elif kind == "disk":
            document = attrs.evolve(document, status="ok")
        self.put(kind, document, f"{kind}.added")
        user = Ref(id=submit.principal.user_id) if ("user", submit.principal.user_id) in self.entities else None
        self.event(f"{kind} {name} was added", user=user)
        return Accepted(kind=kind, id=document.id, sequence=0, job_id=job_id)

    def _new_vm(self, document: Vm) -> Vm:
        template_id = document.template.id if document.template else ""
        found = self.entities.get(("template", template_id or ""))
        template: Any = found.document if found else None
        topology = CpuTopology(sockets=1, cores=1, threads=1)
        return attrs.evolve(
            document,
            status="down",
            type=document.type or "server",
            memory=document.memory or (template.memory if template else 1024**3),
            cpu=document.cpu or Cpu(architecture="x86_64", topology=topology),
            nics=(),
            disk_attachments=template.disk_attachments if template else (),
            creation_time=START,
            origin="ovirt",
        )

    def _member(self, command: Any) -> Accepted | Refusal:
        parent = self.of("vm", command.parent_id)
        attribute = "nics" if isinstance(command.document, Nic) else "disk_attachments"
        members = list(getattr(parent, attribute) or ())
        document = command.document
        if isinstance(command, Update):
            members = [_merged(item, document) if item.id == command.id else item for item in members]
            id = command.id
        elif isinstance(document, Nic):
            id = self.new_id()
            mac = document.mac or Mac(address=f"56:6f:00:00:00:{len(members):02x}")
            members.append(attrs.evolve(document, id=id, mac=mac, plugged=True, linked=True, interface="virtio"))
        else:
            disk = document.disk
            id = disk.id or self.put("disk", attrs.evolve(disk, id=self.new_id(), status="ok"), "disk.added")
            members.append(attrs.evolve(document, id=id, disk=Disk(id=id), active=True))
        self.put("vm", attrs.evolve(parent, **{attribute: tuple(members)}))
        return Accepted(kind=attribute, id=id, sequence=0)

    def _remove_member(self, command: Any) -> Accepted | Refusal:
        parent = self.of("vm", command.parent_id)
        attribute = "nics" if isinstance(command, vm.RemoveNic) else "disk_attachments"
        members = tuple(item for item in getattr(parent, attribute) or () if item.id != command.id)
        self.put("vm", attrs.evolve(parent, **{attribute: members}))
        return Accepted(kind=attribute, id=command.id, sequence=0)

    def _act(self, command: Any) -> Accepted | Refusal:
        kind = "host" if isinstance(command, host.ActivateHost | host.DeactivateHost | host.FenceHost) else "vm"
        target = self.of(kind, command.id)
        match command:
            case vm.StartVm():
                if target.status == "up":
                    return Refusal(code="not_legal", reason="The VM is up.", remedy="Nothing to do.", entity=command.id)
                target = attrs.evolve(target, status="up", host=Ref(id=named_id("host-0")), start_time=START)
            case vm.StopVm() | vm.ShutdownVm():
                target = attrs.evolve(target, status="down", host=None, stop_reason=command.reason or None)
            case vm.SetVmTicket():
                ticket = command.ticket or Ticket()
                made = Ticket(value=ticket.value or "secret", expiry=ticket.expiry or 120)
                return Accepted(kind="vm", id=command.id, sequence=0, result=_TaggedTicket.of(made))
            case host.DeactivateHost():
                target = attrs.evolve(target, status="maintenance")
            case host.ActivateHost():
                target = attrs.evolve(target, status="up")
        self.put(kind, target)
        self.event(f"{type(command).__name__} of {target.name}", **{kind: Ref(id=command.id)})
        return Accepted(kind=kind, id=command.id, sequence=0)


class _TaggedTicket:
    @staticmethod
    def of(ticket: Ticket) -> Any:
        return ticket


def _merged(old: Any, new: Any) -> Any:
    changes = {
        field.name: getattr(new, field.name)
        for field in attrs.fields(type(old))
        if getattr(new, field.name) is not None and field.name != "id"
    }
    return attrs.evolve(old, **changes)


def small_engine(*, vms: int = 3, hosts: int = 2) -> FakeEngine:
    """A data center as the lab has it, with a few VMs."""
    engine = FakeEngine()
    dc, cluster, net = named_id("dc"), named_id("cluster"), named_id("net")
    version = Version(major=4, minor=7)
    engine.put("user", User(id=named_id("admin"), name="admin", user_name="admin@internal"))
    engine.put("data_center", DataCenter(id=dc, name="Default", local=True, status="up", version=version))
    cpu = Cpu(architecture="x86_64", type="qemu64")
    engine.put("cluster", Cluster(id=cluster, name="Default", data_center=Ref(id=dc), cpu=cpu, version=version))
    engine.put("network", Network(id=net, name="ovirtmgmt", data_center=Ref(id=dc), usages=("vm", "management")))
    engine.put("vnic_profile", VnicProfile(id=named_id("profile"), name="ovirtmgmt", network=Ref(id=net)))
    for number in range(hosts):
        id = named_id(f"host-{number}")
        engine.put(
            "host",
            Host(id=id, name=f"host-{number}", address=f"10.0.0.{number % 250}", cluster=Ref(id=cluster), status="up",
                 memory=64 * 1024**3, cpu=cpu),
        )  # fmt: skip
    storage_domain = StorageDomain(
        id=named_id("sd"), name="local", type="data", status="active", master=True, data_center=Ref(id=dc),
        storage=HostStorage(type="localfs", path="/srv"), host=Ref(id=named_id("host-0")), available=10**12, used=10**9,
    )  # fmt: skip
    engine.put("storage_domain", storage_domain)
    disk_id = named_id("tiny-disk")
    domains = (Ref(id=storage_domain.id),)
    engine.put(
        "disk",
        Disk(
            id=disk_id,
            name="tiny",
            alias="tiny",
            status="ok",
            format="cow",
            provisioned_size=10**8,
            storage_domains=domains,
        ),
    )
    attachment = DiskAttachment(id=disk_id, disk=Disk(id=disk_id), bootable=True, interface="virtio", active=True)
    blank = "00000000-0000-0000-0000-000000000000"
    engine.put("template", Template(id=blank, name="Blank", memory=1024**3, status="ok"))
    engine.put(
        "template",
        Template(id=named_id("tiny"), name="tiny", memory=128 * 1024**2, status="ok", disk_attachments=(attachment,)),
    )
    for number in range(vms):
        engine.put("vm", full_vm(number, cluster, hosts))
    return engine


def full_vm(number: int, cluster: str, hosts: int) -> Vm:
    """A VM with every attribute that a running one has."""
    id = named_id(f"vm-{number}")
    device = ReportedDevice(
        id=named_id(f"device-{number}"), name="eth0", type="network", mac=Mac(address="56:6f:00:00:00:01"),
        ips=(Ip(address=f"10.1.{number // 250}.{number % 250}", version="v4"),),
    )  # fmt: skip
    nic = Nic(
        id=named_id(f"nic-{number}"), name="nic1", interface="virtio", plugged=True, linked=True,
        mac=Mac(address="56:6f:00:00:00:01"), vnic_profile=Ref(id=named_id("profile")), reported_devices=(device,),
    )  # fmt: skip
    return Vm(
        id=id, name=f"vm-{number}", description="made by a test", comment="", type="server",
        status="up" if number % 2 == 0 else "down", cluster=Ref(id=cluster), template=Ref(id=named_id("tiny")),
        host=Ref(id=named_id(f"host-{number % hosts}")) if number % 2 == 0 else None, memory=1024**3 + number,
        cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=1, cores=2, threads=1)), stateless=False,
        delete_protected=False, origin="ovirt", creation_time=START, start_time=START, fqdn=f"vm-{number}.example",
        run_once=False, next_run_configuration_exists=False, start_paused=False, nics=(nic,),
        disk_attachments=(), reported_devices=(device,), applications=(), sessions=(), graphics_consoles=(),
    )  # fmt: skip


def samples_of(engine: FakeEngine, host_number: int = 0, vm_numbers: Sequence[int] = (0,)) -> HostSamples:
    """Figures of one host."""
    vms = tuple(
        VmSample(
            vm_id=named_id(f"vm-{number}"), cpu_percent=12.5, memory_bytes=1024**3, memory_used_bytes=512 * 1024**2,
            network_rx_bytes_per_second=1000.0, network_tx_bytes_per_second=500.0, disk_read_bytes_per_second=10.0,
            disk_write_bytes_per_second=20.0,
        )
        for number in vm_numbers
    )  # fmt: skip
    nics = tuple(
        (named_id(f"vm-{number}"), named_id(f"nic-{number}"), 900.0, 400.0, 9000, 4000, 1, 2, 3, 4)
        for number in vm_numbers
    )
    return HostSamples(
        host_id=named_id(f"host-{host_number}"), at=START, cpu_percent=30.0, cpu_user_percent=20.0,
        memory_used_bytes=16 * 1024**3, memory_free_bytes=48 * 1024**3, load_average=0.5, vms=vms, nics=nics,
    )  # fmt: skip
