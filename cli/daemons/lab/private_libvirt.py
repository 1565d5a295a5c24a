"""The configuration and command line of a real host's own libvirtd, and the end of its guests; it restarts nothing."""

import os
import uuid

import attrs
import trio

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import RealHostFolders
from cli.daemons.lab.tools import run_tool

SERVING_SECONDS = 15.0
# The machine may lack cgroups, mount capabilities and security labels for guests; a lab asks for none of them.
QEMU_CONFIGURATION = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
security_driver = "none"
seccomp_sandbox = 0
stdio_handler = "file"
vnc_listen = "{address}"
spice_listen = "{address}"
migration_address = "0.0.0.0"
migration_host = "{address}"
"""
# Five requests per client starve a node that watches and acts at once.
LIBVIRTD_CONFIGURATION = """\
listen_tls = 0
listen_tcp = 0
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_group = "root"
unix_sock_rw_perms = "0700"
max_clients = 200
min_workers = 8
max_workers = 40
prio_workers = 8
max_client_requests = 200
host_uuid = "{host_uuid}"
log_outputs = "2:stderr"
"""


@attrs.frozen
class LeftGuests:
    """How many guests ran when the host was asked to end them, and why asking failed, if it did."""

    count: int
    reason: str | None = None


def write_configuration(host: RealHostFolders, address: str) -> None:
    """Writes what libvirtd reads; ``address`` is the host's own on the lab's network."""
    etc = host.machine / "etc"
    (etc / "qemu.conf").write_text(QEMU_CONFIGURATION.format(address=address))
    (etc / "libvirtd.conf").write_text(LIBVIRTD_CONFIGURATION.format(host_uuid=host_uuid(host)))


def host_uuid(host: RealHostFolders) -> str:
    """The host's own UUID, drawn once per host: two of them on one machine must not be one host."""
    path = host.machine / "uuid"
    if not path.exists():
        path.write_text(f"{uuid.UUID(bytes=os.urandom(16), version=4)}\n")
    return path.read_text().strip()


def libvirtd_command() -> list[str]:
    return ["/usr/sbin/libvirtd", "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid"]


def forget_sockets(host: RealHostFolders) -> None:
    """Removes the sockets and pid files of a libvirtd that ended; must not be called while one runs."""
    for path in sorted((host.machine / "run").rglob("*")):
        if path.is_socket() or path.suffix == ".pid":
            path.unlink(missing_ok=True)


async def wait_until_serving(host: RealHostFolders) -> None:
    """Waits until libvirtd answers on its socket.

    Raises LabError after SERVING_SECONDS.
    """
    last_reason = "no socket"
    with trio.move_on_after(SERVING_SECONDS):
        while True:
            if host.libvirt_socket.exists():
                try:
                    await run_tool("virsh", "--quiet", "--connect", host.libvirt_uri, "uri")
                    return
                except LabError as refusal:
                    last_reason = str(refusal)
            await trio.sleep(0.05)
    raise LabError(f"no answer within {SERVING_SECONDS:.0f} s: {last_reason}")


async def destroy_guests(host: RealHostFolders, timeout_seconds: float = 10.0) -> LeftGuests:
    """Destroys every guest of the lab's libvirtd; what does not end is left to the caller, who kills it."""
    if not host.libvirt_socket.exists():
        return LeftGuests(0)
    virsh = ("virsh", "--quiet", "--connect", host.libvirt_uri)
    try:
        with trio.fail_after(timeout_seconds):
            names = (await run_tool(*virsh, "list", "--name")).split("\n")
            guests = [name for name in names if name]
            async with trio.open_nursery() as nursery:
                for name in guests:
                    nursery.start_soon(_destroy, virsh, name)
    except (LabError, trio.TooSlowError) as failure:
        return LeftGuests(0, str(failure) or f"libvirtd did not answer for {timeout_seconds:.0f} s")
    return LeftGuests(len(guests))


async def _destroy(virsh: tuple[str, ...], name: str) -> None:
    await run_tool(*virsh, "destroy", name, check=False)
