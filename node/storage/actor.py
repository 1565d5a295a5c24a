"""The storage domains of this host: carries out what the engine asks about volumes, several long jobs side by side."""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.link.uplink import Uplink
from node.steps.log import StepLog
from node.steps.once import Steps
from node.steps.store import storage_record
from node.storage.jobs import StorageJob, Turns
from node.storage.port import Storage
from protocol.errors import BadInput, Cancelled, CorralError, Unavailable
from protocol.message import Message, message_type
from protocol.node.commands import (
    CancelStep,
    ConnectStorageDomain,
    CopyVolume,
    CreateVolume,
    ImportVolume,
    NodeCommand,
    RemoveImage,
    ReportNow,
    ResizeVolume,
)
from protocol.node.reports import Done, StepNotTried, StepProgress, StorageFacts

jobs_at_once_max: Final = 4
jobs_waiting_max: Final = 1_000
facts_period_seconds: Final = 30.0
connect_timeout_seconds: Final = 60.0

storage_bodies: Final = (
    ConnectStorageDomain,
    CreateVolume,
    CopyVolume,
    ImportVolume,
    ResizeVolume,
    RemoveImage,
)


@attrs.frozen(kw_only=True)
class StorageDependencies:
    """What the storage actor needs besides its ports."""

    storage: Storage
    steps: Steps
    step_log: StepLog
    uplink: Uplink


class StorageActor(Actor):
    """Jobs on different images run beside each other, those on one image one after another."""

    def __init__(self, context: Context, dependencies: StorageDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies
        self._limiter = trio.CapacityLimiter(jobs_at_once_max)
        self._jobs: dict[str, StorageJob] = {}  # by step; those that wait for their turn too
        self._turns = Turns()
        self._last_facts: dict[str, StorageFacts] = {}

    async def started(self) -> None:
        """Connects again what an earlier incarnation had connected, so that its steps count as done for good reason."""
        for storage_domain_id, path in self._dependencies.step_log.store.storage_domains.items():
            with self.context.ports.clock.move_on_after(connect_timeout_seconds):
                try:
                    await self._dependencies.storage.connect_storage_domain(storage_domain_id, path)
                except CorralError as error:
                    self.context.log.warning("storage.not_connected", id=storage_domain_id, reason=str(error))
        self.context.spawn(self._report_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case NodeCommand() as command:
                self._begin(command)
            case CancelStep(step_id=step_id):
                if (job := self._jobs.get(step_id)) is not None:
                    job.cancel()
            case ReportNow():
                self.context.spawn(self._report, True)
            case other:
                raise NotImplementedError(f"the storage got {type(other).__name__}")

    def _begin(self, command: NodeCommand) -> None:
        """The job is known from here on, before its task runs: what cancels it may be the next message."""
        if (known := self._jobs.get(command.step_id)) is not None:
            known.asked_again(command)
            return
        if self._dependencies.steps.is_over(command.step_id):  # told again at once, whatever waits for a slot
            self.context.spawn(self._dependencies.steps.run, command, partial(self._act, command))
            return
        if len(self._jobs) >= jobs_waiting_max:
            reason = Unavailable("Too many storage jobs are waiting on this host.").refusal
            self._dependencies.uplink.send(StepNotTried(step_id=command.step_id, reason=reason))
            return
        job = self._jobs[command.step_id] = StorageJob(command)
        self._turns.enter(job)
        self.context.spawn(self._job, job)

    async def _job(self, job: StorageJob) -> None:
        """Nothing of it is on disk before it has a slot: what waits is asked again after a crash."""
        try:
            with job.waiting:
                await job.its_turn.wait()
                await self._limiter.acquire_on_behalf_of(job)
            await self._dependencies.steps.run(job.command, partial(self._act_unless_cancelled, job))
        finally:
            if job in self._limiter.statistics().borrowers:
                self._limiter.release_on_behalf_of(job)
            self._turns.leave(job)
            del self._jobs[job.command.step_id]

    async def _act_unless_cancelled(self, job: StorageJob, repeated: bool) -> Message:
        """Raises `Cancelled` once the storage has taken back what it had begun."""
        with job.acting:
            return await self._act(job.command, repeated)
        raise Cancelled("The step was cancelled.", remedy="Start it again if it is still wanted.")

    async def _act(self, command: NodeCommand, repeated: bool) -> Message:
        storage = self._dependencies.storage
        progress = partial(self._progress, command.step_id)
        match command.body:
            case ConnectStorageDomain(storage_domain_id=storage_domain_id, path=path, create=create):
                facts = await storage.connect_storage_domain(storage_domain_id, path, create=create)
                await self._dependencies.step_log.write(storage_record(storage_domain_id, path))
                return facts
            case CreateVolume() as body:
                return await storage.create_volume(
                    body.volume, body.size_bytes, preallocate=body.preallocate, backing=body.backing
                )
            case CopyVolume(source=source, target=target):
                return await storage.copy_volume(source, target, progress=progress)
            case ImportVolume(source_path=path, source_format=source_format, target=target):
                return await storage.import_volume(path, source_format, target, progress=progress)
            case ResizeVolume(volume=volume, size_bytes=size_bytes):
                return await storage.resize_volume(volume, size_bytes)
            case RemoveImage(storage_domain_id=storage_domain_id, image_id=image_id):
                await storage.remove_image(storage_domain_id, image_id)
                return Done()
            case other:
                raise BadInput(f"This node does not support {message_type(other).tag}.", remedy="Upgrade the node.")

    def _progress(self, step_id: str, percent: int) -> None:
        self._dependencies.uplink.send(StepProgress(step_id=step_id, percent=percent))

    async def _report_for_ever(self) -> None:
        while True:
            await self.context.ports.clock.sleep(facts_period_seconds)
            await self._report(False)

    async def _report(self, everything: bool) -> None:
        for storage_domain_id in list(self._dependencies.step_log.store.storage_domains):
            try:
                facts = await self._dependencies.storage.facts(storage_domain_id)
            except CorralError as error:
                facts = StorageFacts(
                    storage_domain_id=storage_domain_id,
                    available_bytes=0,
                    used_bytes=0,
                    writable=False,
                    problem=str(error),
                )
            if everything or facts != self._last_facts.get(storage_domain_id):
                self._last_facts[storage_domain_id] = facts
                self._dependencies.uplink.send(facts)
