"""What a lab claims before it starts anything: its folder, its ports, memory; it starts and ends nothing."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder

PORTS = 3
REAL_HOST_MEMORY_MIB = 512
"""What libvirtd, the node daemon and one small guest take."""


@contextmanager
def only_lab(folder: LabFolder) -> Iterator[None]:
    """One lab per folder; the lock goes with the process and leaves no file."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"a lab is already running in {folder.path}; ./dev lab stop --dir {folder.path} stops it"
            ) from None
        yield
    finally:
        os.close(descriptor)


def refuse_taken_ports(port: int) -> None:
    """Raises LabError when one of the lab's ports cannot be listened on."""
    for number in range(port, port + PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as failure:
                raise LabError(f"port {number} is in use ({failure.strerror}); choose another --port") from None


def real_hosts_that_fit(available_mib: int) -> int:
    return available_mib // REAL_HOST_MEMORY_MIB


def available_memory_mib() -> int:
    """What programs can still take, as the kernel estimates it (proc(5), MemAvailable)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) // 1024
