"""One engine process, put together: database, lease, tree, node port, gateway, control socket. It holds no rule."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
import trio

from actors.host.enrolment.authority import Authority, Lifetimes
from actors.host.enrolment.server_certificate import ServerCertificate
from actors.host.enrolment.tokens import Enrolment
from actors.host.link.listener import LinkListener
from actors.journal.embedded.server import EmbeddedPostgres
from actors.journal.leadership import Leadership
from actors.journal.port import JournalUnavailable
from actors.journal.postgres import PostgresJournal
from actors.kernel.actor import Context
from actors.kernel.ports import Ports
from cli.daemons.engine.config import EngineConfig
from cli.daemons.engine.control import EngineControl
from cli.daemons.engine.observer import observer
from cli.daemons.engine.wiring import Engine
from gateway.auth.passwords import ADMINISTRATOR, write_private
from gateway.config import GatewayConfig, Outside
from gateway.server import serve
from supervisors.spec import AsyncTask, ChildSpec
from supervisors.tree import running

log = structlog.get_logger()


class Deposed(Exception):
    """Another engine leads: this process ends, and its unit manager starts it again as a candidate."""


async def run(config: EngineConfig, database_url: str, on_ready: Callable[[], None] = lambda: None) -> None:
    """Runs until cancelled. Raises `Deposed`, and what keeps the database from starting."""
    ports = Ports.system()
    config.state_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    private = config.state_dir / "private"
    private.mkdir(mode=0o700, exist_ok=True)
    postgres = None if database_url else EmbeddedPostgres(config.state_dir, clock=ports.clock, ids=ports.ids)
    async with trio.open_nursery() as nursery:
        try:
            dsn = database_url or await _started(postgres)
            await _lead(config, ports, dsn, private, postgres, nursery, on_ready)
        finally:
            nursery.cancel_scope.cancel()
            if postgres is not None:
                with trio.CancelScope(shield=True):
                    await postgres.stop()


async def _started(postgres: EmbeddedPostgres | None) -> str:
    assert postgres is not None
    return await postgres.start()


async def _lead(
    config: EngineConfig,
    ports: Ports,
    dsn: str,
    private: Path,
    postgres: EmbeddedPostgres | None,
    nursery: trio.Nursery,
    on_ready: Callable[[], None],
) -> None:
    journal = PostgresJournal(dsn)
    ready = Ready(config.state_dir / "ready.json")
    if postgres is not None:
        nursery.start_soon(postgres.watch, lambda pid: ready.update(postgres_pid=pid))
    await _opened(journal)
    deposed = trio.Event()
    leadership = Leadership(
        journal,
        ports.clock,
        config.holder or _own_id(private, ports),
        on_lost=deposed.set,
        lease_seconds=config.lease_seconds,
    )
    epoch = await leadership.acquire()
    nursery.start_soon(leadership.keep)
    authority = await trio.to_thread.run_sync(
        partial(
            Authority,
            private,
            ports.clock.wall,
            Lifetimes(node_seconds=config.node_certificate_seconds, server_seconds=config.server_certificate_seconds),
        )
    )
    enrolment = Enrolment(authority, private, ports)
    engine = Engine(
        journal,
        epoch,
        ports,
        enrolment,
        on_deposed=deposed.set,
        times=config,
    )
    await engine.prepare()
    names = (*config.names, *config.node_listen, config.listen_host)
    certificate = await trio.to_thread.run_sync(ServerCertificate, authority, names)
    serving = _Serving(config, engine, authority, enrolment, private, names, certificate)
    extra = (
        ChildSpec("nodes", AsyncTask(serving.nodes), stop_seconds=3.0),
        ChildSpec("gateway", AsyncTask(serving.gateway), stop_seconds=8.0),
        ChildSpec("certificate", AsyncTask(lambda _: certificate.keep(ports.clock))),
    )
    try:
        async with running(engine.tree(extra), ports, engine.directory, observer=observer(engine)):
            engine.wake()
            async with trio.open_nursery() as inner:
                if config.lab:
                    inner.start_soon(EngineControl(engine, config.state_dir).run)
                await serving.ready.wait()
                ca_file = config.state_dir / "ca.pem"
                ca_file.write_text(authority.ca_pem)
                ready.update(
                    pid=os.getpid(),
                    url=f"https://{config.listen_host}:{serving.port}",
                    ws_url=f"wss://{config.listen_host}:{serving.port}/ws",
                    live_url=f"wss://{config.listen_host}:{serving.live_port}/",
                    ca_file=str(ca_file),
                    user=ADMINISTRATOR,
                    password_file=str(private / "admin.password"),
                    postgres_pid=postgres.postgres_pid if postgres is not None else None,
                    node_url=f"wss://{config.node_listen[-1]}:{serving.node_port}",
                    epoch=epoch,
                )
                on_ready()
                await deposed.wait()
                raise Deposed(f"another engine has taken over: epoch {epoch} has ended")
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(3):
            await leadership.release()
            await journal.close()


class _Serving:
    """The two children of the tree that listen, and where."""

    def __init__(
        self, config: EngineConfig, engine: Engine, authority: Authority, enrolment: Enrolment, private: Path,
        names: tuple[str, ...], certificate: ServerCertificate,
    ) -> None:  # fmt: skip
        self._config = config
        self._engine = engine
        self._authority = authority
        self._enrolment = enrolment
        self._private = private
        self._names = names
        self._certificate = certificate
        self.ready = trio.Event()
        self.port = config.port
        self.live_port = config.live_port
        self.node_port = config.node_port
        self._up: set[str] = set()

    async def nodes(self, _: Context) -> None:
        engine, config = self._engine, self._config
        context = await trio.to_thread.run_sync(self._authority.server_context, self._names)
        listener = LinkListener(
            hub=engine.hub,
            tls=self._certificate.follow(context),
            judge=self._authority.judge,
            epoch=lambda: engine.epoch,
            known_host=lambda host_id: engine.rows.row("host", host_id) is not None,
            enrol=self._enrolment.enrol,
            renew=self._enrolment.renew,
            addresses=config.node_listen,
            port=self.node_port,
            ports=engine.ports,
            silent_after_seconds=config.silent_after_seconds,
        )
        async with trio.open_nursery() as nursery:
            self.node_port = await nursery.start(listener.run)
            self._came_up("nodes")

    async def gateway(self, _: Context) -> None:
        config = self._config
        certificate, key = self._certificate.files
        gateway = GatewayConfig(
            state_dir=self._private,
            certificate_file=certificate,
            key_file=key,
            hosts=(config.listen_host,),
            port=self.port,
            live_port=self.live_port,
            password_file=self._private / "admin.password",
        )
        ports = self._engine.ports
        outside = Outside(wall=ports.clock.wall, uuid=ports.ids.uuid, token=ports.ids.token)
        async with trio.open_nursery() as nursery:
            served = await nursery.start(serve, gateway, self._engine.port, outside, self._certificate.follow)
            self.port, self.live_port = served.port, served.live_port or 0
            self._came_up("gateway")

    def _came_up(self, what: str) -> None:
        self._up.add(what)
        if len(self._up) == 2:
            self.ready.set()


class Ready:
    """`ready.json`: what others read to find this engine; written whole, and again when something of it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fields: dict[str, object] = {}

    def update(self, **fields: object) -> None:
        self._fields.update(fields)
        if "pid" in self._fields:
            write_private(self._path, json.dumps(self._fields, indent=2).encode())


async def _opened(journal: PostgresJournal) -> None:
    """Waits for the database: at start there is nothing else to do."""
    while True:
        try:
            await journal.open()
        except JournalUnavailable as error:
            log.warning("engine.database_away", reason=str(error))
            await trio.sleep(0.5)
        else:
            return


def _own_id(private: Path, ports: Ports) -> str:
    """Who this engine is across restarts: an id kept in its private directory."""
    path = private / "engine.id"
    if not path.exists():
        write_private(path, ports.ids.uuid().encode())
    return path.read_text().strip()
