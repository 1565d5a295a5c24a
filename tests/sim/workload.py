"""What people ask of the cluster: VMs come, start, change, stop and go, with disks and NICs; and nonsense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from actors.kernel.ports import SeededIds, SeededRandom
from gateway.read_model.model import ReadModel
from protocol.activity.commands import CancelJob
from protocol.document import Ref
from protocol.host import commands as host_commands
from protocol.inventory.assignment_commands import Assign, Unassign
from protocol.inventory.commands import AddEntity, RemoveEntity, UpdateEntity
from protocol.inventory.model import Cpu, CpuTopology, Tag
from protocol.message import Message
from protocol.network.model import Mac, Network, Nic
from protocol.storage import commands as storage_commands
from protocol.storage.model import Disk, DiskAttachment
from protocol.vm import commands as vm_commands
from protocol.vm.model import Vm

MiB = 1024**2
vms_max = 6
nonsense_ids = ("", "x", "00000000-0000-0000-0000-000000000000", "../vm", "a" * 300, "\0", "\ud800")
nonsense_names = ("", " ", "a" * 400, "x\ny", "\u202eevil", "Blank", "'; --")


@attrs.define(eq=False)
class Workload:
    """Draws the next command; `next` is None when there is nothing to ask yet."""

    model: ReadModel
    random: SeededRandom
    ids: SeededIds
    names: int = 0

    def next(self) -> Message | None:
        draw = self.random.random()
        if draw < 0.07:
            return self._nonsense()
        if self.model.count("vm") < 2 or draw < 0.2:
            return self._add_vm()
        choices: tuple[tuple[int, Callable[[Vm], Message | None]], ...] = (
            (24, lambda vm: vm_commands.StartVm(id=_id(vm), pause=self._chance(0.1))),
            (8, lambda vm: vm_commands.StopVm(id=_id(vm), reason="enough")),
            (8, lambda vm: vm_commands.ShutdownVm(id=_id(vm), force=self._chance(0.2))),
            (5, lambda vm: vm_commands.RebootVm(id=_id(vm))),
            (6, lambda vm: vm_commands.ResetVm(id=_id(vm))),
            (7, lambda vm: vm_commands.SuspendVm(id=_id(vm))),
            (3, lambda vm: vm_commands.PauseVm(id=_id(vm))),
            (3, lambda vm: vm_commands.ResumeVm(id=_id(vm))),
            (2, lambda vm: vm_commands.FreezeVmFileSystems(id=_id(vm))),
            (2, lambda vm: vm_commands.ThawVmFileSystems(id=_id(vm))),
            (2, lambda vm: vm_commands.SetVmTicket(id=_id(vm))),
            (6, self._update),
            (4, lambda vm: vm_commands.AddNic(parent_id=_id(vm), document=self._nic())),
            (3, self._change_nic),
            (8, self._add_disk),
            (3, self._change_disk),
            (6, lambda vm: vm_commands.RemoveVm(id=_id(vm), detach_only=self._chance(0.2))),
            (4, self._floating_disk),
            (4, lambda vm: self._cancel()),
            (2, self._host),
            (2, self._inventory),
            (6, self._tag),
        )
        vms = [record.document for record in self.model.all("vm")]
        if not vms:
            return None
        number = self.random.randrange(sum(weight for weight, _ in choices))
        for weight, make in choices:
            number -= weight
            if number < 0:
                return make(self.random.choice(vms))
        raise AssertionError

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}-{self.random.randrange(12) if self._chance(0.3) else 100 + self.names}"

    def _add_vm(self) -> Message | None:
        if self.model.count("vm") >= vms_max:
            return None
        clusters = self.model.all("cluster")
        if not clusters:
            return None
        nics = tuple(attrs.evolve(self._nic(), name=f"nic{n}") for n in range(self.random.randrange(3)))
        vm = Vm(
            name=self._name("vm"),
            cluster=Ref(id=clusters[0].id),
            memory=256 * MiB * (1 + self.random.randrange(3)),
            cpu=Cpu(topology=CpuTopology(sockets=1, cores=1 + self.random.randrange(2), threads=1)),
            nics=nics,
            template=Ref(id=self.random.choice(self.model.all("template")).id) if self._chance(0.4) else None,
        )
        return vm_commands.AddVm(document=vm, clone=self._chance(0.5))

    def _nic(self) -> Nic:
        profiles = self.model.all("vnic_profile")
        mac = Mac(address=f"56:6f:aa:00:00:{self.random.randrange(4):02x}") if self._chance(0.2) else None
        profile = Ref(id=profiles[0].id) if profiles and self._chance(0.7) else None
        return Nic(
            name=self._name("nic"), interface=self.random.choice(("virtio", "e1000")), mac=mac, vnic_profile=profile
        )

    def _update(self, vm: Vm) -> Message:
        document = self.random.choice(
            (
                Vm(memory=256 * MiB * (1 + self.random.randrange(4))),
                Vm(name=self._name("vm")),
                Vm(description=f"text {self.random.randrange(9)}"),
                Vm(cpu=Cpu(topology=CpuTopology(sockets=1, cores=1 + self.random.randrange(3), threads=1))),
                Vm(delete_protected=self._chance(0.2)),
            )
        )
        return vm_commands.UpdateVm(id=_id(vm), document=document)

    def _change_nic(self, vm: Vm) -> Message | None:
        if not vm.nics:
            return None
        nic_id = self.random.choice(vm.nics).id or ""
        if self._chance(0.5):
            return vm_commands.RemoveNic(id=nic_id, parent_id=_id(vm))
        return vm_commands.UpdateNic(
            id=nic_id, parent_id=_id(vm), document=Nic(name=self._name("nic"), linked=self._chance(0.5))
        )

    def _domain(self) -> Ref | None:
        domains = self.model.all("storage_domain")
        return Ref(id=self.random.choice(domains).id) if domains else None

    def _new_disk(self) -> Disk:
        size = MiB * (1 + self.random.randrange(64))
        storage_domain = self._domain()
        return Disk(
            provisioned_size=size,
            format=self.random.choice(("cow", "raw")),
            storage_domains=(storage_domain,) if storage_domain else None,
        )

    def _add_disk(self, vm: Vm) -> Message:
        disks = [record.id for record in self.model.all("disk")]
        disk = Disk(id=self.random.choice(disks)) if disks and self._chance(0.3) else self._new_disk()
        attachment = DiskAttachment(interface="virtio", bootable=self._chance(0.3), active=True, disk=disk)
        return vm_commands.AddDiskAttachment(parent_id=_id(vm), document=attachment)

    def _change_disk(self, vm: Vm) -> Message | None:
        if not vm.disk_attachments:
            return None
        disk_id = self.random.choice(vm.disk_attachments).id or ""
        if self._chance(0.6):
            return vm_commands.RemoveDiskAttachment(id=disk_id, parent_id=_id(vm), detach_only=self._chance(0.5))
        return vm_commands.UpdateDiskAttachment(
            id=disk_id, parent_id=_id(vm), document=DiskAttachment(active=self._chance(0.7))
        )

    def _floating_disk(self, vm: Vm) -> Message:
        disks = [record.id for record in self.model.all("disk")]
        draw = self.random.random()
        if not disks or draw < 0.4:
            return storage_commands.AddDisk(document=attrs.evolve(self._new_disk(), name=self._name("disk")))
        disk_id = self.random.choice(disks)
        if draw < 0.7:
            return storage_commands.UpdateDisk(id=disk_id, document=Disk(provisioned_size=128 * MiB))
        return storage_commands.RemoveDisk(id=disk_id)

    def _cancel(self) -> Message | None:
        """A job that runs, whether it can be cancelled or not."""
        running = [job.id for job in self.model.all("job") if job.document.outcome is None]
        return CancelJob(id=self.random.choice(running)) if running else None

    def _host(self, vm: Vm) -> Message:
        host_id = self.random.choice(self.model.all("host")).id
        if self._chance(0.6):
            return host_commands.ActivateHost(id=host_id)
        return host_commands.DeactivateHost(id=host_id, reason="work on it")

    def _inventory(self, vm: Vm) -> Message:
        networks = self.model.all("network")
        draw = self.random.random()
        if not networks or draw < 0.5:
            centers = self.model.all("data_center")
            network = Network(name=self._name("net"), data_center=Ref(id=centers[0].id) if centers else None)
            return AddEntity(kind="network", document=network)
        network_id = self.random.choice(networks).id
        if draw < 0.75:
            return UpdateEntity(kind="network", id=network_id, document=Network(description=self._name("text")))
        return RemoveEntity(kind="network", id=network_id)

    def _tag(self, vm: Vm) -> Message:
        """Tags come and go, in a tree, and are given to VMs and hosts and taken back."""
        tags = [record.id for record in self.model.all("tag")]
        draw = self.random.random()
        if len(tags) < 3 or draw < 0.15:
            parent = Ref(id=self.random.choice(tags)) if tags and self._chance(0.5) else None
            return AddEntity(kind="tag", document=Tag(name=self._name("tag"), parent=parent))
        tag = self.random.choice(tags)
        if draw < 0.25:
            return RemoveEntity(kind="tag", id=tag)
        if draw < 0.35:
            return UpdateEntity(kind="tag", id=tag, document=Tag(parent=Ref(id=self.random.choice(tags))))
        holder, id = ("vm", _id(vm)) if self._chance(0.8) else ("host", self.random.choice(self.model.all("host")).id)
        command = Assign if draw < 0.8 else Unassign
        return command(relation="tag", id=tag, holder=holder, parent_id=id)

    def _nonsense(self) -> Message:
        id = self.random.choice(nonsense_ids)
        name = self.random.choice(nonsense_names)
        made: tuple[Any, ...] = (
            vm_commands.AddVm(document=Vm(name=name)),
            vm_commands.AddVm(document=Vm(name=self._name("vm"), cluster=Ref(id=id))),
            vm_commands.StartVm(id=id),
            vm_commands.StopVm(id=self.ids.uuid()),
            vm_commands.UpdateVm(id=id, document=Vm(memory=-1)),
            vm_commands.AddNic(parent_id=id, document=Nic(name=name)),
            vm_commands.AddDiskAttachment(parent_id=id, document=DiskAttachment()),
            storage_commands.AddDisk(document=Disk(provisioned_size=1, storage_domains=(Ref(id=id),))),
            storage_commands.RemoveDisk(id=id),
            CancelJob(id=id),
            host_commands.RemoveHost(id=id),
            AddEntity(kind="network", document=Network(name=name)),
            Assign(relation="tag", id=id, holder="vm", parent_id=self.ids.uuid()),
        )
        return self.random.choice(made)  # type: ignore[no-any-return]


def _id(vm: Vm) -> str:
    return vm.id or ""
