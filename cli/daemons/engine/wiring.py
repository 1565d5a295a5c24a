"""The parts of one engine, wired: one tree over one journal and one epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from actors.command_router import CommandRouter
from actors.engine_port import EnginePortInProcess
from actors.entity.kind import EntityKind
from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.first_transaction import bootstrap
from actors.host.actor import Enroller, host_kind
from actors.host.consoles import ConsoleBroker
from actors.host.link.hub import LinkHub
from actors.journal.port import Journal, JournalEntry, Transaction
from actors.journal.sampler import Sampler
from actors.journal.writer import JournalWriter
from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from actors.kernel.ref import ActorRef
from cli.daemons.engine.config import EngineTimes
from protocol.activity.model import Event
from protocol.codec import encode
from protocol.document import id_of, kind_and_id
from protocol.message import Message
from supervisors.engine_tree import engine_tree, entity_kinds
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import ChildSpec, DynamicSupervisorSpec, Restart, SupervisorSpec


class Engine:
    """The parts of one engine, wired. `prepare` before the tree runs; `wake` once it does."""

    def __init__(
        self, journal: Journal, epoch: int, ports: Ports, enroller: Enroller, *, on_deposed: Callable[[], None],
        times: EngineTimes | None = None,
    ) -> None:  # fmt: skip
        self.journal = journal
        self.epoch = epoch
        self.ports = ports
        self.times = times or EngineTimes()
        self.directory = Directory()
        self.rows = Rows()
        self.writer = JournalWriter(journal, epoch, clock=ports.clock, random=ports.random, on_deposed=on_deposed)
        self.sampler = Sampler(
            journal,
            epoch,
            self._has_row,
            ports.clock,
            period_seconds=self.times.samples_period_seconds,
            samples_kept_seconds=self.times.samples_kept_seconds,
            commands_kept_seconds=self.times.commands_kept_seconds,
        )
        self.hub = LinkHub(self._find_host)
        self._dynamic_supervisors: dict[str, DynamicSupervisorHandle] = {}
        self.services = Services(
            rows=self.rows,
            writer=self.writer,
            nodes=self.hub,
            ensure=self.ensure,
            epoch=lambda: self.epoch,
            publish=self._publish,
            silent_after_seconds=self.times.silent_after_seconds,
            guest_up_timeout_seconds=self.times.guest_up_timeout_seconds,
            shutdown_timeout_seconds=self.times.shutdown_timeout_seconds,
        )
        self.consoles = ConsoleBroker(self.services, ports.ids.uuid)
        self.command_router = CommandRouter(self.rows, journal, self.ensure, lambda: self.writer.available, self.audit)
        self.port = EnginePortInProcess(journal, self.command_router, self.consoles, lambda: self.writer.available)
        self.writer.on_rows(self.port.published)
        self.kinds = entity_kinds(host_kind(enroller, self.consoles))

    def ensure(self, kind: str, id: str) -> ActorRef | None:
        """The actor at `kind/id`, started if a dynamic supervisor holds it; None for an address that nobody serves."""
        dynamic_supervisor = self._dynamic_supervisors.get(kind)
        if dynamic_supervisor is not None:
            return dynamic_supervisor.ensure(id)
        return self.directory.find(f"{kind}/{id}")

    def audit(self, event: Event) -> None:
        """A line of the audit trail that belongs to no entity's transaction: a denial, a restart."""
        at = self.ports.clock.wall()
        entry = JournalEntry("event", "", 1, "event", b"", encode(attrs.evolve(event, time=at)), "", at)
        self.writer.submit(Transaction(entries=(entry,)), lambda _: None)

    def _has_row(self, kind: str, id: str) -> bool:
        return self.rows.row(kind, id) is not None

    def _publish(self, message: Message) -> None:
        """Samples, to whoever reads along and to what keeps some of them."""
        self.port.sampled(message)
        self.sampler.sampled(message)

    def _find_host(self, address: str) -> ActorRef | None:
        kind, id = kind_and_id(address)
        return self.ensure(kind, id) if self._has_row(kind, id) else None

    async def prepare(self) -> None:
        """Loads the rows; an empty journal gets the first transaction. Raises what the journal raises."""
        loaded = await self.journal.snapshot()
        if not loaded.rows:
            first = bootstrap(self.ports.ids, self.ports.clock.wall())
            await self.journal.append(self.epoch, [first])
            loaded = await self.journal.snapshot()
        self.rows.load(loaded.rows)

    def wake(self) -> None:
        """Starts the actors of everything that was under way, and of every host."""
        for kind in self.kinds:
            for document in list(self.rows.all(kind.resource.cls)):
                if kind.is_unfinished(document):
                    self.ensure(kind.kind, id_of(document))

    def tree(self, extra: Iterable[ChildSpec | SupervisorSpec] = ()) -> SupervisorSpec:
        """The spec to run. `extra` children start last and stop first."""
        entities = [self._dynamic_supervisor(kind) for kind in self.kinds]
        return engine_tree(self.services, entities, write=self.writer.run, sample=self.sampler.run, extra=extra)

    def _dynamic_supervisor(self, kind: EntityKind) -> DynamicSupervisorSpec:
        handle = DynamicSupervisorHandle()
        self._dynamic_supervisors[kind.kind] = handle
        return DynamicSupervisorSpec(
            kind.kind,
            lambda context, key: kind.actor(context, self.services, key),
            restart=Restart.TRANSIENT,
            restarts_max=self.times.entity_restarts_max,
            window_seconds=self.times.entity_restart_window_seconds,
            address=kind.kind,
            handle=handle,
        )
