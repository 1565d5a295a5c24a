"""The node, drawn top to bottom.

node (rest for one)
|- hypervisor      the connection and its events
|- domains         a dynamic supervisor: one actor for each VM
|- guests          a dynamic supervisor: one channel for each running VM
|- storage         volumes and their jobs
|- consoles        serial streams
|- certificate     renewal
|- commands        the dispatcher
|- statistics      a batch per period
|- link            last: it brings work, so all the others stand
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from actors.kernel.ports import Clock
from node.commands import Dispatcher, DispatcherDependencies
from node.consoles import ConsoleDependencies, Consoles
from node.domain.actor import DomainActor, DomainDependencies
from node.domain.boots import Boots
from node.domain.reported import Inventory
from node.guest.book import GuestBook
from node.guest.channel import GuestChannel, GuestDependencies
from node.hypervisor.actor import HypervisorActor, HypervisorDependencies
from node.hypervisor.port import Hypervisor
from node.link.certificate import CertificateActor, CertificateDependencies
from node.link.dial import Dial
from node.link.identity import Identity
from node.link.uplink import LinkActor, LinkDependencies, Uplink
from node.statistics.reporter import HostMeter, Reporter, ReporterDependencies
from node.steps.log import StepLog
from node.steps.once import Steps
from node.storage.actor import StorageActor, StorageDependencies
from node.storage.port import Storage
from protocol import limits
from supervisors.handle import DynamicSupervisorHandle
from supervisors.spec import Backoff, ChildSpec, DynamicSupervisorSpec, Strategy, SupervisorSpec

root: Final = "node"


@attrs.frozen(kw_only=True)
class NodeSettings:
    """What is configured of one node. Times in seconds."""

    host_id: str
    name: str
    boots_at_once: int = limits.boots_at_once_max
    boot_settle_seconds: float = 0.0
    statistics_period_seconds: float = limits.statistics_period_seconds
    guest_stale_after_seconds: float = limits.guest_stale_after_seconds
    silent_after_seconds: float = limits.host_silent_after_seconds


@attrs.frozen(kw_only=True)
class NodePorts:
    """Everything outside that a node touches, real or simulated. `identity` is None without certificates."""

    clock: Clock
    hypervisor: Hypervisor
    storage: Storage
    step_log: StepLog
    meter: HostMeter
    dial: Dial
    identity: Identity | None = None
    on_linked: Callable[[], Awaitable[None]] | None = None


def node_tree(settings: NodeSettings, ports: NodePorts) -> SupervisorSpec:
    """The tree of one node daemon, to be run with the same clock in its `Ports`."""
    uplink = Uplink()
    steps = Steps(ports.step_log, uplink)
    book = GuestBook(ports.clock)
    inventory = Inventory(ports.hypervisor)
    boots = Boots(
        at_once=settings.boots_at_once,
        settle_seconds=settings.boot_settle_seconds,
        clock=ports.clock,
        is_up=book.is_alive,
    )
    domains, guests = DynamicSupervisorHandle(), DynamicSupervisorHandle()
    commands = f"{root}/commands"
    hypervisor_dependencies = HypervisorDependencies(
        hypervisor=ports.hypervisor, domains=domains, guests=guests, commands_address=commands
    )
    domain_dependencies = DomainDependencies(
        hypervisor=ports.hypervisor,
        storage=ports.storage,
        steps=steps,
        inventory=inventory,
        step_log=ports.step_log,
        uplink=uplink,
        boots=boots,
        guests=book,
    )
    guest_dependencies = GuestDependencies(
        hypervisor=ports.hypervisor,
        guests=book,
        uplink=uplink,
        stale_after_seconds=settings.guest_stale_after_seconds,
    )
    storage_dependencies = StorageDependencies(
        storage=ports.storage, steps=steps, step_log=ports.step_log, uplink=uplink
    )
    console_dependencies = ConsoleDependencies(hypervisor=ports.hypervisor, steps=steps, uplink=uplink)
    certificate_dependencies = CertificateDependencies(identity=ports.identity, uplink=uplink, name=settings.name)
    dispatcher_dependencies = DispatcherDependencies(
        hypervisor=ports.hypervisor,
        step_log=ports.step_log,
        steps=steps,
        uplink=uplink,
        inventory=inventory,
        guests=book,
        domains=domains,
        storage_address=f"{root}/storage",
        consoles_address=f"{root}/consoles",
        certificate_address=f"{root}/certificate",
        boots_at_once=settings.boots_at_once,
    )
    reporter_dependencies = ReporterDependencies(
        hypervisor=ports.hypervisor,
        meter=ports.meter,
        uplink=uplink,
        period_seconds=settings.statistics_period_seconds,
    )
    link_dependencies = LinkDependencies(
        dial=ports.dial,
        uplink=uplink,
        step_log=ports.step_log,
        host_id=settings.host_id,
        listener=commands,
        silent_after_seconds=settings.silent_after_seconds,
        on_linked=ports.on_linked,
    )
    return SupervisorSpec(
        root,
        Strategy.REST_FOR_ONE,
        (
            ChildSpec("hypervisor", lambda context: HypervisorActor(context, hypervisor_dependencies)),
            ChildSpec(
                "domains",
                DynamicSupervisorSpec(
                    "domains", lambda context, vm_id: DomainActor(context, vm_id, domain_dependencies), handle=domains
                ),
            ),
            ChildSpec(
                "guests",
                DynamicSupervisorSpec(
                    "guests", lambda context, vm_id: GuestChannel(context, vm_id, guest_dependencies), handle=guests
                ),
            ),
            ChildSpec("storage", lambda context: StorageActor(context, storage_dependencies)),
            ChildSpec("consoles", lambda context: Consoles(context, console_dependencies)),
            ChildSpec("certificate", lambda context: CertificateActor(context, certificate_dependencies)),
            ChildSpec("commands", lambda context: Dispatcher(context, dispatcher_dependencies)),
            ChildSpec("statistics", lambda context: Reporter(context, reporter_dependencies)),
            ChildSpec("link", lambda context: LinkActor(context, link_dependencies)),
        ),
        restarts_max=10,
        window_seconds=60.0,
        backoff=Backoff(first_seconds=0.2, max_seconds=5.0),
    )
