"""The domains whose documents are kept as golden files; `python -m tests.node.domain_xml.specs` writes them anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from node.domain_xml import DiskSource, GuestPlatform, domain_xml
from protocol.node.domain import DomainDisk, DomainNic, DomainSpec, VolumeRef

FOLDER = Path(__file__).parent / "golden"
GIB = 1024**3


def ref(number: int, volume_format: str = "qcow2") -> VolumeRef:
    return VolumeRef(
        storage_domain_id="11111111-0000-4000-8000-000000000001",
        image_id=f"aaaaaaaa-0000-4000-8000-{number:012d}",
        volume_id=f"bbbbbbbb-0000-4000-8000-{number:012d}",
        format=volume_format,
    )


def disk(number: int, **fields: object) -> DomainDisk:
    fields.setdefault("volume", ref(number))
    return DomainDisk(disk_id=ref(number).image_id, **fields)  # type: ignore[arg-type]


def nic(number: int, **fields: object) -> DomainNic:
    fields.setdefault("mac", f"52:54:00:00:00:{number:02x}")
    return DomainNic(nic_id=f"dddddddd-0000-4000-8000-{number:012d}", **fields)  # type: ignore[arg-type]


def spec(**fields: object) -> DomainSpec:
    fields.setdefault("vm_id", "cccccccc-0000-4000-8000-000000000001")
    fields.setdefault("name", "db 1")
    fields.setdefault("memory_bytes", GIB)
    return DomainSpec(**fields)  # type: ignore[arg-type]


def sources(made: DomainSpec) -> dict[VolumeRef, DiskSource]:
    root = "/data/images"
    return {d.volume: DiskSource(f"{root}/{d.volume.image_id}/{d.volume.volume_id}") for d in made.disks}


TCG = GuestPlatform(accelerator="qemu", cpu_model="maximum")
KVM = GuestPlatform(accelerator="kvm", cpu_model="host-passthrough")
NAMED = GuestPlatform(accelerator="kvm", cpu_model="EPYC", console_log_directory="/var/log/consoles")

CASES: Mapping[str, tuple[DomainSpec, GuestPlatform]] = {
    "smallest": (spec(display="none", balloon=False), TCG),
    "usual": (
        spec(
            sockets=2,
            cores=2,
            disks=(disk(1, bootable=True), disk(2, slot=1, volume=ref(2, "raw"))),
            nics=(nic(1, bridge="ovirtmgmt"), nic(2, slot=1, model="e1000e")),
        ),
        KVM,
    ),
    "run_once": (
        spec(
            disks=(disk(1, bootable=True),),
            nics=(nic(1, bridge="ovirtmgmt", boot_order=2),),
            cdrom_path="/isos/live.iso",
            boot_menu=True,
            run_once=True,
        ),
        TCG,
    ),
    "direct_kernel": (spec(kernel="/boot/vmlinuz", initrd="/boot/initrd", cmdline="console=ttyS0"), TCG),
    "all_interfaces": (
        spec(
            disks=(
                disk(1, interface="virtio_scsi", slot=0, boot_order=1),
                disk(2, interface="sata", slot=1, read_only=True),
                disk(3, interface="ide", slot=2),
                disk(4, interface="virtio", slot=22, serial="WD-1"),
            ),
            time_zone="Europe/Berlin",
        ),
        NAMED,
    ),
    "own_cpu": (spec(cpu_mode="host_passthrough", windows=True), KVM),
    "model_of_the_host": (spec(cpu_mode="host_model", windows=True, time_zone="Europe/Berlin"), KVM),
    "custom_cpu": (spec(cpu_mode="custom", cpu_type="Westmere", console=False), TCG),
    "custom_cpu_of_kvm": (spec(cpu_mode="custom", cpu_type="Westmere"), KVM),
    "shared_disk": (
        spec(
            disks=(
                disk(1, bootable=True, discard=False),
                disk(2, slot=1, volume=ref(2, "raw"), shareable=True, propagate_errors=True),
            ),
            nics=(nic(1, bridge="ovirtmgmt", mtu=9000),),
        ),
        KVM,
    ),
    "uefi": (spec(firmware="uefi"), KVM),
    "pc": (spec(machine="pc", disks=(disk(1, interface="ide"),), cdrom_path="/isos/live.iso"), TCG),
}


def document(name: str) -> str:
    made, platform = CASES[name]
    return domain_xml(made, "step-1", sources(made), platform) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        (FOLDER / f"{name}.xml").write_text(document(name))


if __name__ == "__main__":
    main()
