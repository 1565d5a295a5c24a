"""One private libvirtd in namespaces of its own, for the tests of a session; the machine's own stays untouched."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import trio

from cli.daemons.lab.layout import RealHostFolders, open_folder
from cli.daemons.lab.machine_files import lay_out
from cli.daemons.lab.namespaces import Namespaces, kill_everything_inside, open_namespaces, processes_inside
from cli.daemons.lab.private_libvirt import (
    forget_sockets,
    libvirtd_command,
    wait_until_serving,
    write_configuration,
)

ADDRESS = "10.77.0.1"  # nobody's: it only may not be this machine's own name


class PrivateHost:
    """A host without a cable: guests run in it, no network leaves it."""

    def __init__(self, folders: RealHostFolders, namespaces: Namespaces) -> None:
        self.folder = folders.lab
        self._folders = folders
        self._namespaces = namespaces
        self._libvirtd: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return self._folders.libvirt_uri

    def start_libvirtd(self) -> None:
        """Starts libvirtd and returns when it serves."""
        forget_sockets_of_libvirtd(self._folders)
        with self.folder.log("libvirtd").open("ab") as log:
            self._libvirtd = subprocess.Popen(
                self._namespaces.inside(libvirtd_command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        trio.run(wait_until_serving, self._folders)

    def kill_libvirtd(self) -> None:
        """`kill -9`; the QEMUs go on."""
        assert self._libvirtd is not None
        self._libvirtd.kill()
        self._libvirtd.wait()

    @property
    def libvirtd_pid(self) -> int:
        assert self._libvirtd is not None
        return self._libvirtd.pid

    def run(self, *command: str) -> str:
        """Runs a command on the host; returns what it printed."""
        done = subprocess.run(self._namespaces.inside(command), check=True, capture_output=True, text=True)
        return done.stdout

    def inside(self, path: Path) -> Path:
        """A path of the host as this process can open it."""
        return Path(f"/proc/{self._namespaces.holder.pid}/root{path}")

    def qemu_pids(self) -> list[int]:
        """Every living QEMU of this host that runs a VM, whoever knows of it. (A libvirtd that is killed while it looks
        at what QEMU can do leaves that one behind, which runs nothing.)"""
        return [pid for pid in processes_inside(self._folders.machine) if _is_qemu(pid)]

    def end(self) -> None:
        trio.run(partial(kill_everything_inside, self._folders.machine))
        if self._libvirtd is not None:
            self._libvirtd.wait()
        trio.run(self._namespaces.holder.wait)


def _is_qemu(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"qemu-system" in words[0] and b"-uuid" in words
    except OSError:
        return False


def forget_sockets_of_libvirtd(host: RealHostFolders) -> None:
    """A killed libvirtd leaves its sockets; the pid files of running QEMUs must stay."""
    for path in (host.machine / "run").glob("libvirt-*sock*"):
        path.unlink(missing_ok=True)
    (host.machine / "run" / "libvirtd.pid").unlink(missing_ok=True)


@contextlib.contextmanager
def private_host() -> Iterator[PrivateHost]:
    """Makes the host and ends it, with everything that runs in it."""
    path = Path(tempfile.mkdtemp(prefix="corral-real-"))
    try:
        folders = open_folder(path).real_host()
        mounts = lay_out(folders, {folders.host_name: ADDRESS})
        forget_sockets(folders)
        namespaces = trio.run(
            open_namespaces, folders.machine, folders.host_name, folders.lab.log("namespaces"), mounts
        )
        write_configuration(folders, ADDRESS)
        host = PrivateHost(folders, namespaces)
        try:
            host.start_libvirtd()
            yield host
        finally:
            host.end()
    finally:
        shutil.rmtree(path, ignore_errors=True)
