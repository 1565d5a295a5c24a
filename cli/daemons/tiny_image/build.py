"""Builds the image once per set of inputs and finds it again; every step itself lives in the files beside it."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.daemons.tiny_image import packages
from cli.daemons.tiny_image.agent_bundle import distributions, room_files
from cli.daemons.tiny_image.boot_disk import assemble, make_boot_partition, make_root_partition
from cli.daemons.tiny_image.kernel import GUEST_MODULES, ROOT_DISK_MODULES, copy_modules, make_initramfs, open_kernel
from cli.daemons.tiny_image.root_tree import busybox_of, make_root_tree

HERE = Path(__file__).parent


def default_cache_dir() -> Path:
    """``CORRAL_CACHE_DIR``, else ``corral`` in the user's cache folder."""
    chosen = os.environ.get("CORRAL_CACHE_DIR")
    if chosen:
        return Path(chosen)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "corral"


def cached_image_path(cache_dir: Path) -> Path:
    """Where the image of the present sources is or will be; the name changes with every input."""
    return cache_dir / f"tiny-{_inputs_hash()}.qcow2"


def build(cache_dir: Path, report: Callable[[str], None] = lambda line: None) -> Path:
    """Returns the image of the present sources, built if it is not in ``cache_dir`` yet.

    Raises ImageBuildError when a tool or a package is missing.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    image = cached_image_path(cache_dir)
    with _one_builder(cache_dir):
        if not image.exists():
            with tempfile.TemporaryDirectory(prefix="tiny-", dir=cache_dir) as scratch:
                made = _build(Path(scratch), report)
                made.replace(image)
            _forget_older(cache_dir, image)
    return image


def _build(scratch: Path, report: Callable[[str], None]) -> Path:
    report("downloading Debian packages")
    kernel_name = packages.kernel_package()
    userland = (*packages.userland_packages(), *packages.python_packages())
    debs = packages.download((kernel_name, *userland), scratch / "debs")
    report("unpacking the kernel")
    packages.unpack(debs[kernel_name], scratch / "kernel")
    kernel = open_kernel(scratch / "kernel")
    report("laying out the root file system")
    tree = scratch / "root"
    make_root_tree(tree, {name: debs[name] for name in userland})
    copy_modules(kernel, (*ROOT_DISK_MODULES, *GUEST_MODULES), tree)
    initramfs = scratch / "initrd.gz"
    make_initramfs(kernel, busybox_of(tree), HERE / "initramfs" / "init", scratch / "initramfs", initramfs)
    report("writing the disk")
    boot = make_boot_partition(kernel.image, initramfs, scratch / "boot")
    root = make_root_partition(tree, scratch / "partition")
    image = scratch / "tiny.qcow2"
    assemble(boot, root, image)
    return image


def _inputs_hash() -> str:
    """Sixteen hexadecimal digits over this package, the agent's sources and the versions of what they import."""
    digest = hashlib.sha256()
    own = [path for path in sorted(HERE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    sources = [(path, path.relative_to(HERE)) for path in own] + list(room_files())
    for path, name in sources:
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    for distribution in distributions():
        digest.update(f"{distribution.name} {distribution.version}\n".encode())
    return digest.hexdigest()[:16]


@contextmanager
def _one_builder(cache_dir: Path) -> Iterator[None]:
    """Two labs that start together build once; the lock goes with the file descriptor."""
    descriptor = os.open(cache_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _forget_older(cache_dir: Path, image: Path, keep: int = 3) -> None:
    """A running lab copies the image before use, so older ones are only kept for going back and forth."""
    others = sorted(
        (path for path in cache_dir.glob("tiny-*.qcow2") if path != image),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in others[keep:]:
        path.unlink(missing_ok=True)
    for leftover in cache_dir.glob("tiny-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
