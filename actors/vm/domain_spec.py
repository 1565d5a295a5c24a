"""What a host is told to run: the VM's configuration with its volumes and bridges looked up.

Pure.
"""

from __future__ import annotations

import attrs

from actors.entity.rows import Rows
from actors.storage.volume_names import volume_of
from protocol.document import id_of
from protocol.errors import Busy, NotLegal, Refusal
from protocol.inventory.model import Cluster, Cpu
from protocol.network.model import Network, Nic, VnicProfile
from protocol.node.domain import DomainDisk, DomainNic, DomainSpec
from protocol.storage.model import Disk, StorageDomain
from protocol.vm.model import Vm

DEFAULT_MEMORY_BYTES = 1024**3


def topology_of(vm: Vm) -> tuple[int, int, int]:
    topology = vm.cpu.topology if vm.cpu else None
    if topology is None:
        return 1, 1, 1
    return topology.sockets or 1, topology.cores or 1, topology.threads or 1


def build(vm: Vm, rows: Rows, *, paused: bool, run_once: bool) -> DomainSpec | Refusal:
    """The domain to start, or why it cannot be: a disk that is not ok, a network that is gone."""
    assert vm.id is not None
    boot = tuple((vm.os.boot.devices if vm.os and vm.os.boot else None) or ("hd",))
    disks = _disks(vm, rows)
    if isinstance(disks, Refusal):
        return disks
    order = 0
    nics = tuple(_nic(nic, rows) for nic in vm.nics or ())
    for device in boot:
        if device == "hd":
            for index, disk in enumerate(disks):
                if disk.bootable or (index == 0 and not any(d.bootable for d in disks)):
                    order += 1
                    disks[index] = attrs.evolve(disk, boot_order=order)
        elif device == "network":
            for index, nic in enumerate(nics):
                order += 1
                nics = (*nics[:index], attrs.evolve(nic, boot_order=order), *nics[index + 1 :])
    sockets, cores, threads = topology_of(vm)
    system, bios = vm.os, _bios_type(vm, rows)
    memory = vm.memory or DEFAULT_MEMORY_BYTES
    return DomainSpec(
        vm_id=vm.id,
        name=vm.name or vm.id,
        memory_bytes=memory,
        sockets=sockets,
        cores=cores,
        threads=threads,
        cpu_mode=_cpu_mode(vm),
        cpu_type=(vm.cpu.type if vm.cpu else None) or "",
        machine="pc" if bios == "i440fx_sea_bios" else "q35",
        firmware="uefi" if bios == "q35_ovmf" else "bios",
        disks=tuple(disks),
        nics=nics,
        boot_menu=bool(vm.bios and vm.bios.boot_menu and vm.bios.boot_menu.enabled),
        kernel=(system.kernel if system else None) or "",
        initrd=(system.initrd if system else None) or "",
        cmdline=(system.cmdline if system else None) or "",
        console=vm.console is None or vm.console.enabled is not False,
        windows=((system.type if system else None) or "").startswith("windows"),
        balloon=vm.memory_policy is None or vm.memory_policy.ballooning is not False,
        time_zone=(vm.time_zone.name if vm.time_zone else None) or "Etc/GMT",
        paused=paused,
        run_once=run_once,
    )


def _bios_type(vm: Vm, rows: Rows) -> str | None:
    """The VM's own, or its cluster's."""
    own = vm.bios.type if vm.bios else None
    if own not in (None, "cluster_default"):
        return own
    cluster = rows.get(Cluster, vm.cluster)
    return cluster.bios_type if cluster is not None else None


def _cpu_mode(vm: Vm) -> str:
    """A model without a mode is a custom one."""
    cpu = vm.cpu or Cpu()
    return cpu.mode or ("custom" if cpu.type else "")


def _disks(vm: Vm, rows: Rows) -> list[DomainDisk] | Refusal:
    made: list[DomainDisk] = []
    for attachment in vm.disk_attachments or ():
        if attachment.active is False:
            continue
        disk = rows.get(Disk, attachment.id)
        if disk is None or disk.status != "ok":
            status = "gone" if disk is None else disk.status
            is_locked = status == "locked"
            return (Busy if is_locked else NotLegal)(
                f"Cannot start VM {vm.name}: its disk {rows.name_of('disk', id_of(attachment))} is {status}.",
                remedy="Wait until the disk is ok, or detach it.",
                entity=f"disk/{attachment.id}",
                field="disk_attachments",
            ).refusal
        made.append(
            DomainDisk(
                disk_id=id_of(disk),
                volume=volume_of(disk),
                interface=attachment.interface or "virtio",
                bootable=bool(attachment.bootable),
                read_only=bool(attachment.read_only),
                serial=id_of(disk)[:20],
                slot=attachment.slot or 0,
                shareable=bool(disk.shareable),
                discard=attachment.pass_discard is not False,
                propagate_errors=bool(disk.propagate_errors),
            )
        )
    return made


def _nic(nic: Nic, rows: Rows) -> DomainNic:
    profile = rows.get(VnicProfile, nic.vnic_profile)
    network = rows.get(Network, profile.network) if profile is not None else None
    assert nic.id is not None
    assert nic.mac is not None
    assert nic.mac.address is not None
    return DomainNic(
        nic_id=nic.id,
        mac=nic.mac.address,
        bridge=(network.vdsm_name or network.name or "") if network is not None else "",
        model=nic.interface or "virtio",
        linked=nic.linked is not False and nic.plugged is not False,
        slot=nic.slot or 0,
        mtu=(network.mtu if network is not None else None) or 0,
    )


def storage_hosts(vm: Vm, rows: Rows) -> tuple[str, ...] | None:
    """Hosts that can reach every disk of the VM; None when any host can."""
    needed: set[str] | None = None
    for attachment in vm.disk_attachments or ():
        disk = rows.get(Disk, attachment.id)
        storage_domain = rows.get(StorageDomain, disk.storage_domain) if disk is not None else None
        if storage_domain is not None and storage_domain.host is not None:
            hosts = {id_of(storage_domain.host)}
            needed = hosts if needed is None else needed & hosts
    return None if needed is None else tuple(sorted(needed))
