"""What a host's actor tells the entities that live on it, always with the host that spoke: the link knows who did."""

from __future__ import annotations

import datetime

import attrs

from protocol.events.operation import StepId
from protocol.node_messages import DomainObserved, GuestReport, StopReason, StorageFacts
from protocol.words import Lane, Tagged, WhenFull, word


@word("host.returned", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class HostReturned(Tagged):
    """The host reports again: send your current step once more. For a VM, `domain` is what runs (None: nothing)."""

    host_id: str
    domain: DomainObserved | None = None


@word("host.lost", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class HostLost(Tagged):
    """The host has been silent for too long: what happens there is not known."""

    host_id: str


@word("host.step_outcome", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class StepOutcome(Tagged):
    """What came of a step, as this host says."""

    host_id: str
    step: StepId
    result: Tagged


@word("host.step_advanced", lane=Lane.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StepAdvanced(Tagged):
    """How far a step is, in per cent."""

    host_id: str
    step: StepId
    percent: int

    @property
    def conflation_key(self) -> str:
        return str(self.step)


@word("host.guest_heard", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class GuestHeard(Tagged):
    """What the agent of a VM on this host says."""

    host_id: str
    report: GuestReport

    @property
    def conflation_key(self) -> str:
        return self.host_id


@word("host.guest_lost")
@attrs.frozen(kw_only=True)
class GuestLost(Tagged):
    """The agent of a VM on this host is silent."""

    host_id: str
    since: datetime.datetime


@word("host.storage_seen", when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class StorageSeen(Tagged):
    """What this host sees of a storage domain."""

    host_id: str
    facts: StorageFacts

    @property
    def conflation_key(self) -> str:
        return self.host_id


@word("host.domain", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class DomainSeen(Tagged):
    """A change of the VM's domain on this host; when it is gone, `stopped` says why. `rebooted` as in DomainChanged."""

    host_id: str
    domain: DomainObserved
    stopped: StopReason | None = None
    detail: str = ""
    rebooted: bool = False


@word("host.gone", lane=Lane.CONTROL)
@attrs.frozen(kw_only=True)
class HostConfirmedDown(Tagged):
    """Proven: nothing runs on the host any more (an operator confirmed its reboot)."""

    host_id: str
