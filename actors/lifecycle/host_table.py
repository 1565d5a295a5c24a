"""Which event moves a host from which status to which. It must not say why."""

from __future__ import annotations

from typing import Any, Final

from actors.lifecycle.illegal import IllegalTransition
from actors.lifecycle.vm_table import STAY
from protocol.events import host as events

ANY: Final = frozenset(
    {"installing", "initializing", "connecting", "up", "non_responsive", "preparing_for_maintenance", "maintenance",
     "unassigned"}
)  # fmt: skip
ACTIVE: Final = ANY - {"preparing_for_maintenance", "maintenance"}

TABLE: Final[dict[type[Any], tuple[frozenset[str], str]]] = {
    events.HostUpdated: (ANY, STAY),
    events.HostFactsChanged: (ANY, STAY),
    events.HostCameUp: (frozenset({"initializing"}), "up"),
    events.HostMaintenanceRequested: (ACTIVE, "preparing_for_maintenance"),
    events.HostEnteredMaintenance: (frozenset({"preparing_for_maintenance"}), "maintenance"),
    events.HostActivated: (frozenset({"maintenance", "preparing_for_maintenance"}), "unassigned"),
    events.HostConfirmedRebooted: (ANY, STAY),
}
BY_ACTIVITY: Final[dict[type[Any], str]] = {
    events.HostLinked: "initializing",
    events.HostLinkLost: "connecting",
    events.HostFellSilent: "non_responsive",
}
"""These move an active host only; one in maintenance stays there."""

OWNERS: Final[dict[str, str]] = {
    "installing": "the operator: ends when the node enrols",
    "initializing": "the link; ends with the node's first report, or with the link",
    "connecting": "timer silent; ends when the link is back or the host is non responsive",
    "preparing_for_maintenance": "the host's VMs; ends when the last one is gone, or by activating",
    "unassigned": "the link; ends when the node reports, or with timer silent",
}


def next_status(status: str, event: Any) -> str:
    """The status after `event`."""
    if isinstance(event, events.HostAdded):
        return "installing"
    if type(event) in BY_ACTIVITY:
        return BY_ACTIVITY[type(event)] if status in ACTIVE else status
    allowed, after = TABLE[type(event)]
    if status not in allowed:
        raise IllegalTransition(f"{type(event).__name__} while {status}")
    return status if after == STAY else after
