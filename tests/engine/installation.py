"""A small installation as a lab has it, in one process: engine, simulated hosts, storage, a template and a few VMs.

Everything in it was asked for by commands like any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from actors.kernel import codec_carrier
from actors.kernel.directory import Directory
from cli.daemons.engine.config import EngineTimes
from cli.daemons.engine.wiring import Engine
from node.world import GuestShape, HostShape, World, WorldHost
from protocol.command import Command
from protocol.document import Ref
from protocol.host.commands import AddHost
from protocol.host.model import Host
from protocol.inventory.model import Cpu, CpuTopology
from protocol.live.engine import Accepted
from protocol.network.model import Nic
from protocol.registry import BY_KIND
from protocol.storage.commands import AddStorageDomain
from protocol.storage.model import Disk, DiskAttachment, HostStorage, StorageDomain
from protocol.template.commands import ImportTemplate
from protocol.template.model import Template
from protocol.vm.commands import AddDiskAttachment, AddNic, AddVm, StartVm, StopVm, UpdateVm
from protocol.vm.model import Vm, VmPlacementPolicy
from supervisors.tree import running
from tests.engine.crashes import Crashes
from tests.engine.machine import accepting, simulated_node
from tests.engine.names import named_id
from tests.engine.running import RunningEngine, running_engine
from tests.node.memory_link import Accept, MemoryDial

_guests: Final = GuestShape(boot_seconds=0.01, shutdown_seconds=0.05)
_storage_path: Final = "/srv"
_no_statistics_seconds: Final = 3600.0
"""Hosts of a test report no figures by themselves: `samples` are what a test says they are."""


@attrs.define
class Machine:
    """One host: what it is in the world, and the wire to its engine."""

    host: WorldHost
    dial: MemoryDial

    def unplug(self) -> None:
        """Nobody reaches it any more; what runs on it goes on."""
        self.dial.faults.refuses = True
        self.dial.cut_all("the cable was pulled")


@attrs.define
class Installation(RunningEngine):
    """Its objects are found by name: `named_id("vm-0")`, `named_id("host-1")`, `named_id("local")`."""

    world: World
    accept: Accept
    nursery: trio.Nursery
    crashes: Crashes
    copy_bytes_per_second: float = 10e9
    machines: list[Machine] = attrs.field(factory=list)
    _commands: int = 0

    async def ask(self, command: Command, *, id: str = "") -> str:
        """One command that is accepted; returns the id of the object."""
        self._commands += 1
        reply = await self.give(id or named_id(f"command {self._commands}"), command)
        assert isinstance(reply, Accepted), reply
        return reply.id

    async def until(self, kind: str, id: str, condition: Callable[[Any], object]) -> Any:
        """The document of an object, once the condition holds for it."""
        with trio.fail_after(10):
            while (document := self.document(kind, id)) is None or not condition(document):  # noqa: ASYNC110
                await trio.sleep(0.002)
        return document

    async def until_gone(self, kind: str, id: str) -> None:
        with trio.fail_after(10):
            while self.document(kind, id) is not None:  # noqa: ASYNC110
                await trio.sleep(0.002)

    async def start(self, name: str, *, host: str = "") -> None:
        """Until the guest has reported. `host`: where, this time."""
        policy = VmPlacementPolicy(hosts=(Ref(id=named_id(host)),)) if host else None
        await self.ask(StartVm(id=named_id(name), vm=Vm(placement_policy=policy) if host else None))
        await self.until("vm", named_id(name), lambda vm: vm.status == "up" and vm.reported_devices)

    async def stop(self, name: str) -> None:
        await self.ask(StopVm(id=named_id(name)))
        await self.until_status("vm", name, "down")

    async def attach(self, name: str, disk_id: str) -> None:
        """A VM that ran is started again, with the disk."""
        ran = self.document("vm", named_id(name)).status == "up"
        if ran:
            await self.stop(name)
        attachment = DiskAttachment(interface="virtio", active=True, disk=Disk(id=disk_id))
        await self.ask(AddDiskAttachment(parent_id=named_id(name), document=attachment))
        await self.until("vm", named_id(name), lambda vm: vm.disk_attachments)
        if ran:
            await self.start(name)

    async def until_status(self, kind: str, name: str, status: str) -> Any:
        return await self.until(kind, named_id(name), lambda document: document.status == status)

    def id_of(self, kind: str, name: str) -> str:
        """The id of an object that the engine itself made."""
        (document,) = self.engine.rows.named(BY_KIND[kind].cls, name)
        return str(document.id)

    async def touch(self, name: str, times: int = 1) -> int:
        """Changes a VM that often; returns the sequence of the last change."""
        for _ in range(times):
            await self.ask(UpdateVm(id=named_id(name), document=Vm(comment=f"touched after {self.sequence}")))
        return self.changed("vm")[-1]

    async def fatten(self, name: str) -> None:
        """From now on each change of this VM is 80 kB long."""
        for number in range(10):
            nic = Nic(name=f"fat{number}", description="x" * 4_000, comment="x" * 4_000)
            await self.ask(AddNic(parent_id=named_id(name), document=nic))

    def changed(self, *kinds: str, after: int = 0) -> list[int]:
        """The sequences of what the journal keeps after one, of these kinds or of all."""
        rows = self.store.tables.read(after, self.sequence)
        return [row.sequence for row in rows if not kinds or row.kind in kinds]

    def state(self, *kinds: str) -> dict[tuple[str, str], int]:
        """The version of every object that anybody may see."""
        rows = self.store.tables.entities.values()
        return {row.key: row.version for row in rows if row.document is not None and (not kinds or row.kind in kinds)}

    # --- furnishing -----------------------------------------------------------------------------------------------

    async def add_host(self, name: str) -> None:
        """A machine whose node links at once."""
        host = self.world.add_host(name, named_id(f"hardware {name}"), HostShape(guests=_guests))
        number = len(self.machines)
        ports = self.engine.ports
        dial = MemoryDial(self.accept, ports.clock, ports.random)
        self.machines.append(Machine(host, dial))
        document = Host(name=name, address=f"10.0.0.{number}")
        await self.ask(AddHost(document=document), id=named_id(name))
        tree = simulated_node(
            self.world, host, named_id(name), clock=ports.clock, dial=dial,
            statistics_period_seconds=_no_statistics_seconds, copy_bytes_per_second=self.copy_bytes_per_second,
        )  # fmt: skip

        async def live() -> None:
            async with running(tree, ports, Directory(), carrier=codec_carrier, observer=self.crashes) as alive:
                await alive.ended.wait()

        self.nursery.start_soon(live, name=f"node {name}")

    async def add_storage(self) -> None:
        """A directory of the first host as storage domain *local*, and on it the disk of template *tiny*."""
        self.world.add_storage(_storage_path)
        storage_domain = StorageDomain(
            name="local", type="data", host=Ref(id=named_id("host-0")),
            storage=HostStorage(type="localfs", path=_storage_path),
        )  # fmt: skip
        id = await self.ask(AddStorageDomain(document=storage_domain), id=named_id("local"))
        await self.until_status("storage_domain", "local", "active")
        template = Template(name="tiny", memory=128 * 1024**2)
        image = ImportTemplate(document=template, storage_domain_id=id, image_path="/images/tiny.qcow2")
        await self.ask(image, id=named_id("tiny"))
        await self.until_status("template", "tiny", "ok")

    async def add_vm(self, name: str, *, number: int = 0, host: str = "") -> None:
        """A VM without disks and with one NIC. `host` is where alone it may run."""
        nic = Nic(name="nic1", interface="virtio", vnic_profile=Ref(id=self.id_of("vnic_profile", "ovirtmgmt")))
        policy = VmPlacementPolicy(hosts=(Ref(id=named_id(host)),)) if host else None
        vm = Vm(
            name=name, description="made by a test", cluster=Ref(id=self.id_of("cluster", "Default")),
            memory=(1024 + number) * 1024**2, cpu=Cpu(topology=CpuTopology(sockets=1, cores=2, threads=1)),
            nics=(nic,), placement_policy=policy,
        )  # fmt: skip
        await self.ask(AddVm(document=vm), id=named_id(name))

    async def furnish(self, vms: int, hosts: int) -> None:
        for number in range(hosts):
            await self.add_host(f"host-{number}")
        for number in range(hosts):
            await self.until_status("host", f"host-{number}", "up")
        if hosts:
            await self.add_storage()
        for number in range(vms):
            await self.add_vm(f"vm-{number}", number=number, host=f"host-{number % hosts}" if hosts else "")
        for number in range(0, vms if hosts else 0, 2):
            await self.start(f"vm-{number}")


@asynccontextmanager
async def small_installation(
    *, vms: int = 3, hosts: int = 0, times: EngineTimes | None = None, copy_bytes_per_second: float = 10e9
) -> AsyncIterator[Installation]:
    """VMs vm-0, vm-1 and so on. With hosts, those of an even number run, number n on host n modulo the hosts."""
    crashes = Crashes()
    async with running_engine(times=times, observer=crashes) as made, trio.open_nursery() as nursery:
        engine: Engine = made.engine
        accept = accepting(nursery, engine.hub, engine.ports, lambda: engine.epoch)
        world = World(engine.ports.clock, engine.ports.random)
        nursery.start_soon(world.run)
        installation = Installation(engine, made.store, world, accept, nursery, crashes, copy_bytes_per_second)
        await installation.furnish(vms, hosts)
        yield installation
        nursery.cancel_scope.cancel()
    crashes.check()
