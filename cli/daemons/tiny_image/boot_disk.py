"""Assembles a disk that a BIOS boots: MBR, a FAT partition with syslinux, the root partition; it fills no partition."""

import struct
from pathlib import Path

from cli.daemons.tiny_image.commands import ImageBuildError, run_tool

SECTOR_BYTES = 512
ALIGNMENT_SECTORS = 2048
BOOT_PARTITION_MEBIBYTES = 24
ROOT_PARTITION_MEBIBYTES = 384
ROOT_LABEL = "tiny-root"
FAT16_LBA, LINUX = 0x0E, 0x83
MASTER_BOOT_CODE = (Path("/usr/lib/syslinux/mbr/mbr.bin"), Path("/usr/lib/SYSLINUX/mbr.bin"))

SYSLINUX_CONFIGURATION = """\
SERIAL 0 115200
DEFAULT tiny
PROMPT 0
LABEL tiny
  KERNEL vmlinuz
  INITRD initrd.gz
  APPEND root=LABEL={label} rw quiet console=tty0 console=ttyS0,115200 net.ifnames=0 panic=10 {extra}
"""
# Without a clock that TCG keeps well the kernel calibrates and complains; memory plugged in is used at once.
KERNEL_OPTIONS = "memhp_default_state=online_movable no_timer_check"


def make_boot_partition(kernel: Path, initramfs: Path, scratch: Path) -> Path:
    """A FAT file system with syslinux installed, made without mounting anything."""
    scratch.mkdir(parents=True)
    partition = scratch / "boot.fat"
    _make_sparse(partition, BOOT_PARTITION_MEBIBYTES)
    run_tool("mkfs.vfat", "-F", "16", "-n", "TINYBOOT", "-h", str(ALIGNMENT_SECTORS), partition)
    configuration = scratch / "syslinux.cfg"
    configuration.write_text(SYSLINUX_CONFIGURATION.format(label=ROOT_LABEL, extra=KERNEL_OPTIONS))
    files = ((kernel, "vmlinuz"), (initramfs, "initrd.gz"), (configuration, "syslinux.cfg"))
    for source, name in files:
        run_tool("mcopy", "-i", partition, source, f"::{name}")
    run_tool("syslinux", "--install", partition)
    return partition


def make_root_partition(tree: Path, scratch: Path) -> Path:
    """An ext4 file system filled from ``tree``."""
    scratch.mkdir(parents=True)
    partition = scratch / "root.ext4"
    _make_sparse(partition, ROOT_PARTITION_MEBIBYTES)
    run_tool("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", ROOT_LABEL, "-d", tree, partition)
    return partition


def assemble(boot: Path, root: Path, out: Path) -> None:
    """Writes both partitions behind a partition table into one compressed qcow2 file."""
    boot_start = ALIGNMENT_SECTORS
    root_start = boot_start + _sectors(boot)
    raw = out.with_suffix(".raw")
    with raw.open("wb") as disk:
        disk.truncate((root_start + _sectors(root)) * SECTOR_BYTES)
        disk.write(_master_boot_code())
        disk.seek(446)
        disk.write(_table_entry(FAT16_LBA, boot_start, _sectors(boot), active=True))
        disk.write(_table_entry(LINUX, root_start, _sectors(root), active=False))
        disk.seek(510)
        disk.write(b"\x55\xaa")
    for partition, start in ((boot, boot_start), (root, root_start)):
        run_tool(
            "dd", f"if={partition}", f"of={raw}", "bs=1M", f"seek={start * SECTOR_BYTES // 2**20}",
            "conv=notrunc,sparse", "status=none",
        )  # fmt: skip
    run_tool("qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "-c", "-m", "4", "-W", raw, out)
    raw.unlink()


def _master_boot_code() -> bytes:
    path = next((choice for choice in MASTER_BOOT_CODE if choice.exists()), None)
    if path is None:
        raise ImageBuildError("mbr.bin of the package syslinux-common is missing; run ./dev setup as root")
    return path.read_bytes()[:440]


def _table_entry(kind: int, start: int, sectors: int, *, active: bool) -> bytes:
    """One of the four entries of an MBR; addresses beyond cylinders and heads, as every BIOS of a VM reads them."""
    return struct.pack("<B3sB3sII", 0x80 if active else 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, sectors)


def _make_sparse(path: Path, mebibytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(mebibytes * 2**20)


def _sectors(path: Path) -> int:
    return path.stat().st_size // SECTOR_BYTES
