"""One running lab: what starts in which order and ends in reverse; it does not know how a daemon is kept running."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import attrs
import trio

from cli.daemons.lab import contract
from cli.daemons.lab.claims import only_lab, refuse_taken_ports
from cli.daemons.lab.corral_daemons import ENGINE, NODE, SIMULATED, Command, CorralDaemons
from cli.daemons.lab.daemon import Daemon, DaemonSpec, daemon_command, read_ready_file, report
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.leftovers import POSTGRES, end_leftovers, end_postgres, forget_control_sockets
from cli.daemons.lab.machines import Machines
from cli.daemons.lab.process_notes import write_note
from cli.daemons.lab.real_host import RealHost
from cli.daemons.lab.summary import NotServing, RealHostSummary, Summary, forget_summary, write_summary
from cli.daemons.tiny_image import build, default_cache_dir
from cli.daemons.tiny_image.commands import ImageBuildError

FOLLOW_SECONDS = 0.5
TINY = "template tiny"


@attrs.frozen
class LabOptions:
    """What a lab is asked to be. The ports are ``port`` and the two after it; ``hosts`` are simulated."""

    folder: LabFolder
    port: int
    hosts: int
    real_hosts: int


def cached_tiny_image() -> Path:
    return build(default_cache_dir(), report)


class Lab:
    """The daemons of one lab and the machines of its real hosts."""

    def __init__(
        self,
        options: LabOptions,
        command: Command = daemon_command,
        tiny_image: Callable[[], Path] = cached_tiny_image,
    ) -> None:
        self.options = options
        self.folder = options.folder
        self._tiny_image = tiny_image
        self._corral = CorralDaemons(options.folder, command, options.port)
        self._daemons: dict[str, Daemon] = {}
        self._machines = Machines(options.folder)
        self._missing: dict[str, str] = {}
        self._last_seen: tuple[str, dict[str, str]] = ("", {})

    async def serve(self, *, task_status: trio.TaskStatus[Summary] = trio.TASK_STATUS_IGNORED) -> None:
        """Starts everything, reports the summary once it serves, and runs until cancelled; then ends everything.

        What does not start is named in the summary. Raises LabError when the engine is among it.
        """
        with only_lab(self.folder):
            await end_leftovers(self.folder)
            refuse_taken_ports(self.options.port)
            try:
                async with trio.open_nursery() as nursery:
                    await self._start_all(nursery)
                    nursery.start_soon(self._follow)
                    task_status.started(self._write_summary())
                    await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await self._stop_all()

    async def _start_all(self, nursery: trio.Nursery) -> None:
        if self.options.real_hosts:
            report(f"switching on the real hosts: {self.options.real_hosts}")
            await self._machines.switch_on(self.options.real_hosts, self._leave_out)
        addresses = [address for address in ("127.0.0.1", self._machines.engine_address) if address]
        async with trio.open_nursery() as starting:
            for service in self._machines.services():
                starting.start_soon(self._keep, nursery, service)
            starting.start_soon(self._keep, nursery, self._corral.engine(addresses))
        async with trio.open_nursery() as starting:
            for host in self._machines.hosts:
                starting.start_soon(self._keep_node, nursery, host, addresses[-1])
            if self.options.hosts:
                starting.start_soon(self._keep, nursery, self._corral.simulated(self.options.hosts))
        await self._offer_tiny()

    def _leave_out(self, name: str, reason: str) -> None:
        report(f"without {name}: {reason}")
        self._missing[name] = reason

    async def _stop_all(self) -> None:
        """Reverse order: simulated hosts and nodes, then guests, then the machines under them, the engine last."""
        forget_summary(self.folder)
        async with trio.open_nursery() as nursery:
            for name in (SIMULATED, *(host.folders.process(NODE) for host in self._machines.hosts)):
                nursery.start_soon(self._stop, name)
        await self._machines.switch_off(self._stop)
        await self._stop(ENGINE)
        await end_postgres(self.folder)
        forget_control_sockets(self.folder)

    async def _stop(self, name: str) -> None:
        if name in self._daemons:
            await self._daemons[name].stop()

    def _new_daemon(self, spec: DaemonSpec) -> Daemon:
        daemon = self._daemons[spec.name] = Daemon(self.folder, spec, self._after_change)
        return daemon

    async def _keep(self, nursery: trio.Nursery, spec: DaemonSpec) -> None:
        await nursery.start(self._new_daemon(spec).keep_running)

    async def _keep_node(self, nursery: trio.Nursery, host: RealHost, engine_address: str) -> None:
        """Returns once the host is up, or is known not to come up by itself."""
        node = self._new_daemon(self._corral.node(host, engine_address))
        libvirtd = self._daemons[host.libvirtd().name]
        if libvirtd.problem is not None:
            node.problem = f"waiting for {libvirtd.spec.name}"
            nursery.start_soon(node.keep_running)
            return
        await nursery.start(node.keep_running)
        if node.problem is None:
            report(f"waiting until {host.name} is up")
            try:
                await contract.host_is_up(self.folder.engine, self._corral.host_id(host))
            except LabError as failure:
                report(f"{host.name} is not up: {failure}")

    async def _after_change(self) -> None:
        self._note_postgres()
        if self.folder.summary.exists():
            self._write_summary()

    async def _offer_tiny(self) -> None:
        """Without its guest image a lab still serves, so a failure is told and passed over."""
        host = next(
            (one for one in self._machines.hosts if self._daemons[one.folders.process(NODE)].problem is None), None
        )
        if host is None:
            return
        try:
            report(f"importing {TINY}")
            image = await trio.to_thread.run_sync(self._tiny_image)
            storage = host.folders.storage
            await contract.register_tiny(self.folder.engine, image, host_id=self._corral.host_id(host), storage=storage)
        except (ImageBuildError, LabError) as failure:
            self._leave_out(TINY, str(failure))

    async def _follow(self) -> None:
        """What daemons change by themselves: the engine starts its PostgreSQL again, a simulated host is removed."""
        while True:
            await trio.sleep(FOLLOW_SECONDS)
            postgres, refused = self._seen()
            if postgres and (postgres, refused) != self._last_seen:
                self._note_postgres()
                self._write_summary()

    def _seen(self) -> tuple[str, dict[str, str]]:
        return self._corral.engine_says("postgres_pid"), self._corral.refused_simulated_hosts()

    def _note_postgres(self) -> None:
        """The embedded PostgreSQL outlives a killed engine, so the lab has to know it by itself."""
        pid = self._corral.engine_says("postgres_pid")
        if pid.isdigit():
            write_note(self.folder, POSTGRES, int(pid))

    def _write_summary(self) -> Summary:
        self._last_seen = self._seen()
        engine = read_ready_file(self.folder.engine / contract.READY)
        password_file = engine.get("password_file")
        hosts = tuple(
            RealHostSummary(host.name, host.folders.libvirt_uri, self._pid(host.folders.process(NODE)))
            for host in self._machines.hosts
        )
        summary = Summary(
            url=engine.get("url", ""),
            ws_url=engine.get("ws_url", ""),
            user=engine.get("user", ""),
            password=Path(password_file).read_text().strip() if password_file else "",
            ca_file=engine.get("ca_file", ""),
            pid=os.getpid(),
            live_url=engine.get("live_url", ""),
            libvirt_uri=hosts[0].libvirt_uri if hosts else None,
            engine_pid=self._pid(ENGINE),
            node_pid=hosts[0].node_pid if hosts else None,
            postgres_pid=engine.get("postgres_pid"),
            real_host=bool(hosts),
            hosts=self.options.hosts,
            real_hosts=hosts,
            shared_dir=str(self.folder.shared) if hosts else None,
            not_serving=self._not_serving(),
        )
        write_summary(self.folder, summary)
        return summary

    def _pid(self, name: str) -> int | None:
        return self._daemons[name].pid if name in self._daemons else None

    def _not_serving(self) -> tuple[NotServing, ...]:
        failed = {name: daemon.problem for name, daemon in self._daemons.items() if daemon.problem is not None}
        reasons = {**self._missing, **failed, **self._corral.refused_simulated_hosts()}
        return tuple(NotServing(name, reason) for name, reason in sorted(reasons.items()))


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
