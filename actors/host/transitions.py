"""Which event moves a host from which status to which."""

from __future__ import annotations

from typing import Final

from actors.entity.transitions import ABSENT, STAY, transitions
from protocol.host import events

ANY: Final = frozenset(
    {"installing", "initializing", "connecting", "up", "non_responsive", "preparing_for_maintenance", "maintenance",
     "unassigned"}
)  # fmt: skip
ACTIVE: Final = ANY - {"preparing_for_maintenance", "maintenance"}

TRANSITIONS: Final = transitions(
    (ABSENT, events.HostAdded, "installing"),
    (ANY, events.HostRemoved, ABSENT),
    (ANY, events.HostUpdated, STAY),
    (ANY, events.HostFactsChanged, STAY),
    # These three move an active host only; one in maintenance stays there.
    (ACTIVE, events.HostLinked, "initializing"),
    (ANY - ACTIVE, events.HostLinked, STAY),
    (ACTIVE, events.HostLinkLost, "connecting"),
    (ANY - ACTIVE, events.HostLinkLost, STAY),
    (ACTIVE, events.HostFellSilent, "non_responsive"),
    (ANY - ACTIVE, events.HostFellSilent, STAY),
    ("initializing", events.HostCameUp, "up"),
    (ACTIVE, events.HostMaintenanceRequested, "preparing_for_maintenance"),
    ("preparing_for_maintenance", events.HostEnteredMaintenance, "maintenance"),
    (ANY - ACTIVE, events.HostActivated, "unassigned"),
    (ANY, events.HostConfirmedRebooted, STAY),
)
