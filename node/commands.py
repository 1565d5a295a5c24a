"""The node's dispatcher: takes what the link brings, checks its epoch, hands it to the actor whose business it is.

It must not carry anything out itself, so that it is always there to listen.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from node.guest_book import GuestBook
from node.hypervisor.port import Hypervisor
from node.inventory import Inventory
from node.ledger import forget_record
from node.notebook import Notebook
from node.steps import Steps, stale_epoch
from node.storage_actor import storage_bodies
from node.uplink import Uplink
from node.words import EventsLost, LinkDown, LinkUp
from protocol.errors import CorralError, Unavailable
from protocol.node_messages import (
    CertificateIssued,
    ConsoleData,
    ConsoleOpen,
    EngineHeartbeat,
    ForgetSteps,
    HostFacts,
    NodeCommand,
    ReportNow,
    RestoreDomain,
    StartDomain,
    StepDone,
)
from protocol.words import Tagged
from supervisors.handle import CrowdHandle

report_retry_seconds: Final = 2.0
repeat_period_seconds: Final = 60.0
"""How often a standing link hears again what it may have missed: cheap, and every other mistake heals with it."""


@attrs.frozen(kw_only=True)
class CommandParts:
    """What the dispatcher needs besides its ports."""

    hypervisor: Hypervisor
    notebook: Notebook
    steps: Steps
    uplink: Uplink
    inventory: Inventory
    guests: GuestBook
    domains: CrowdHandle
    storage_address: str
    consoles_address: str
    certificate_address: str
    boots_at_once: int


class Commands(Actor):
    """One per node; every word of the engine comes through here."""

    def __init__(self, context: Context, parts: CommandParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._reporting = False
        self._report_again = False

    async def started(self) -> None:
        self.context.spawn(self._repeat_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case NodeCommand() as command:
                await self._command(command)
            case EngineHeartbeat(epoch=epoch):
                await self._parts.steps.obey(epoch)
            case ForgetSteps(epoch=epoch, step_ids=step_ids):
                if await self._parts.steps.obey(epoch):
                    await self._parts.notebook.write(forget_record(step_ids))
            case ReportNow(epoch=epoch) as request:
                if await self._parts.steps.obey(epoch):
                    self._hand(self._parts.storage_address, request)
                    self._report()
            case ConsoleOpen() | ConsoleData() as word:
                self._hand(self._parts.consoles_address, word)
            case CertificateIssued() as issued:
                self._hand(self._parts.certificate_address, issued)
            case LinkUp() as up:
                self._hand(self._parts.certificate_address, up)
                if not up.hello.renewal_only:
                    self._say_again()
            case LinkDown() as down:
                self._hand(self._parts.consoles_address, down)
            case EventsLost():
                self._report()
            case other:
                # A newer engine within the agreed versions: what we do not know, we do not need.
                self.context.log.warning("node.word_not_for_us", word=type(other).__name__)

    async def _command(self, command: NodeCommand) -> None:
        if not await self._parts.steps.obey(command.epoch):
            highest = self._parts.notebook.ledger.highest_epoch
            self._parts.uplink.send(StepDone(step_id=command.step_id, result=stale_epoch(command.epoch, highest)))
            return
        body = command.body
        if isinstance(body, storage_bodies):
            self._hand(self._parts.storage_address, command)
            return
        vm_id = body.spec.vm_id if isinstance(body, StartDomain | RestoreDomain) else getattr(body, "vm_id", "")
        try:
            self._parts.domains.ensure(vm_id).tell(command)
        except (MailboxFull, ActorGone) as error:
            self._parts.uplink.send(StepDone(step_id=command.step_id, result=error.refusal))

    def _hand(self, address: str, word: Tagged) -> None:
        ref = self.context.directory.find(address)
        try:
            if ref is not None:
                ref.tell(word)
                return
            problem: CorralError = Unavailable(f"This host has no {address}.")
        except (MailboxFull, ActorGone) as error:
            problem = error
        if isinstance(word, NodeCommand):
            self._parts.uplink.send(StepDone(step_id=word.step_id, result=problem.refusal))
        else:
            self.context.log.warning("node.word_dropped", word=type(word).__name__, reason=str(problem))

    # -- what the engine must hear anew on every link

    async def _repeat_for_ever(self) -> None:
        while True:
            await self.context.ports.clock.sleep(repeat_period_seconds)
            if self._parts.uplink.is_up and not self._parts.uplink.renewal_only:
                self._say_again()

    def _say_again(self) -> None:
        for word in self._parts.notebook.ledger.outbox():
            self._parts.uplink.send(word)
        for report in self._parts.guests.words():
            self._parts.uplink.send(report)
        self._hand(self._parts.storage_address, ReportNow(epoch=self._parts.notebook.ledger.highest_epoch))
        self._report()

    def _report(self) -> None:
        """Facts and all domains, once more if asked again while a report is being made."""
        self._report_again = True
        if not self._reporting:
            self._reporting = True
            self.context.spawn(self._make_reports)

    async def _make_reports(self) -> None:
        while self._report_again and self._parts.uplink.is_up:
            self._report_again = False
            try:
                self._parts.uplink.send(self._facts(await self._parts.hypervisor.facts()))
                self._parts.uplink.send(await self._parts.inventory.snapshot())
            except CorralError as error:
                self.context.log.warning("node.no_report", reason=str(error))
                self._report_again = True
                await self.context.ports.clock.sleep(report_retry_seconds)
        self._reporting = False

    def _facts(self, facts: HostFacts) -> HostFacts:
        return attrs.evolve(facts, boots_at_once=self._parts.boots_at_once)
