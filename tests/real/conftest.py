"""What the tests on real QEMU share: one private host per session, boot files, the finding of the probe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
import trio

from cli.daemons.tiny_image.build import default_cache_dir
from node.hypervisor.probe.boot import Virtualization, find_virtualization
from tests.real.boot_files import BootFiles, boot_files
from tests.real.private_host import PrivateHost, private_host

NEEDED = ("libvirtd", "qemu-system-x86_64", "qemu-img", "virsh", "cpio", "busybox")


@pytest.fixture(scope="session")
def real_machine() -> None:
    """Skips on a machine that cannot run QEMU under libvirt; under `./dev test` as root that is a failure."""
    give_up = pytest.fail if os.environ.get("CORRAL_REAL_TESTS") == "required" else pytest.skip
    missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None]
    if missing:
        give_up(f"needs {', '.join(missing)}")
    if os.geteuid() != 0:
        give_up("needs root")


@pytest.fixture(scope="session")
def host(real_machine: None) -> Iterator[PrivateHost]:
    with private_host() as made:
        yield made


@pytest.fixture(scope="session")
def boot(real_machine: None) -> BootFiles:
    return boot_files()


@pytest.fixture(scope="session")
def virtualization(real_machine: None) -> Virtualization:
    return trio.run(find_virtualization, default_cache_dir() / "virtualization.json")
