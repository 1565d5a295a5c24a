"""The node's dispatcher: checks the epoch of what arrives on the link and passes it to the right actor."""

from __future__ import annotations

from typing import Final

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from node.domain.reported import Inventory
from node.guest.book import GuestBook
from node.hypervisor.port import Hypervisor
from node.link.uplink import Uplink
from node.local_messages import EventsLost, LinkDown, LinkUp
from node.steps.log import StepLog
from node.steps.once import Steps, stale_epoch
from node.steps.store import forget_record
from node.storage.actor import storage_bodies
from protocol.errors import CorralError, Unavailable
from protocol.message import Message
from protocol.node.commands import (
    CancelStep,
    CertificateIssued,
    ConsoleData,
    ConsoleOpen,
    EngineHeartbeat,
    ForgetSteps,
    NodeCommand,
    ReportNow,
    RestoreDomain,
    StartDomain,
)
from protocol.node.reports import HostFacts, StepNotTried
from supervisors.handle import DynamicSupervisorHandle

report_retry_seconds: Final = 2.0
repeat_period_seconds: Final = 60.0
"""How often a standing link hears again what it may have missed: cheap, and every other mistake heals with it."""


@attrs.frozen(kw_only=True)
class DispatcherDependencies:
    """What the dispatcher needs besides its ports."""

    hypervisor: Hypervisor
    step_log: StepLog
    steps: Steps
    uplink: Uplink
    inventory: Inventory
    guests: GuestBook
    domains: DynamicSupervisorHandle
    storage_address: str
    consoles_address: str
    certificate_address: str
    boots_at_once: int


class Dispatcher(Actor):
    """One per node; every message of the engine comes through here."""

    def __init__(self, context: Context, dependencies: DispatcherDependencies) -> None:
        super().__init__(context)
        self._hypervisor = dependencies.hypervisor
        self._step_log = dependencies.step_log
        self._steps = dependencies.steps
        self._uplink = dependencies.uplink
        self._inventory = dependencies.inventory
        self._guests = dependencies.guests
        self._domains = dependencies.domains
        self._storage_address = dependencies.storage_address
        self._consoles_address = dependencies.consoles_address
        self._certificate_address = dependencies.certificate_address
        self._boots_at_once = dependencies.boots_at_once
        self._reporting = False
        self._report_again = False

    async def started(self) -> None:
        self.context.spawn(self._repeat_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case NodeCommand() as command:
                await self._command(command)
            case EngineHeartbeat(epoch=epoch):
                await self._steps.obey(epoch)
            case ForgetSteps(epoch=epoch, step_ids=step_ids):
                if await self._steps.obey(epoch):
                    await self._step_log.write(forget_record(step_ids))
            case ReportNow(epoch=epoch) as request:
                if await self._steps.obey(epoch):
                    self._hand(self._storage_address, request)
                    self._report()
            case CancelStep(epoch=epoch) as cancel:
                if await self._steps.obey(epoch):
                    self._hand(self._storage_address, cancel)
            case ConsoleOpen() | ConsoleData() as message:
                self._hand(self._consoles_address, message)
            case CertificateIssued() as issued:
                self._hand(self._certificate_address, issued)
            case LinkUp() as up:
                self._hand(self._certificate_address, up)
                if not up.hello.renewal_only:
                    self._say_again()
            case LinkDown() as down:
                self._hand(self._consoles_address, down)
            case EventsLost():
                self._report()
            case other:
                # A newer engine within the agreed versions: what we do not know, we do not need.
                self.context.log.warning("node.message_not_for_us", message=type(other).__name__)

    async def _command(self, command: NodeCommand) -> None:
        if not await self._steps.obey(command.epoch):
            highest = self._step_log.store.highest_epoch
            self._uplink.send(StepNotTried(step_id=command.step_id, reason=stale_epoch(command.epoch, highest)))
            return
        body = command.body
        if isinstance(body, storage_bodies):
            self._hand(self._storage_address, command)
            return
        vm_id = body.spec.vm_id if isinstance(body, StartDomain | RestoreDomain) else getattr(body, "vm_id", "")
        try:
            self._domains.ensure(vm_id).tell(command)
        except (MailboxFull, ActorGone) as error:
            self._uplink.send(StepNotTried(step_id=command.step_id, reason=error.refusal))

    def _hand(self, address: str, message: Message) -> None:
        ref = self.context.directory.find(address)
        try:
            if ref is not None:
                ref.tell(message)
                return
            problem: CorralError = Unavailable(f"This host has no {address}.")
        except (MailboxFull, ActorGone) as error:
            problem = error
        if isinstance(message, NodeCommand):
            self._uplink.send(StepNotTried(step_id=message.step_id, reason=problem.refusal))
        else:
            self.context.log.warning("node.message_dropped", message=type(message).__name__, reason=str(problem))

    # -- what the engine must hear anew on every link

    async def _repeat_for_ever(self) -> None:
        while True:
            await self.context.ports.clock.sleep(repeat_period_seconds)
            if self._uplink.is_up and not self._uplink.renewal_only:
                self._say_again()

    def _say_again(self) -> None:
        for message in self._step_log.store.outbox():
            self._uplink.send(message)
        for report in self._guests.reports():
            self._uplink.send(report)
        self._hand(self._storage_address, ReportNow(epoch=self._step_log.store.highest_epoch))
        self._report()

    def _report(self) -> None:
        """Facts and all domains, once more if asked again while a report is being created."""
        self._report_again = True
        if not self._reporting:
            self._reporting = True
            self.context.spawn(self._make_reports)

    async def _make_reports(self) -> None:
        while self._report_again and self._uplink.is_up:
            self._report_again = False
            try:
                self._uplink.send(self._facts(await self._hypervisor.facts()))
                self._uplink.send(await self._inventory.snapshot())
            except CorralError as error:
                self.context.log.warning("node.no_report", reason=str(error))
                self._report_again = True
                await self.context.ports.clock.sleep(report_retry_seconds)
        self._reporting = False

    def _facts(self, facts: HostFacts) -> HostFacts:
        return attrs.evolve(facts, boots_at_once=self._boots_at_once)
