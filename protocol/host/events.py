"""What happened to a host: each event carries what `actors/host/evolve.py` needs."""

from __future__ import annotations

import attrs

from protocol.activity.operation import EntityEvent
from protocol.host.model import Host
from protocol.message import message
from protocol.node.reports import HostFacts


@attrs.frozen(kw_only=True)
class HostEvent(EntityEvent):
    """Base."""


@message("host.added")
@attrs.frozen(kw_only=True)
class HostAdded(HostEvent):
    """Announced; its node has not enrolled yet."""

    host: Host


@message("host.updated")
@attrs.frozen(kw_only=True)
class HostUpdated(HostEvent):
    host: Host


@message("host.linked")
@attrs.frozen(kw_only=True)
class HostLinked(HostEvent):
    """Its node is connected and reports what it has."""


@message("host.facts_changed")
@attrs.frozen(kw_only=True)
class HostFactsChanged(HostEvent):
    facts: HostFacts


@message("host.came_up")
@attrs.frozen(kw_only=True)
class HostCameUp(HostEvent):
    """Facts and domains are known: it takes VMs."""


@message("host.link_lost")
@attrs.frozen(kw_only=True)
class HostLinkLost(HostEvent):
    """The link ended; it may come back within the silent period."""

    reason: str


@message("host.fell_silent")
@attrs.frozen(kw_only=True)
class HostFellSilent(HostEvent):
    """No link for the silent period."""


@message("host.maintenance_requested")
@attrs.frozen(kw_only=True)
class HostMaintenanceRequested(HostEvent):
    """It takes no new VM; it is in maintenance once it has none."""

    reason: str = ""


@message("host.entered_maintenance")
@attrs.frozen(kw_only=True)
class HostEnteredMaintenance(HostEvent):
    pass


@message("host.activated")
@attrs.frozen(kw_only=True)
class HostActivated(HostEvent):
    """It may take VMs again once it is linked and reports."""


@message("host.confirmed_rebooted")
@attrs.frozen(kw_only=True)
class HostConfirmedRebooted(HostEvent):
    """An operator vouches that nothing runs on it."""


@message("host.removed")
@attrs.frozen(kw_only=True)
class HostRemoved(HostEvent):
    pass
