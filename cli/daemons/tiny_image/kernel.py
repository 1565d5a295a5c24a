"""Picks the kernel's modules and makes the initramfs that finds the root partition; it does not touch the root tree."""

import gzip
import shutil
from collections.abc import Iterable
from pathlib import Path

import attrs

from cli.daemons.tiny_image.commands import ImageBuildError, run_tool

# What it takes to see the root partition, wherever the disk hangs.
ROOT_DISK_MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "ata_piix", "ahci")
# What a running guest needs besides; a name that this kernel lacks or has built in is passed over.
GUEST_MODULES = (
    "virtio_net",
    "virtio_console",
    "virtio_balloon",
    "virtio_rng",
    "button",
    "evdev",
    "sr_mod",
    "isofs",
    "vfat",
    "nls_ascii",
    "pvpanic_pci",
)


@attrs.frozen
class KernelPackage:
    """An unpacked kernel package: ``tree`` is the folder that dpkg unpacked into."""

    tree: Path
    version: str

    @property
    def image(self) -> Path:
        return self.tree / "boot" / f"vmlinuz-{self.version}"

    @property
    def modules(self) -> Path:
        return self.tree / "lib" / "modules" / self.version


def open_kernel(tree: Path) -> KernelPackage:
    versions = sorted(path.name for path in (tree / "lib" / "modules").iterdir())
    if len(versions) != 1:
        raise ImageBuildError(f"the kernel package holds {len(versions)} kernels instead of one")
    kernel = KernelPackage(tree, versions[0])
    run_tool("depmod", "-b", tree, kernel.version)
    return kernel


def copy_modules(kernel: KernelPackage, names: Iterable[str], root: Path) -> None:
    """Copies the modules and everything that they depend on to ``root`` and indexes them there."""
    needs = _dependencies(kernel)
    by_name = {_module_name(path): path for path in needs}
    wanted: list[str] = []
    for name in names:
        path = by_name.get(name.replace("-", "_"))
        if path is not None:
            wanted += [path, *needs[path]]
    target = root / "lib" / "modules" / kernel.version
    for path in dict.fromkeys(wanted):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kernel.modules / path, target / path)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copyfile(kernel.modules / index, target / index)
    run_tool("depmod", "-b", root, kernel.version)


def make_initramfs(kernel: KernelPackage, busybox: Path, init: Path, scratch: Path, out: Path) -> None:
    """Packs busybox, ``init`` and the modules of the root disk into a gzipped cpio archive."""
    for folder in ("bin", "dev", "proc", "sys", "new"):
        (scratch / folder).mkdir(parents=True)
    shutil.copyfile(busybox, scratch / "bin" / "busybox")
    shutil.copyfile(init, scratch / "init")
    for program in ("bin/busybox", "init"):
        (scratch / program).chmod(0o755)
    (scratch / "bin" / "sh").symlink_to("busybox")
    copy_modules(kernel, ROOT_DISK_MODULES, scratch)
    names = sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*"))
    archive = run_tool(
        "cpio", "--create", "--format=newc", "--quiet", "--owner=0:0", cwd=scratch, stdin="\n".join(names).encode()
    )
    out.write_bytes(gzip.compress(archive, compresslevel=6, mtime=0))


def _dependencies(kernel: KernelPackage) -> dict[str, list[str]]:
    lines = (kernel.modules / "modules.dep").read_text().splitlines()
    return {path: rest.split() for path, rest in (line.split(":", 1) for line in lines)}


def _module_name(path: str) -> str:
    return Path(path).name.split(".ko", 1)[0].replace("-", "_")
