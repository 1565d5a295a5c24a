"""A real engine with hosts and running VMs in its journal: `python -m bench.node_engine DIR HOSTS VMS_EACH`.

The rows are written before the engine starts, the certificates of the hosts are signed by its own authority. What runs is
`corral engine`, unchanged.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from actors.first_transaction import bootstrap
from actors.host.enrolment.authority import Authority, Lifetimes, write_private
from actors.host.evolve import project as project_host
from actors.host.state import HostState
from actors.journal.embedded.server import EmbeddedPostgres
from actors.journal.port import Appended, EntityRow, EntityWrite, Transaction
from actors.journal.postgres import PostgresJournal
from actors.kernel.ports import Ports
from actors.vm.project import project as project_vm
from actors.vm.state import VmState
from cli.daemons.engine.command import main as engine
from protocol.activity.operation import StepId
from protocol.codec import encode
from protocol.document import Ref
from protocol.host.model import Host
from protocol.inventory.model import Cpu, CpuTopology
from protocol.vm.events import Run
from protocol.vm.model import Vm

_memory_bytes = 256 * 1024**2
_rows_at_once = 1_000


def host_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def vm_id(host: int, number: int) -> str:
    return f"11111111-0000-4000-8000-{host:06x}{number:06x}"


def stock(hosts: int, vms_each: int, cluster: Ref, at: datetime.datetime) -> Iterator[EntityRow]:
    """Hosts that are up and VMs that run on them."""
    cpu = Cpu(architecture="x86_64", topology=CpuTopology(sockets=1, cores=1, threads=1))
    for number in range(hosts):
        host = Host(id=host_id(number), name=f"host-{number:04}", address=f"host-{number:04}", cluster=cluster)
        state = HostState(host=host, status="up")
        yield EntityRow("host", host_id(number), 1, host.name, "", encode(state), encode(project_host(state)))
        for index in range(vms_each):
            vm = Vm(
                id=vm_id(number, index), name=f"vm-{number:04}-{index:02}", cluster=cluster, memory=_memory_bytes, cpu=cpu,
                creation_time=at, type="server", nics=(), disk_attachments=(),
            )  # fmt: skip
            start = StepId(owner=f"vm/{vm.id}", operation="bench", number=1, host=host_id(number))
            run = Run(host_id=host_id(number), step=start)
            running = VmState(vm=vm, status="up", desired="up", runs=(run,), started_at=at)
            yield EntityRow("vm", vm_id(number, index), 1, vm.name, "", encode(running), encode(project_vm(running)))


async def _fill(state_dir: Path, hosts: int, vms_each: int) -> None:
    """The server goes on running; the engine adopts it."""
    ports = Ports.system()
    at = ports.clock.wall()
    journal = PostgresJournal(await EmbeddedPostgres(state_dir, clock=ports.clock, ids=ports.ids).start())
    await journal.open()
    epoch = await journal.acquire_lease("bench", 10.0)
    assert epoch is not None
    await journal.append(epoch, [bootstrap(ports.ids, at)])
    loaded = await journal.snapshot(["cluster"])
    rows = list(stock(hosts, vms_each, Ref(id=loaded.rows[0].id), at))
    for start in range(0, len(rows), _rows_at_once):
        writes = tuple(EntityWrite(row, 0) for row in rows[start : start + _rows_at_once])
        (result,) = await journal.append(epoch, [Transaction(writes)], group=start + 1)
        assert isinstance(result, Appended), result
    await journal.release_lease("bench", epoch)
    await journal.close()


def _certificates(authority: Authority, directory: Path, hosts: int) -> None:
    """One key for all of them: what is measured does not depend on it."""
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(
        directory / "nodes.key",
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    csr_pem = request.public_bytes(serialization.Encoding.PEM).decode()
    for number in range(hosts):
        (directory / f"{number}.pem").write_text(authority.sign_node(csr_pem, host_id(number)))


def main(directory: Path, hosts: int, vms_each: int) -> int:
    """Prepares, then is the engine until SIGTERM; `DIR/engine/ready.json` says when and where it serves."""
    state_dir = directory / "engine"
    private = state_dir / "private"
    state_dir.mkdir(mode=0o711)
    private.mkdir(mode=0o700)
    authority = Authority(private, Ports.system().clock.wall, Lifetimes())
    _certificates(authority, directory, hosts)
    for file, name in zip(
        authority.server_files(["localhost", "127.0.0.1"]), ("server.pem", "server.key"), strict=True
    ):
        write_private(directory / name, file.read_bytes())
    (directory / "ca.pem").write_text(authority.ca_pem)
    trio.run(_fill, state_dir, hosts, vms_each)
    configuration = directory / "engine.toml"
    configuration.write_text(f'state_dir = "{state_dir}"\nport = 0\nlive_port = 0\nnode_port = 0\n')
    return engine(["--config", str(configuration)])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
