"""A kernel and a small initramfs for guests of the real tests, built once and kept in the cache folder."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
from pathlib import Path

import attrs

from cli.daemons.tiny_image import packages
from cli.daemons.tiny_image.build import default_cache_dir
from cli.daemons.tiny_image.commands import run_tool
from cli.daemons.tiny_image.kernel import copy_modules, open_kernel

MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "virtio_balloon", "virtio_net", "button", "evdev")

INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for m in virtio_pci virtio_console virtio_blk virtio_balloon virtio_net button evdev; do $b modprobe -q $m; done
for e in /sys/class/input/event*; do
  if $b grep -q "Power Button" $e/device/name; then
    ( $b dd if=/dev/input/${e##*/} of=/dev/null bs=24 count=1 2>/dev/null; $b poweroff -f ) &
  fi
done
for p in /sys/class/virtio-ports/*; do
  if [ "$($b cat $p/name)" = org.corral.guest.0 ]; then
    # One open for both directions: the port takes no second one.
    ( while :; do while read -r line; do echo "heard $line"; done; $b usleep 100000; done <>/dev/${p##*/} >&0 ) &
  fi
done
echo GUEST-IS-UP
while :; do $b setsid $b sh -c 'exec /bin/busybox sh </dev/ttyS0 >/dev/ttyS0 2>&1'; done
"""


@attrs.frozen
class BootFiles:
    kernel: Path
    initrd: Path
    cmdline: str = "console=ttyS0 quiet"


def boot_files() -> BootFiles:
    """The files, built when they are not in the cache. Needs apt, cpio, kmod and busybox-static the first time."""
    busybox = Path("/bin/busybox")
    digest = hashlib.sha256(f"{INIT}{MODULES}{busybox.stat().st_size}".encode()).hexdigest()[:16]
    folder = default_cache_dir() / f"real-boot-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="real-boot-", dir=folder.parent) as scratch:
            made = _build(Path(scratch), busybox)
            made.rename(folder)
    return BootFiles(folder / "vmlinuz", folder / "initrd.gz")


def _build(scratch: Path, busybox: Path) -> Path:
    name = packages.kernel_package()
    packages.unpack(packages.download([name], scratch / "debs")[name], scratch / "kernel")
    kernel = open_kernel(scratch / "kernel")
    root = scratch / "root"
    for folder in ("bin", "dev", "proc", "sys"):
        (root / folder).mkdir(parents=True)
    shutil.copyfile(busybox, root / "bin" / "busybox")
    (root / "init").write_text(INIT)
    for program in ("bin/busybox", "init"):
        (root / program).chmod(0o755)
    copy_modules(kernel, MODULES, root)
    names = "\n".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
    archive = run_tool("cpio", "--create", "--format=newc", "--quiet", "--owner=0:0", cwd=root, stdin=names.encode())
    made = scratch / "made"
    made.mkdir()
    (made / "initrd.gz").write_bytes(gzip.compress(archive, compresslevel=1, mtime=0))
    shutil.copyfile(kernel.image, made / "vmlinuz")
    return made
