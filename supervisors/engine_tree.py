"""The engine, drawn top to bottom: one tree over one journal and one epoch.

engine                    rest_for_one
|- writer                 the single writer of the journal
|- shared                 one_for_one: what entities share
|  |- scheduler/main
|  |- reservations/main
|  |- inventory/main
|  |- sampler             stores statistics once a minute
|- entities               one_for_one: dynamic supervisors, a child per entity, started when first told something
|  |- storage_domain/*, disk/*, template/*, vm/*, host/*
|- (what the daemon adds: the node port, the gateway)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from actors.entity.kind import EntityKind
from actors.entity.services import Services
from actors.inventory.actor import inventory
from actors.placement.scheduler import scheduler
from actors.reservations.actor import reservations
from actors.storage.disk.actor import DISK
from actors.storage.domain.actor import STORAGE_DOMAIN
from actors.storage.template.actor import TEMPLATE
from actors.vm.actor import VM
from supervisors.spec import AsyncTask, ChildSpec, DynamicSupervisorSpec, Strategy, SupervisorSpec


def entity_kinds(host: EntityKind) -> tuple[EntityKind, ...]:
    """The kinds with an actor for each entity, in the order of their dynamic supervisors. That of hosts is made by the
    daemon, which knows who may enrol."""
    return (STORAGE_DOMAIN, DISK, TEMPLATE, VM, host)


def engine_tree(
    services: Services,
    entities: Iterable[DynamicSupervisorSpec],
    *,
    write: Callable[[], Awaitable[None]],
    sample: Callable[[], Awaitable[None]],
    extra: Iterable[ChildSpec | SupervisorSpec] = (),
) -> SupervisorSpec:
    """The spec to run. `extra` children start last and stop first."""
    shared = SupervisorSpec(
        "shared",
        children=(
            ChildSpec("scheduler", scheduler(services), address="scheduler/main"),
            ChildSpec("reservations", reservations(services), address="reservations/main"),
            ChildSpec("inventory", inventory(services), address="inventory/main"),
            ChildSpec("sampler", AsyncTask(lambda _: sample())),
        ),
        restarts_max=10,
        window_seconds=60.0,
    )
    writer = ChildSpec("writer", AsyncTask(lambda _: write()))
    each = SupervisorSpec("entities", children=tuple(entities), restarts_max=5, window_seconds=60.0)
    return SupervisorSpec(
        "engine",
        strategy=Strategy.REST_FOR_ONE,
        children=(writer, shared, each, *extra),
        window_seconds=60.0,
    )
