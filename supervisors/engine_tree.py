"""The engine, drawn top to bottom: one tree over one journal and one epoch. It must not decide or listen on sockets.

engine                    rest_for_one
|- writer                 the single writer of the journal
|- shared                 one_for_one: what entities share
|  |- scheduler/main
|  |- reservations/main
|  |- catalogue/main
|  |- sampler             stores statistics once a minute
|- entities               one_for_one: dynamic supervisors, a child per entity, started when first told something
|  |- storage_domain/*, disk/*, template/*, vm/*, host/*
|- (what the daemon adds: the node port, the gateway)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from actors.catalogue.actor import catalogue
from actors.catalogue.bootstrap import bootstrap
from actors.command_router import CommandRouter
from actors.engine_port import EnginePortInProcess
from actors.entity.durable import DurableActor
from actors.entity.rows import Rows
from actors.entity.services import Services
from actors.host.actor import Enroller, HostActor
from actors.host.consoles import ConsoleBroker
from actors.host.link_hub import LinkHub
from actors.journal.port import Journal, JournalEntry, Transaction
from actors.journal.sampler import Sampler
from actors.journal.writer import JournalWriter
from actors.kernel.actor import Actor, Context
from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from actors.kernel.ref import ActorRef
from actors.placement.scheduler import scheduler
from actors.reservations.actor import reservations
from actors.storage.disk.actor import DiskActor
from actors.storage.domain.actor import StorageDomainActor
from actors.storage.template.actor import TemplateActor
from actors.vm.actor import VmActor
from protocol.codec import encode
from protocol.message import Message
from protocol.model.activity import Event
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import AsyncTask, ChildSpec, DynamicSupervisorSpec, Restart, Strategy, SupervisorSpec

TRANSIENT = frozenset(
    {"wait_for_launch", "powering_up", "powering_down", "reboot_in_progress", "saving_state", "restoring_state",
     "image_locked", "locked", "activating", "detaching", "preparing_for_maintenance"}
)  # fmt: skip
"""Statuses that nobody but the entity's own actor ends: it is woken when the engine starts."""


@attrs.frozen(kw_only=True)
class EngineTimes:
    """Durations in seconds that a lab or a test may shorten."""

    silent_after_seconds: float = 20.0
    guest_up_timeout_seconds: float = 60.0
    shutdown_timeout_seconds: float = 300.0
    vm_restarts_max: int = 3
    vm_restart_window_seconds: float = 60.0
    samples_period_seconds: float = 60.0
    samples_kept_seconds: float = 86_400.0
    commands_kept_seconds: float = 7 * 86_400.0


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
            self.rows,
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
        self._enroller = enroller

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

    def _publish(self, message: Message) -> None:
        """Samples, to whoever reads along and to what keeps some of them."""
        self.port.sampled(message)
        self.sampler.sampled(message)

    def _find_host(self, address: str) -> ActorRef | None:
        kind, _, id = address.partition("/")
        return self.ensure(kind, id) if self.rows.row(kind, id) is not None else None

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
        for kind in ("storage_domain", "disk", "template", "vm", "host"):
            for document in list(self.rows.documents(kind)):
                if kind == "host" or document.status in TRANSIENT or getattr(document, "task", None):
                    self.ensure(kind, document.id)

    def tree(self, extra: Iterable[ChildSpec | SupervisorSpec] = ()) -> SupervisorSpec:
        """The spec to run. `extra` children start last and stop first."""
        shared = SupervisorSpec(
            "shared",
            children=(
                ChildSpec("scheduler", scheduler(self.services), address="scheduler/main"),
                ChildSpec("reservations", reservations(self.services), address="reservations/main"),
                ChildSpec("catalogue", catalogue(self.services), address="catalogue/main"),
                ChildSpec("sampler", AsyncTask(lambda _: self.sampler.run())),
            ),
            restarts_max=10,
            window_seconds=60.0,
        )
        entities = SupervisorSpec(
            "entities",
            children=(
                self._dynamic_supervisor("storage_domain", StorageDomainActor),
                self._dynamic_supervisor("disk", DiskActor),
                self._dynamic_supervisor("template", TemplateActor),
                self._dynamic_supervisor("vm", VmActor),
                self._dynamic_supervisor("host", self._host),
            ),
            restarts_max=5,
            window_seconds=60.0,
        )
        children: Sequence[Any] = (
            ChildSpec("writer", AsyncTask(lambda _: self.writer.run())), shared, entities, *extra,
        )  # fmt: skip
        return SupervisorSpec("engine", strategy=Strategy.REST_FOR_ONE, children=tuple(children), window_seconds=60.0)

    def _host(self, context: Context, services: Services, id: str) -> Actor:
        return HostActor(context, services, id, self._enroller, self.consoles)

    def _dynamic_supervisor(
        self, kind: str, make: Callable[[Context, Services, str], Actor] | type[DurableActor]
    ) -> DynamicSupervisorSpec:
        handle = DynamicSupervisorHandle()
        self._dynamic_supervisors[kind] = handle
        return DynamicSupervisorSpec(
            kind,
            lambda context, key: make(context, self.services, key),
            restart=Restart.TRANSIENT,
            restarts_max=self.times.vm_restarts_max,
            window_seconds=self.times.vm_restart_window_seconds,
            address=kind,
            handle=handle,
        )
