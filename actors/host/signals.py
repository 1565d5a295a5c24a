"""What a host's actor tells the entities that live on it. It must not decide for them."""

from __future__ import annotations

import attrs

from protocol.message import Message, Priority, message
from protocol.node_messages import DomainObserved, StopReason


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
