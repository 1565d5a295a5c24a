"""The paths in a lab's directory, and the lab's own names; it creates and starts nothing."""

import hashlib
import re
from pathlib import Path

import attrs

from cli.daemons.lab.errors import LabError

# A UNIX socket's path holds 107 bytes; libvirt's own is the longest below the folder.
SOCKET_PATH_BYTES_MAX = 107
FIRST_REAL_HOST = 1
_real_host_name = re.compile(r"real(?:-([1-9]\d*))?")


@attrs.frozen
class RealHostFolders:
    """One real host of a lab: its names, and where its machine, its node daemon and its volumes have their files.

    The first is called `real` and lies in `host`, `node` and `storage`; the second `real-2`, in `host-2` and so on.
    """

    lab: "LabFolder"
    number: int = FIRST_REAL_HOST

    @property
    def name(self) -> str:
        return self._numbered("real")

    @property
    def host_name(self) -> str:
        """What the machine calls itself; it differs from lab to lab."""
        return f"{self.name}.lab-{self.lab.tag}"

    @property
    def machine(self) -> Path:
        """What belongs to the machine: the folders of its libvirt, its UUID, its accounts."""
        return self.lab.path / self._numbered("host")

    @property
    def node(self) -> Path:
        return self.lab.path / self._numbered("node")

    @property
    def storage(self) -> Path:
        """The host's own storage, on no other host."""
        return self.lab.path / self._numbered("storage")

    @property
    def libvirt_socket(self) -> Path:
        return self.machine / "run" / "libvirt-sock"

    @property
    def libvirt_uri(self) -> str:
        """For clients outside the host's namespaces, such as virsh."""
        return f"qemu+unix:///system?socket={self.libvirt_socket}"

    def process(self, kind: str) -> str:
        """The name of one of the host's processes, in notes and logs: `node`, `node-2`."""
        return self._numbered(kind)

    def _numbered(self, word: str) -> str:
        return word if self.number == FIRST_REAL_HOST else f"{word}-{self.number}"


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
    def network(self) -> Path:
        """What belongs to the network between the real hosts: its bridge's namespace, its DHCP server."""
        return self.path / "network"

    @property
    def shared(self) -> Path:
        """A folder that all real hosts see, under this path."""
        return self.path / "shared"

    def real_host(self, number: int = FIRST_REAL_HOST) -> RealHostFolders:
        return RealHostFolders(self, number)

    def real_host_named(self, name: str) -> RealHostFolders | None:
        """`real`, `real-2` and so on; None for every other name."""
        found = _real_host_name.fullmatch(name)
        if found is None or found[1] == str(FIRST_REAL_HOST):
            return None
        return self.real_host(int(found[1] or FIRST_REAL_HOST))

    def known_real_hosts(self) -> list[RealHostFolders]:
        """Every real host that this lab or an earlier one of the folder had."""
        found = (self.real_host_named(f"real{path.name.removeprefix('host')}") for path in self.path.glob("host*"))
        return sorted((host for host in found if host is not None), key=lambda host: host.number)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def open_folder(path: Path, real_hosts: int = 1) -> LabFolder:
    """The folder of a lab with as many real hosts, made if it is not there.

    Raises LabError when sockets in it would have names that the kernel refuses.
    """
    folder = LabFolder(path.resolve())
    too_long = len(bytes(folder.real_host(max(real_hosts, FIRST_REAL_HOST)).libvirt_socket)) - SOCKET_PATH_BYTES_MAX
    if too_long > 0:
        raise LabError(f"{folder.path} is {too_long} bytes too long for sockets in it; choose a shorter --dir")
    for needed in (folder.path, folder.logs, folder.process_notes):
        needed.mkdir(parents=True, exist_ok=True)
    folder.path.chmod(0o755)
    return folder
