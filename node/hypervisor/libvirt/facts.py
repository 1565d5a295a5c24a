"""The facts about this host, from libvirt and the kernel. Runs in a thread; changes nothing."""

from __future__ import annotations

import glob
import os
import platform
import socket
import uuid

import libvirt
import psutil

from node.hypervisor.libvirt import mounts as place
from node.hypervisor.libvirt.capabilities import host_capabilities
from node.hypervisor.probe.boot import Virtualization
from protocol import limits
from protocol.node.reports import HostFacts


def host_facts(connection: libvirt.virConnect, libvirtd_pid: int, found: Virtualization) -> HostFacts:
    """Facts of the host that libvirt runs on, which may be a namespace of this machine."""
    capabilities = host_capabilities(connection.getCapabilities())
    _, _, _, _, _, *topology = connection.getInfo()
    sockets, cores, threads = capabilities.topology or topology
    release = _os_release()
    return HostFacts(
        hostname=connection.getHostname() or socket.gethostname(),
        hardware_uuid=capabilities.hardware_uuid or _machine_uuid(),
        os_name=release.get("NAME", "Linux"),
        os_version=release.get("VERSION_ID", ""),
        kernel=platform.release(),
        node_version="",
        libvirt_version=_version(connection.getLibVersion()),
        qemu_version=_version(_qemu_version(connection)),
        hypervisor="libvirt",
        virtualization=found.kind,
        virtualization_reason=found.reason,
        cpu_model=found.cpu_model,
        cpu_name=_cpu_name(),
        cpu_sockets=sockets,
        cpu_cores=cores,
        cpu_threads=threads,
        memory_bytes=psutil.virtual_memory().total,
        bridges=_bridges(libvirtd_pid),
        boots_at_once=limits.boots_at_once_max,
    )


def _qemu_version(connection: libvirt.virConnect) -> int:
    try:
        return int(connection.getVersion())
    except libvirt.libvirtError:
        return 0


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return ""


def _machine_uuid() -> str:
    """The machine's own id, for a driver that knows none; one from its name when it has none."""
    try:
        with open("/etc/machine-id") as file:
            return str(uuid.UUID(file.read().strip()))
    except (OSError, ValueError):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, socket.gethostname()))


def _bridges(libvirtd_pid: int) -> tuple[str, ...]:
    """Bridges of the network namespace in which QEMU will attach its taps."""
    root = place.seen_by(libvirtd_pid, "/sys/class/net")
    return tuple(sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(f"{root}/*/bridge")))
