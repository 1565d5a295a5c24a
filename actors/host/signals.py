"""What a host's actor tells the entities that live on it. It must not decide for them."""

from __future__ import annotations

import attrs

from protocol.node_messages import DomainObserved, StopReason
from protocol.words import Lane, Tagged, word


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
