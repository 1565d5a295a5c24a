"""The interface between the lab and the daemons: configuration files, ready files, the control socket.

It starts no process; a change of a daemon's configuration or control messages is made here.
"""

import contextlib
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.daemons.control_socket import ask
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder, RealHostFolders
from node.link.identity import Identity
from protocol.errors import CorralError

READY = "ready.json"
REFUSED = "refused.json"
CONTROL_SOCKET = "control.sock"
CERTIFICATE = "host.pem"


def write_engine_configuration(folder: LabFolder, port: int, node_listen: Sequence[str]) -> Path:
    """The engine's file: the API on ``port``, the live stream and the nodes on the two ports after it.

    Raises LabError when the lab's own ``engine.toml`` cannot be read.
    """
    return _write(
        folder.engine,
        {
            **_own_settings(folder.engine_settings),
            "state_dir": str(folder.engine),
            "listen_host": "127.0.0.1",
            "port": port,
            "live_port": port + 1,
            "node_port": port + 2,
            "node_listen": list(node_listen),
            "lab": True,
        },
    )


def write_node_configuration(host: RealHostFolders, *, engine: str, ca_file: str, token: str, address: str) -> Path:
    """A real host's node; libvirt is found where a node always finds it, inside the host's namespaces."""
    return _write(
        host.node,
        {
            "state_dir": str(host.node),
            "engine_url": engine,
            "ca_file": ca_file,
            "token": token,
            "name": host.name,
            "address": address,
            "hypervisor": "libvirt",
            "libvirt_uri": "qemu:///system",
            "storage_dir": str(host.storage),
        },
    )


def write_simulated_configuration(folder: LabFolder, *, engine: str, ca_file: str, hosts: int) -> Path:
    """Simulated hosts draw their enrolment tokens from the engine's control socket themselves."""
    return _write(
        folder.simulated,
        {
            "state_dir": str(folder.simulated),
            "engine_url": engine,
            "ca_file": ca_file,
            "engine_control_socket": str(folder.engine / CONTROL_SOCKET),
            "hosts": hosts,
            "hypervisor": "simulated",
        },
    )


def is_enrolled(node_state_dir: Path) -> bool:
    return (node_state_dir / CERTIFICATE).exists()


def enrolled_as(node_state_dirs: Sequence[Path]) -> set[str]:
    """The ids of the hosts that these nodes are. One whose certificate cannot be read says so itself, in its log."""
    ids = set()
    for state_dir in node_state_dirs:
        if is_enrolled(state_dir):
            with contextlib.suppress(ValueError):
                ids.add(Identity(state_dir).host_id)
    return ids


async def host_is_up(engine_state_dir: Path, host_id: str) -> None:
    """Waits until the engine says that the host is up, which is a little later than its node is linked.

    Raises LabError with the host's status when it does not come up by itself.
    """
    await ask_control(engine_state_dir, {"do": "host_is_up", "host_id": host_id})


async def enrolment_token(engine_state_dir: Path, host_name: str, taken: Collection[str] = ()) -> str:
    """A token with which a node of this name may enrol once. `taken`: the ids of hosts that others here are already.

    Raises LabError when the engine refuses or does not answer, and when the name is now that of another host.
    """
    reply = await ask_control(engine_state_dir, {"do": "enrolment_token", "host": host_name})
    if reply.get("host_id") in taken:
        raise LabError(f"another host of this lab is now called {host_name}; rename it")
    return str(reply["token"])


async def register_tiny(engine_state_dir: Path, image: Path, *, host_id: str, storage: Path) -> None:
    """Has the engine offer the small guest as a template on the host's storage; asking again changes nothing."""
    question = {
        "do": "register_tiny",
        "image": str(image),
        "size_bytes": qcow2_virtual_bytes(image),
        "host_id": host_id,
        "storage": str(storage),
    }
    await ask_control(engine_state_dir, question)


def qcow2_virtual_bytes(image: Path) -> int:
    """The virtual size in an image's qcow2 header: bytes 24 to 31, big-endian (QEMU's docs/interop/qcow2.txt)."""
    with image.open("rb") as file:
        header = file.read(32)
    if header[:4] != b"QFI\xfb":
        raise LabError(f"{image} is not a qcow2 image")
    return int.from_bytes(header[24:32], "big")


async def cut_simulated_host(simulated_state_dir: Path, host_name: str) -> None:
    """Cuts the power of one simulated host."""
    await ask_control(simulated_state_dir, {"do": "kill_host", "host": host_name})


async def ask_control(state_dir: Path, question: Mapping[str, object]) -> dict[str, Any]:
    """One question on a daemon's control socket.

    Raises LabError when nobody answers in time, or with the reason of the refusal.
    """
    try:
        return await ask(state_dir / CONTROL_SOCKET, question)
    except CorralError as refused:
        raise LabError(str(refused)) from refused


def _own_settings(path: Path) -> dict[str, Any]:
    """What somebody laid into the lab's folder for its engine; nothing is the rule."""
    try:
        return tomllib.loads(path.read_text()) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path} is not valid TOML: {error}") from None


def _write(state_dir: Path, settings: Mapping[str, str | int | float | bool | list[str]]) -> Path:
    """Writes TOML: JSON's strings, numbers, booleans and lists of strings are TOML's too."""
    state_dir.mkdir(parents=True, exist_ok=True)
    state_dir.chmod(0o711)
    path = state_dir / "config.toml"
    path.touch(mode=0o600)
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return path
