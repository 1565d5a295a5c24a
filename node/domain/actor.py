"""One VM on this host: carries out its commands one after another and reports its changes in between.

A restart of this actor never touches the VM.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.domain.boots import Boots
from node.domain.reported import Inventory
from node.guest.book import GuestBook
from node.hypervisor.port import Hypervisor
from node.link.uplink import Uplink
from node.steps.log import StepLog
from node.steps.once import Steps, never_twice
from node.steps.store import stopped_record
from node.storage.port import Storage
from protocol import guest as guest_messages
from protocol.errors import BadInput, CorralError, HostFailed, Unavailable
from protocol.message import Message, message_type
from protocol.node.commands import (
    DestroyDomain,
    FreezeDomain,
    NodeCommand,
    PauseDomain,
    RebootDomain,
    RemoveSavedState,
    ResetDomain,
    RestoreDomain,
    ResumeDomain,
    SaveDomain,
    SetTicket,
    ShutdownDomain,
    StartDomain,
    ThawDomain,
)
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.reports import DomainChanged, DomainStarted, Done

no_answer_retry_seconds: Final = 1.0
power_button_after_seconds: Final = 20.0
"""How long a guest has whose agent took the order to shut down."""
freeze_timeout_seconds: Final = 20.0
"""How long a guest may take to write what it must before its file systems stand still."""
thaw_timeout_seconds: Final = 5.0


@attrs.frozen(kw_only=True)
class DomainDependencies:
    """What every domain actor of a node shares."""

    hypervisor: Hypervisor
    storage: Storage
    steps: Steps
    inventory: Inventory
    step_log: StepLog
    uplink: Uplink
    boots: Boots
    guests: GuestBook


class DomainActor(Actor):
    """Commands and changes share the mailbox, so that *started* is never reported after *stopped*."""

    def __init__(self, context: Context, vm_id: str, dependencies: DomainDependencies) -> None:
        super().__init__(context)
        self._vm_id = vm_id
        self._hypervisor = dependencies.hypervisor
        self._storage = dependencies.storage
        self._steps = dependencies.steps
        self._inventory = dependencies.inventory
        self._step_log = dependencies.step_log
        self._uplink = dependencies.uplink
        self._boots = dependencies.boots
        self._guests = dependencies.guests

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case NodeCommand(body=FreezeDomain() | ThawDomain()) as command:
                # Beside the mailbox: a stop must not wait until a guest that hangs has had its time.
                self.context.spawn(self._steps.run, command, partial(self._carry_out, command))
            case NodeCommand() as command:
                await self._steps.run(command, partial(self._carry_out, command))
            case DomainChanged() as change:
                await self._report(change)
            case other:
                raise NotImplementedError(f"a domain got {type(other).__name__}")

    async def _report(self, change: DomainChanged) -> None:
        if change.stopped is not None:
            await self._step_log.write(stopped_record(change))
        self._inventory.touch(self._vm_id)
        self._uplink.send(change)
        if change.rebooted:
            self._guests.starts_over(self._vm_id)

    async def _carry_out(self, command: NodeCommand, repeated: bool) -> Message:
        """Tries until the hypervisor answers: one that does not may have acted, and a start that is called failed
        while its QEMU runs would let the VM be started a second time elsewhere."""
        while True:
            try:
                return await self._act(command, repeated)
            except Unavailable as error:
                if isinstance(command.body, never_twice):
                    raise
                self.context.log.warning("domain.no_answer", vm_id=self._vm_id, reason=str(error))
            repeated = True
            await self.context.ports.clock.sleep(no_answer_retry_seconds)

    async def _act(self, command: NodeCommand, repeated: bool) -> Message:
        hypervisor, storage = self._hypervisor, self._storage
        match command.body:
            case StartDomain(spec=spec):
                if repeated and (domain := await self._begun(command.step_id)):
                    return self._started(domain)
                async with self._boots.slot(self._vm_id):
                    return self._started(await hypervisor.start(spec, command.step_id, storage.path_of))
            case RestoreDomain(spec=spec, storage_domain_id=storage_domain_id):
                begun = await self._begun(command.step_id) if repeated else None
                return await self._restore(command.step_id, spec.vm_id, storage_domain_id, command.body, begun)
            case SaveDomain(vm_id=vm_id, storage_domain_id=storage_domain_id):
                return await self._save(vm_id, storage_domain_id)
            case ShutdownDomain(vm_id=vm_id, reason=reason):
                run = (await hypervisor.observe(vm_id)).started_step_id
                if await self._guests.ask(vm_id, guest_messages.SHUTDOWN, reason):
                    self.context.spawn(self._press_later, run)
                else:
                    await hypervisor.shutdown(vm_id)
            case RebootDomain(vm_id=vm_id):
                if not await self._guests.ask(vm_id, guest_messages.REBOOT, ""):
                    await hypervisor.reboot(vm_id)
            case DestroyDomain(vm_id=vm_id, started_step_id=only):
                if not only or (await hypervisor.observe(vm_id)).started_step_id == only:
                    await hypervisor.destroy(vm_id)
            case ResetDomain(vm_id=vm_id):
                await hypervisor.reset(vm_id)
            case PauseDomain(vm_id=vm_id):
                await hypervisor.pause(vm_id)
            case ResumeDomain(vm_id=vm_id):
                await hypervisor.resume(vm_id)
            case FreezeDomain(vm_id=vm_id):
                await self._freeze(vm_id)
            case ThawDomain(vm_id=vm_id):
                await self._guests.demand(vm_id, guest_messages.THAW, thaw_timeout_seconds)
            case RemoveSavedState(vm_id=vm_id, storage_domain_id=storage_domain_id):
                await storage.remove_saved_state(storage_domain_id, vm_id)
            case SetTicket(vm_id=vm_id, value=value, expiry_seconds=expiry_seconds):
                await hypervisor.set_ticket(vm_id, value, expiry_seconds)
            case other:
                raise BadInput(f"This node does not support {message_type(other).tag}.", remedy="Upgrade the node.")
        return Done()

    async def _freeze(self, vm_id: str) -> None:
        """A freeze that fails leaves nothing frozen, also when the agent was only too late."""
        guests = self._guests
        try:
            await guests.demand(vm_id, guest_messages.FREEZE, freeze_timeout_seconds)
        except HostFailed:
            await guests.ask(vm_id, guest_messages.THAW, "")
            raise

    async def _press_later(self, run: str) -> None:
        """An agent that promised to power off and did not is helped with the power button. A reboot is not: pressed
        in the middle of one, the button would make a second."""
        await self.context.ports.clock.sleep(power_button_after_seconds)
        try:
            domain = await self._hypervisor.observe(self._vm_id)
            if domain.status is DomainStatus.RUNNING and domain.started_step_id == run:
                self.context.log.warning("domain.power_button", vm_id=self._vm_id)
                await self._hypervisor.shutdown(self._vm_id)
        except CorralError as error:
            self.context.log.warning("domain.no_power_button", vm_id=self._vm_id, reason=str(error))

    async def _begun(self, step_id: str) -> DomainObserved | None:
        """What a start that was begun before has brought; None when it is starting still, or another run is in its way.

        Such a start is not asked for again, not even when its QEMU was just seen: that may have ended since, and a
        second one would come, with disks that have moved on.
        """
        try:
            domain = await self._hypervisor.observe(self._vm_id)
        except CorralError as error:  # no answer is no failed start: it is asked again
            raise Unavailable(f"The state of VM {self._vm_id} cannot be read: {error}") from error
        if domain.status is DomainStatus.ABSENT:
            raise HostFailed(
                "The start was interrupted. QEMU is not running; it is not known whether it ever ran.",
                remedy="Start the VM again.", entity=self._vm_id,
            )  # fmt: skip
        is_there = domain.status in (DomainStatus.RUNNING, DomainStatus.PAUSED)
        return domain if is_there and domain.started_step_id == step_id else None

    def _started(self, domain: DomainObserved) -> DomainStarted:
        self._inventory.touch(self._vm_id)
        return DomainStarted(domain=domain)

    async def _restore(
        self, step_id: str, vm_id: str, storage_domain_id: str, body: RestoreDomain, begun: DomainObserved | None
    ) -> DomainStarted:
        hypervisor, storage = self._hypervisor, self._storage
        path = storage.saved_state_path(storage_domain_id, vm_id)
        domain = begun or await hypervisor.restore(path, body.spec, step_id, storage.path_of)
        # The file goes only when the VM runs: a crash before this leaves it, and the repeated step comes here again.
        with trio.CancelScope(shield=True):
            try:
                await storage.remove_saved_state(storage_domain_id, vm_id)
            except CorralError as error:  # the VM runs, which is what was asked; the next save replaces the file
                self.context.log.warning("domain.saved_state_left", vm_id=vm_id, reason=str(error))
        return self._started(domain)

    async def _save(self, vm_id: str, storage_domain_id: str) -> Done:
        # Repeated, it finds the file that it wrote. A QEMU that is gone without one was not saved, whoever ended it.
        await self._hypervisor.save(vm_id, self._storage.saved_state_path(storage_domain_id, vm_id))
        return Done()
