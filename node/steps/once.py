"""Lets each step of the engine take effect at most once on this host.

A step is begun on disk, acted, and its outcome is on disk before it is sent; a repeated one gets the stored outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import attrs
import trio

from node.steps.log import StepLog
from node.steps.store import StepStatus, begun_record, done_record, epoch_record
from protocol.errors import CorralError, Internal, Interrupted, NoLongerLeads, Refusal
from protocol.message import Message, message_type
from protocol.node.commands import NodeCommand, RebootDomain, ResetDomain, SetTicket, ShutdownDomain
from protocol.node.reports import StepDone, StepNotTried

log = logging.getLogger("corral.node")

never_twice: Final = (RebootDomain, ResetDomain, SetTicket, ShutdownDomain)
"""What would do harm a second time: after a crash in the middle the outcome stays unknown. All else is idempotent at
the hypervisor and the storage, and is simply carried to its end."""


class ReportSink(Protocol):
    """Where outcomes go: the link to the engine."""

    def send(self, message: Message) -> object: ...


Act = Callable[[bool], Awaitable[Message]]
"""Carries a step out; told whether an earlier incarnation of the daemon began it."""


@attrs.define
class Steps:
    """One per node daemon, shared by all actors that carry out commands."""

    step_log: StepLog
    uplink: ReportSink
    _running: set[str] = attrs.field(factory=set)

    async def obey(self, epoch: int) -> bool:
        """Whether a message of this epoch may be acted on; a higher one is on disk before this returns."""
        highest = self.step_log.store.highest_epoch
        if epoch > highest:
            await self.step_log.write(epoch_record(epoch))
        return epoch >= self.step_log.store.highest_epoch

    def is_over(self, step_id: str) -> bool:
        """Whether nothing is left to do for the step but to tell its outcome."""
        return self.step_log.store.step_status(step_id) in (StepStatus.DONE, StepStatus.FORGOTTEN)

    async def run(self, command: NodeCommand, act: Act) -> None:
        """Acts unless this step was done, is running, or belongs to an engine that no longer leads."""
        step_id = command.step_id
        if step_id in self._running:
            return
        self._running.add(step_id)
        try:
            repeated = self.step_log.store.step_status(step_id) is StepStatus.BEGUN
            if await self._may_run(command):
                await self._finish(step_id, await self._outcome(command, act, repeated))
        finally:
            self._running.discard(step_id)

    async def _may_run(self, command: NodeCommand) -> bool:
        step_id, store = command.step_id, self.step_log.store
        # Checked here, not only where the command came in: a higher epoch may have arrived while this one queued.
        if not await self.obey(command.epoch):
            self.uplink.send(StepNotTried(step_id=step_id, reason=stale_epoch(command.epoch, store.highest_epoch)))
            return False
        step_status = store.step_status(step_id)
        if step_status is StepStatus.DONE:
            stored = store.outcome(step_id)
            assert stored is not None
            self.uplink.send(stored)
            return False
        if step_status is StepStatus.FORGOTTEN:
            # No answer is better than any: a refusal would have an engine undo what stands since long.
            log.info("ignored step %s: it came again after the engine had acknowledged it", step_id)
            return False
        if step_status is StepStatus.BEGUN and isinstance(command.body, never_twice):
            await self._finish(step_id, _interrupted(command))
            return False
        if step_status is StepStatus.NEW:
            await self.step_log.write(begun_record(step_id))
        return True

    async def _outcome(self, command: NodeCommand, act: Act, repeated: bool) -> Message:
        try:
            return await act(repeated)
        except CorralError as error:
            return error.refusal
        except trio.Cancelled:
            raise
        except Exception as error:
            # A bug: the engine gets to know, and the actor crashes afterwards as it should.
            failure = Internal(f"The node failed while it carried out {message_type(command.body).tag}: {error!r:.300}")
            with trio.CancelScope(shield=True):
                await self._finish(command.step_id, failure.refusal)
            raise

    async def _finish(self, step_id: str, result: Message) -> None:
        done = StepDone(step_id=step_id, result=result)
        await self.step_log.write(done_record(done))
        self.uplink.send(done)


def stale_epoch(epoch: int, highest: int) -> Refusal:
    """What an engine hears that no longer leads."""
    return NoLongerLeads(
        f"The command has epoch {epoch}; this host obeys epoch {highest}.",
        remedy="This engine is no longer the leader and must stop.",
    ).refusal


def _interrupted(command: NodeCommand) -> Refusal:
    reason = "The node daemon stopped while doing this; it is not known whether it took effect."
    return Interrupted(reason, entity=getattr(command.body, "vm_id", "")).refusal
