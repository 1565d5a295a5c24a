"""What a host's actor tells the entities that live on it, always with the host that spoke: the link knows who did."""

from __future__ import annotations

import datetime

import attrs

from protocol.activity.operation import StepId
from protocol.message import Message, Priority, WhenFull, message
from protocol.node.domain import DomainObserved, StopReason
from protocol.node.reports import GuestReport, StorageFacts


@message("host.returned", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class HostReturned(Message):
    """The host reports again: send your current step once more. For a VM, `domain` is what runs (None: nothing)."""

    host_id: str
    domain: DomainObserved | None = None


@message("host.lost", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class HostLost(Message):
    """The host has been silent for too long: what happens there is not known."""

    host_id: str


@message("host.step_outcome", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class StepOutcome(Message):
    """What came of a step, as this host says."""

    host_id: str
    step: StepId
    result: Message


@message("host.step_declined", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class StepDeclined(Message):
    """This host has not tried the step; it may be asked again."""

    host_id: str
    step: StepId


@message("host.step_advanced", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StepAdvanced(Message):
    """How far a step is, in per cent."""

    host_id: str
    step: StepId
    percent: int

    @property
    def conflation_key(self) -> str:
        return str(self.step)


@message("host.guest_heard", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class GuestHeard(Message):
    """What the agent of a VM on this host says."""

    host_id: str
    report: GuestReport

    @property
    def conflation_key(self) -> str:
        return self.host_id


@message("host.guest_lost")
@attrs.frozen(kw_only=True)
class GuestLost(Message):
    """The agent of a VM on this host is silent."""

    host_id: str
    since: datetime.datetime


@message("host.storage_seen", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StorageSeen(Message):
    """What this host sees of a storage domain."""

    host_id: str
    facts: StorageFacts

    @property
    def conflation_key(self) -> str:
        return self.host_id


@message("host.domain", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class DomainSeen(Message):
    """A change of the VM's domain on this host; when it is gone, `stopped` says why. `rebooted` as in DomainChanged."""

    host_id: str
    domain: DomainObserved
    stopped: StopReason | None = None
    detail: str = ""
    rebooted: bool = False


@message("host.gone", priority=Priority.CONTROL)
@attrs.frozen(kw_only=True)
class HostConfirmedDown(Message):
    """Proven: nothing runs on the host any more (an operator confirmed its reboot)."""

    host_id: str
