"""Keeps the hypervisor connected and passes its events to the domains' actors.

It must not start or stop a domain: domains outlive this daemon, and it finds them when it starts.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from node.hypervisor.port import EventsMissing, Hypervisor
from node.local_messages import EventsLost, ListenToGuest
from protocol.errors import CorralError
from protocol.node.domain import DomainStatus
from protocol.node.reports import DomainChanged
from supervisors.handle import DynamicSupervisorHandle

connect_retry_seconds: Final = 1.0
idle_domains_max: Final = 200
"""How many actors of domains that have ended may stay; beyond it the oldest end, so that a long life costs nothing."""

_living: Final = (DomainStatus.RUNNING, DomainStatus.PAUSED, DomainStatus.STARTING, DomainStatus.SHUTTING_DOWN)


@attrs.frozen(kw_only=True)
class HypervisorDependencies:
    """What the keeper needs besides its ports."""

    hypervisor: Hypervisor
    domains: DynamicSupervisorHandle
    guests: DynamicSupervisorHandle
    commands_address: str


class HypervisorActor(Actor):
    """First child of the node's tree: nothing else comes up without a hypervisor."""

    def __init__(self, context: Context, dependencies: HypervisorDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies
        self._ended: dict[str, None] = {}  # domains that ended, the oldest first

    async def started(self) -> None:
        """Connects, trying again until its start's deadline."""
        while True:
            try:
                await self._dependencies.hypervisor.connect()
                break
            except CorralError as error:
                self.context.log.warning("hypervisor.not_connected", reason=str(error))
                await self.context.ports.clock.sleep(connect_retry_seconds)
        self.context.spawn(self._dependencies.hypervisor.run)
        self.context.spawn(self._pump)

    async def receive(self, envelope: Envelope) -> None:
        raise NotImplementedError(f"the hypervisor's keeper got {type(envelope.message).__name__}")

    async def stopping(self) -> None:
        await self._dependencies.hypervisor.close()

    async def _pump(self) -> None:
        await self._listen_to_all()
        async for event in self._dependencies.hypervisor.events:
            if isinstance(event, EventsMissing):
                self._lost(event.reason)
                await self._listen_to_all()
            else:
                await self._changed(event)

    async def _changed(self, change: DomainChanged) -> None:
        vm_id = change.domain.vm_id
        try:
            self._dependencies.domains.ensure(vm_id).tell(change)
        except (MailboxFull, ActorGone) as error:
            self._lost(str(error))
        if change.stopped is None and change.domain.status in _living:
            self._ended.pop(vm_id, None)
            self._listen(vm_id)
        elif change.stopped is not None:
            self.context.spawn(self._dependencies.guests.stop, vm_id)
            self._ended[vm_id] = None
            if len(self._ended) > idle_domains_max:
                oldest = next(iter(self._ended))
                del self._ended[oldest]
                self.context.spawn(self._dependencies.domains.stop, oldest)

    async def _listen_to_all(self) -> None:
        """Guests' channels for exactly the domains that are there."""
        while True:
            try:
                present = {domain.vm_id for domain in await self._dependencies.hypervisor.list()}
                break
            except CorralError as error:
                self.context.log.warning("hypervisor.no_list", reason=str(error))
                await self.context.ports.clock.sleep(connect_retry_seconds)
        for vm_id in present:
            self._listen(vm_id)
        for vm_id in set(self._dependencies.guests.keys()) - present:
            self.context.spawn(self._dependencies.guests.stop, vm_id)

    def _listen(self, vm_id: str) -> None:
        try:
            self._dependencies.guests.ensure(vm_id).tell(ListenToGuest(vm_id=vm_id))
        except (MailboxFull, ActorGone):
            self.context.log.debug("guest.ending", vm_id=vm_id)

    def _lost(self, reason: str) -> None:
        self.context.log.warning("hypervisor.events_lost", reason=reason)
        commands = self.context.directory.find(self._dependencies.commands_address)
        if commands is not None:
            try:
                commands.tell(EventsLost(reason=reason))
            except (MailboxFull, ActorGone) as error:
                self.context.log.error("hypervisor.resync_lost", reason=str(error))
