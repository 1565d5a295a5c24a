"""One running lab: which daemons start in which order and end in reverse; it does not know how one is kept running."""

import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import trio

from cli.daemons.lab import contract
from cli.daemons.lab.claims import only_lab, refuse_taken_ports
from cli.daemons.lab.daemon import Daemon, DaemonSpec, daemon_command, read_ready_file, report, wait_for_ready_file
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import REAL_HOST_NAME, LabFolder
from cli.daemons.lab.process_notes import end, forget_note, living, write_note
from cli.daemons.lab.real_host import RealHost, end_guests, switch_off, switch_off_host, switch_on
from cli.daemons.lab.summary import Summary, forget_summary, write_summary
from cli.daemons.tiny_image import build, default_cache_dir
from cli.daemons.tiny_image.commands import ImageBuildError

ENGINE, NODE, SIMULATED, POSTGRES = "engine", "node", "simulated-nodes", "postgres"
POSTGRES_STOP_SECONDS = 6.0
FOLLOW_SECONDS = 0.5


@attrs.frozen
class LabOptions:
    """What a lab is asked to be. The ports are ``port`` and the two after it."""

    folder: LabFolder
    port: int
    hosts: int
    real: bool


def cached_tiny_image() -> Path:
    return build(default_cache_dir(), report)


class Lab:
    """The daemons of one lab and the machine of its real host."""

    def __init__(
        self,
        options: LabOptions,
        command: Callable[[str, Path], list[str]] = daemon_command,
        tiny_image: Callable[[], Path] = cached_tiny_image,
    ) -> None:
        self.options = options
        self._tiny_image = tiny_image
        self.folder = options.folder
        self._command = command
        self._daemons: list[Daemon] = []
        self._host: RealHost | None = None

    async def serve(self, *, task_status: trio.TaskStatus[Summary] = trio.TASK_STATUS_IGNORED) -> None:
        """Starts everything, reports the summary once it serves, and runs until cancelled; then ends everything.

        Raises LabError when a part does not start.
        """
        with only_lab(self.folder):
            await end_leftovers(self.folder)
            refuse_taken_ports(self.options.port)
            try:
                async with trio.open_nursery() as nursery:
                    await self._start_all(nursery)
                    nursery.start_soon(self._follow_engine)
                    task_status.started(self._write_summary())
                    await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await self._stop_all()

    async def _start_all(self, nursery: trio.Nursery) -> None:
        if self.options.real:
            self._host = await switch_on(self.folder)
            for service in self._host.services():
                await self._keep(nursery, service)
        await self._keep(nursery, self._daemon_spec(ENGINE, self.folder.engine, self._prepare_engine, stop_seconds=8.0))
        if self._host is not None:
            await self._keep(nursery, self._daemon_spec(NODE, self.folder.node, self._prepare_node))
            (self.folder.node / "enrolled").touch()
        if self.options.hosts:
            await self._keep(nursery, self._daemon_spec(SIMULATED, self.folder.simulated, self._prepare_simulated))
        if self._host is not None:
            await self._offer_tiny()

    async def _stop_all(self) -> None:
        """Reverse order: simulated hosts and the node, then guests, then the machine under them, the engine last."""
        forget_summary(self.folder)
        services = [daemon for daemon in self._daemons if daemon.spec.name not in (ENGINE, NODE, SIMULATED)]
        nodes = [daemon for daemon in self._daemons if daemon.spec.name in (NODE, SIMULATED)]
        async with trio.open_nursery() as nursery:
            for daemon in nodes:
                nursery.start_soon(daemon.stop)
        if self._host is not None:
            await end_guests(self.folder)
            for daemon in reversed(services):
                await daemon.stop()
            await switch_off_host(self._host)
        for daemon in self._daemons:
            if daemon.spec.name == ENGINE:
                await daemon.stop()
        await _end_postgres(self.folder)
        for state_dir in (self.folder.engine, self.folder.node, self.folder.simulated):
            # A daemon that had to be killed could not remove it.
            (state_dir / contract.CONTROL_SOCKET).unlink(missing_ok=True)

    async def _keep(self, nursery: trio.Nursery, spec: DaemonSpec) -> None:
        daemon = Daemon(self.folder, spec, self._after_restart)
        self._daemons.append(daemon)
        began = trio.current_time()
        await nursery.start(daemon.keep_running)
        report(f"{spec.name} serves after {trio.current_time() - began:.1f} s")
        self._note_postgres()

    async def _after_restart(self, name: str) -> None:
        report(f"{name} serves again")
        self._note_postgres()
        if self.folder.summary.exists():
            self._write_summary()

    def _daemon_spec(
        self, name: str, state_dir: Path, prepare: Callable[[], Awaitable[Path]], **limits: float
    ) -> DaemonSpec:
        async def command() -> list[str]:
            (state_dir / contract.READY).unlink(missing_ok=True)
            argv = self._command(name, await prepare())
            return self._host.namespaces.inside(argv) if name == NODE and self._host is not None else argv

        return DaemonSpec(name, command, partial(wait_for_ready_file, state_dir / contract.READY), **limits)

    async def _prepare_engine(self) -> Path:
        addresses = ["127.0.0.1"] + ([self._host.subnet.engine_address] if self._host is not None else [])
        return contract.write_engine_configuration(self.folder, self.options.port, addresses)

    async def _prepare_node(self) -> Path:
        assert self._host is not None
        enrolled = (self.folder.node / "enrolled").exists()
        token = "" if enrolled else await contract.enrolment_token(self.folder.engine, REAL_HOST_NAME)
        return contract.write_node_configuration(
            self.folder,
            engine=f"wss://{self._host.subnet.engine_address}:{self.options.port + 2}",
            ca_file=self._engine_says("ca_file"),
            token=token,
            name=REAL_HOST_NAME,
            address=self._host.subnet.host_address,
        )

    async def _prepare_simulated(self) -> Path:
        return contract.write_simulated_configuration(
            self.folder,
            engine=f"wss://127.0.0.1:{self.options.port + 2}",
            ca_file=self._engine_says("ca_file"),
            hosts=self.options.hosts,
        )

    async def _offer_tiny(self) -> None:
        """Without its guest image a lab still serves, so a failure is told and passed over."""
        try:
            image = await trio.to_thread.run_sync(self._tiny_image)
            await contract.register_tiny(self.folder.engine, image, host=REAL_HOST_NAME, storage=self.folder.storage)
        except (ImageBuildError, LabError) as failure:
            report(f"there is no tiny guest: {failure}")

    def _engine_says(self, field: str) -> str:
        return str(read_ready_file(self.folder.engine / contract.READY).get(field, ""))

    async def _follow_engine(self) -> None:
        """The engine starts its PostgreSQL again by itself, and writes the new process id into its ready file."""
        known = self._engine_says("postgres_pid")
        while True:
            await trio.sleep(FOLLOW_SECONDS)
            pid = self._engine_says("postgres_pid")
            if pid and pid != known:
                known = pid
                self._note_postgres()
                self._write_summary()

    def _note_postgres(self) -> None:
        """The embedded PostgreSQL outlives a killed engine, so the lab has to know it by itself."""
        pid = self._engine_says("postgres_pid")
        if pid.isdigit():
            write_note(self.folder, POSTGRES, int(pid))

    def _write_summary(self) -> Summary:
        engine = read_ready_file(self.folder.engine / contract.READY)
        pids = {daemon.spec.name: daemon.pid for daemon in self._daemons}
        password_file = engine.get("password_file")
        summary = Summary(
            url=engine.get("url", ""),
            ws_url=engine.get("ws_url", ""),
            user=engine.get("user", ""),
            password=Path(password_file).read_text().strip() if password_file else "",
            ca_file=engine.get("ca_file", ""),
            pid=os.getpid(),
            live_url=engine.get("live_url", ""),
            libvirt_uri=self.folder.libvirt_uri if self._host is not None else None,
            engine_pid=pids.get(ENGINE),
            node_pid=pids.get(NODE),
            postgres_pid=engine.get("postgres_pid"),
            real_host=self._host is not None,
            hosts=self.options.hosts,
        )
        write_summary(self.folder, summary)
        return summary


async def end_leftovers(folder: LabFolder) -> int:
    """Ends what a lab of this folder left when it was killed; returns how many processes it met."""
    forget_summary(folder)
    met = living(folder)
    await end_guests(folder)
    for note in met:
        if note.name != POSTGRES:
            await end(note, signal.SIGTERM, 3.0)
        forget_note(folder, note.name)
    if os.geteuid() == 0:
        await switch_off(folder)
    postgres = next((note for note in met if note.name == POSTGRES), None)
    if postgres is not None:
        await end(postgres, signal.SIGINT, POSTGRES_STOP_SECONDS)
    return len(met)


async def _end_postgres(folder: LabFolder) -> None:
    postgres = next((note for note in living(folder) if note.name == POSTGRES), None)
    if postgres is not None:
        await end(postgres, signal.SIGINT, POSTGRES_STOP_SECONDS)
    forget_note(folder, POSTGRES)


async def run_until_signalled(lab: Lab, serving: Callable[[Summary], None]) -> None:
    """Runs a lab until SIGTERM or SIGINT arrives; a second signal changes nothing, the stop is bounded.

    Raises LabError when the lab does not come up.
    """
    failed: LabError | None = None
    try:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:

                async def stop_on_signal() -> None:
                    async for number in signals:
                        report(f"{signal.Signals(number).name}: stopping")
                        nursery.cancel_scope.cancel()

                nursery.start_soon(stop_on_signal)
                serving(await nursery.start(lab.serve))
    except* LabError as failures:
        failed = _first_of(failures)
    if failed is not None:  # raised out here: Python before 3.11.4 wraps what an except* clause raises
        raise failed from None


def _first_of(group: BaseExceptionGroup[LabError]) -> LabError:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
