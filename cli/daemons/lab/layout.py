"""Where everything lies in the folder of a lab, and the lab's own names; it creates and starts nothing."""

import hashlib
from pathlib import Path

import attrs

from cli.daemons.lab.errors import LabError

# A UNIX socket's path holds 107 bytes; libvirt's own is the longest below the folder.
SOCKET_PATH_BYTES_MAX = 107
REAL_HOST_NAME = "real"
# What libvirt hard-wires, and the folder of the lab that stands there in the host's namespace.
LIBVIRT_FOLDERS = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "run": "/run/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}


@attrs.frozen
class LabFolder:
    """The folder of one lab: data that outlives it, state of the running one."""

    path: Path

    @property
    def tag(self) -> str:
        """Six hexadecimal digits that differ from lab to lab; part of every name outside the folder."""
        return hashlib.sha256(bytes(self.path)).hexdigest()[:6]

    @property
    def summary(self) -> Path:
        return self.path / "lab.json"

    @property
    def engine_settings(self) -> Path:
        """Settings that the lab's engine gets besides the lab's own, such as shorter times; a person writes it."""
        return self.path / "engine.toml"

    @property
    def logs(self) -> Path:
        return self.path / "log"

    @property
    def process_notes(self) -> Path:
        return self.path / "processes"

    @property
    def engine(self) -> Path:
        return self.path / "engine"

    @property
    def simulated(self) -> Path:
        return self.path / "simulated"

    @property
    def node(self) -> Path:
        return self.path / "node"

    @property
    def host(self) -> Path:
        """What belongs to the real host's machine: its libvirt, its DHCP server."""
        return self.path / "host"

    @property
    def storage(self) -> Path:
        return self.path / "storage"

    @property
    def libvirt_socket(self) -> Path:
        return self.host / "run" / "libvirt-sock"

    @property
    def libvirt_uri(self) -> str:
        """For clients outside the host's namespaces, such as virsh."""
        return f"qemu+unix:///system?socket={self.libvirt_socket}"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def open_folder(path: Path) -> LabFolder:
    """The folder of a lab, made if it is not there.

    Raises LabError when sockets in it would have names that the kernel refuses.
    """
    folder = LabFolder(path.resolve())
    if len(bytes(folder.libvirt_socket)) > SOCKET_PATH_BYTES_MAX:
        raise LabError(f"{folder.path} is too long for sockets in it; choose a shorter --dir")
    for needed in (folder.path, folder.logs, folder.process_notes):
        needed.mkdir(parents=True, exist_ok=True)
    folder.path.chmod(0o755)
    return folder
