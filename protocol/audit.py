"""Codes of the audit trail, once. Numbers of oVirt's where the same thing is said. It must not hold texts' values."""

from __future__ import annotations

from typing import Any, Final

import attrs

from protocol.model.activity import Event
from protocol.model.types import ref

CODES: Final[dict[str, int]] = {
    "host_silent": 12, "host_up": 13, "host_activated": 16, "host_maintenance": 15, "host_added": 42,
    "host_enrolled": 515, "host_link_lost": 9040, "host_removed": 44,
    "vm_started": 32, "vm_stopped": 33, "vm_added": 34, "vm_updated": 35, "vm_resumed": 40, "vm_paused": 39,
    "vm_shutdown": 73, "vm_start_failed": 54, "vm_add_failed": 37, "vm_removed": 113, "vm_rebooted": 157,
    "vm_reset": 9016, "vm_down": 61, "vm_down_error": 119, "vm_suspended": 503, "vm_suspend_failed": 532,
    "vm_guest_up": 9001, "vm_guest_silent": 9002, "vm_unknown": 9003, "vm_found": 9004, "vm_shutdown_ignored": 9005,
    "vm_reboot_ignored": 9008,
    "vm_io_error": 138, "vm_nic_changed": 932, "vm_disk_changed": 2017, "vm_operation_failed": 9006,
    "stray_domain": 9007, "strange_step": 9012, "stranger_domain": 9011, "console_ticket": 164,
    "disk_added": 2021, "disk_removed": 2042, "disk_failed": 2022, "disk_updated": 2019,
    "storage_domain_added": 956, "storage_domain_active": 966, "storage_domain_inactive": 970,
    "storage_domain_removed": 960, "template_added": 51, "template_failed": 9009, "template_removed": 9010,
    "entity_added": 9020, "entity_updated": 9021, "entity_removed": 9022, "assigned": 9023,
    "unassigned": 9024, "actor_restarted": 9030,
    "actor_escalated": 9031, "access_denied": 9032, "external": 9000,
}  # fmt: skip


def line(what: str, description: str, *, severity: str = "normal", **refers: Any) -> Event:
    """A line of the audit trail; `refers` are ids by attribute: vm=..., host=..., user=... Time comes when written."""
    event = Event(code=CODES[what], severity=severity, description=description, origin="corral")
    references: dict[str, Any] = {name: ref(id) for name, id in refers.items() if id}
    return attrs.evolve(event, **references)
