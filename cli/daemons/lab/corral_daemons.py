"""Corral's own daemons in a lab: how engine, nodes and simulated hosts are configured and started; it starts none."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import attrs

from cli.daemons.lab import contract
from cli.daemons.lab.daemon import DaemonSpec, read_ready_file, wait_until_ready
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.real_host import RealHost

ENGINE, NODE, SIMULATED = "engine", "node", "simulated-nodes"
Command = Callable[[str, Path], list[str]]


@attrs.frozen
class CorralDaemons:
    """The daemons of one lab. `command` makes a command line of a daemon's name and its configuration file."""

    folder: LabFolder
    command: Command
    port: int

    def engine(self, node_addresses: Sequence[str]) -> DaemonSpec:
        """The engine; nodes reach it under each of the addresses."""

        async def prepare() -> Path:
            return contract.write_engine_configuration(self.folder, self.port, node_addresses)

        return self._spec(ENGINE, ENGINE, self.folder.engine, prepare, stop_seconds=8.0, essential=True)

    def node(self, host: RealHost, engine_address: str) -> DaemonSpec:
        """The node daemon of a real host, which runs inside its namespaces."""

        async def prepare() -> Path:
            return contract.write_node_configuration(
                host.folders,
                engine=f"wss://{engine_address}:{self.port + 2}",
                ca_file=self.engine_says("ca_file"),
                token=await self._token(host),
                address=host.address,
            )

        spec = self._spec(NODE, host.folders.process(NODE), host.folders.node, prepare)

        async def inside() -> Sequence[str]:
            return host.namespaces.inside(await spec.prepare())

        return attrs.evolve(spec, prepare=inside)

    def simulated(self, hosts: int) -> DaemonSpec:
        async def prepare() -> Path:
            return contract.write_simulated_configuration(
                self.folder,
                engine=f"wss://127.0.0.1:{self.port + 2}",
                ca_file=self.engine_says("ca_file"),
                hosts=hosts,
            )

        return self._spec(SIMULATED, SIMULATED, self.folder.simulated, prepare)

    def engine_says(self, field: str) -> str:
        return str(read_ready_file(self.folder.engine / contract.READY).get(field, ""))

    def host_id(self, host: RealHost) -> str:
        """What the engine calls the host; its name may have changed."""
        return str(read_ready_file(host.folders.node / contract.READY).get("host_id", ""))

    def refused_simulated_hosts(self) -> dict[str, str]:
        """Simulated hosts that the engine does not want, and why."""
        return dict(read_ready_file(self.folder.simulated / contract.READY).get("refused", {}))

    async def _token(self, host: RealHost) -> str:
        """None for a host that is enrolled; whatever its name is now, its certificate says which one it is."""
        if contract.is_enrolled(host.folders.node):
            return ""
        taken = contract.enrolled_as([known.node for known in self.folder.known_real_hosts()])
        return await contract.enrolment_token(self.folder.engine, host.name, taken)

    def _spec(
        self, daemon: str, name: str, state_dir: Path, prepare: Callable[[], Awaitable[Path]], *,
        stop_seconds: float = 5.0, essential: bool = False,
    ) -> DaemonSpec:  # fmt: skip
        async def command() -> list[str]:
            for said in (contract.READY, contract.REFUSED):
                (state_dir / said).unlink(missing_ok=True)
            return self.command(daemon, await prepare())

        serving = partial(wait_until_ready, state_dir)
        return DaemonSpec(name, command, serving, stop_seconds=stop_seconds, essential=essential)
