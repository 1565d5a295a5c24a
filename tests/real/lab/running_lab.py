"""A lab under test: its processes, the SDK, the command line, the console of a guest. It asserts nothing by itself."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgpack
import ovirtsdk4 as sdk
import ovirtsdk4.types as types
import trio

from actors.journal.embedded.server import EmbeddedPostgres
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.namespaces import processes_inside

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[3]


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row."""
    for port in range(20_443, 40_000, 10):
        try:
            for offset in range(count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port
    raise AssertionError("no free ports")


def until(what: str, seconds: float, ask: Callable[[], T]) -> T:
    """Asks until the answer is true. Errors of the API on the way are waited out, and shown when time is up."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except (sdk.Error, OSError, ValueError, KeyError) as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s: {what}; last: {last!r}")


def traces(directory: Path) -> dict[str, list[str]]:
    """Everything that the lab of a folder could leave: processes that name it or run in its machines, interfaces, mounts,
    sockets, changes of the machine's own libvirt."""
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(directory) in words:
                processes.append(words[:200])
    machines = [*directory.glob("host*"), directory / "network"]

    def run(*words: str) -> list[str]:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()

    configuration = sorted(f"{p} {p.stat().st_mtime_ns}" for p in Path("/etc/libvirt").rglob("*") if p.is_file())
    return {
        "processes": processes,
        "inside": [f"{machine}: {pid}" for machine in machines for pid in processes_inside(machine)],
        "interfaces": [line for line in run("ip", "-o", "link") if LabFolder(directory).tag in line],
        "namespaces": run("ip", "netns"),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if str(directory) in line],
        "sockets": [line for line in Path("/proc/net/unix").read_text().splitlines() if str(directory) in line],
        "files": sorted(str(path) for path in directory.rglob("*") if path.is_socket() or path.suffix == ".pid"),
        "configuration": configuration,
    }


class RunningLab:
    """One lab in `directory`, started detached as the README says."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.port = free_ports(3)
        self.options = options
        self.environment = {**os.environ, "CORRAL_CONFIG_DIR": str(directory / "client")}

    def start(self) -> None:
        words = ["lab", "--dir", str(self.directory), "--port", str(self.port), "--detach", *self.options]
        started = self.run(words, seconds=300)
        assert started.returncode == 0, started.stderr + started.stdout
        self.corral("login", "--lab", str(self.directory))

    def stop(self) -> None:
        """Ends the lab for good: its database too, which lives elsewhere when its account cannot pass the directory."""
        self.run(["lab", "stop", "--dir", str(self.directory)], seconds=90)
        trio.run(EmbeddedPostgres(self.directory / "engine").remove)

    def run(self, words: list[str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip

    def corral(self, *words: str, seconds: float = 120, expect: int = 0) -> str:
        """The command line; its standard output."""
        ended = self.run(list(words), seconds)
        assert ended.returncode == expect, f"corral {' '.join(words)}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout if expect == 0 else ended.stderr

    def console(self, vm: str, line: str, expect: str) -> str:
        """Types a line at the root shell of a guest and waits for an answer."""
        return self.corral("console", vm, "--send", line, "--expect", expect, "--timeout", "60")

    # --- what the lab says ------------------------------------------------------------------------------------

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "lab.json").read_text()))

    def pid(self, what: str) -> int:
        """0 while it does not run."""
        return int(self.summary[f"{what}_pid"] or 0)

    def not_serving(self) -> dict[str, str]:
        """What the lab says does not serve, and why."""
        return {part["name"]: part["reason"] for part in self.summary["not_serving"]}

    def hosts(self) -> dict[str, types.Host]:
        """Every host by its name."""
        return {host.name: host for host in self.connect().system_service().hosts_service().list()}

    def is_host_up(self, name: str) -> bool:
        return bool(self.hosts()[name].status == types.HostStatus.UP)

    def connect(self) -> sdk.Connection:
        lab = self.summary
        return sdk.Connection(
            url=f"{lab['url']}/ovirt-engine/api", username=lab["user"], password=lab["password"], ca_file=lab["ca_file"]
        )

    def control(self, question: dict[str, object]) -> dict[str, Any]:
        """One question on the lab's control socket."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.directory / "engine" / "control.sock"))
            body = msgpack.packb(question)
            link.sendall(struct.pack(">I", len(body)) + body)
            size = struct.unpack(">I", link.recv(4, socket.MSG_WAITALL))[0]
            return dict(msgpack.unpackb(link.recv(size, socket.MSG_WAITALL)))

    # --- VMs --------------------------------------------------------------------------------------------------

    def add_tiny(self, name: str, *, nic: bool = False) -> str:
        """A VM from the template `tiny`, down; its id."""
        vms = self.connect().system_service().vms_service()
        made = vms.add(types.Vm(name=name, cluster=types.Cluster(name="Default"), template=types.Template(name="tiny")))
        service = vms.vm_service(made.id)
        until(f"{name} is down", 60, lambda: service.get().status == types.VmStatus.DOWN)
        if nic:
            service.nics_service().add(types.Nic(name="nic1", vnic_profile=types.VnicProfile(name="ovirtmgmt")))
        return str(made.id)

    def add_pinned(self, name: str, host: str) -> str:
        """A VM without disks that runs on this host alone; its id."""
        vms = self.connect().system_service().vms_service()
        policy = types.VmPlacementPolicy(hosts=[types.Host(id=self.hosts()[host].id)])
        made = vms.add(
            types.Vm(
                name=name, cluster=types.Cluster(name="Default"), template=types.Template(name="Blank"),
                memory=128 << 20, memory_policy=types.MemoryPolicy(guaranteed=128 << 20), placement_policy=policy,
            )
        )  # fmt: skip
        until(f"{name} is down", 60, lambda: vms.vm_service(made.id).get().status == types.VmStatus.DOWN)
        return str(made.id)

    def vm(self, vm_id: str) -> Any:
        return self.connect().system_service().vms_service().vm_service(vm_id)

    def is_up(self, vm_id: str) -> bool:
        return bool(self.vm(vm_id).get().status == types.VmStatus.UP)

    def qemus(self, vm_id: str) -> list[int]:
        """Process ids of every QEMU that runs this VM."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if re.search(r"qemu-system", words) and vm_id in words:
                    found.append(int(entry.name))
        return found

    def events(self, vm_id: str = "") -> list[str]:
        """Descriptions of the audit trail, oldest first."""
        listed = self.connect().system_service().events_service().list(max=200)
        return [event.description for event in reversed(listed) if not vm_id or (event.vm and event.vm.id == vm_id)]

    def statistic(self, vm_id: str, name: str) -> float:
        statistics = self.vm(vm_id).statistics_service().list()
        return next(float(one.values[0].datum) for one in statistics if one.name == name)
