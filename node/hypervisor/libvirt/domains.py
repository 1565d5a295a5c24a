"""Reads the domains of a host and their details. Every function runs in a thread with a connection; none changes a
domain."""

from __future__ import annotations

import datetime

import attrs
import libvirt
import psutil

from node.domain_xml import LiveDomain, live_domain
from node.hypervisor.libvirt import mounts as place
from node.hypervisor.libvirt.errors import is_absent
from protocol.node.domain import DomainObserved, DomainStatus

_pauses = {
    libvirt.VIR_DOMAIN_PAUSED_USER: "user",
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: "migration",
    libvirt.VIR_DOMAIN_PAUSED_SAVE: "save",
    libvirt.VIR_DOMAIN_PAUSED_DUMP: "dump",
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: "io_error",
    libvirt.VIR_DOMAIN_PAUSED_WATCHDOG: "watchdog",
    libvirt.VIR_DOMAIN_PAUSED_FROM_SNAPSHOT: "snapshot",
    libvirt.VIR_DOMAIN_PAUSED_SHUTTING_DOWN: "shutting_down",
    libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT: "snapshot",
    libvirt.VIR_DOMAIN_PAUSED_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY: "postcopy",
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: "postcopy_failed",
}
_statuses = {
    libvirt.VIR_DOMAIN_RUNNING: DomainStatus.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: DomainStatus.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: DomainStatus.SHUTTING_DOWN,
    libvirt.VIR_DOMAIN_SHUTOFF: DomainStatus.ABSENT,
    libvirt.VIR_DOMAIN_CRASHED: DomainStatus.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: DomainStatus.PAUSED,
}


@attrs.frozen(kw_only=True)
class Seen:
    """A domain of ours with what the port needs besides: its name in libvirt and its live paths as QEMU sees them."""

    observed: DomainObserved
    live: LiveDomain


def status_of(state: int, reason: int) -> tuple[DomainStatus, str]:
    """Our status and, of a pause, why."""
    if state != libvirt.VIR_DOMAIN_PAUSED:
        return _statuses.get(state, DomainStatus.UNKNOWN), ""
    if reason == libvirt.VIR_DOMAIN_PAUSED_STARTING_UP:
        return DomainStatus.STARTING, ""
    return DomainStatus.PAUSED, _pauses.get(reason, "unknown")


def lookup(connection: libvirt.virConnect, vm_id: str) -> libvirt.virDomain | None:
    """The active domain of a VM, ours or not."""
    try:
        domain = connection.lookupByUUIDString(vm_id)
        return domain if domain.isActive() else None
    except libvirt.libvirtError as error:
        if is_absent(error):
            return None
        raise


def seen(domain: libvirt.virDomain, libvirtd_pid: int) -> Seen | None:
    """One domain; None when it is not Corral's or just went away."""
    try:
        live = live_domain(domain.XMLDesc())
        if live.mark is None:
            return None
        state, reason = domain.state()
    except libvirt.libvirtError as error:
        if is_absent(error):
            return None
        raise
    status, why = status_of(state, reason)
    if status is DomainStatus.ABSENT:
        return None
    pid = place.qemu_pid(libvirtd_pid, live.name)
    observed = DomainObserved(
        vm_id=live.vm_id,
        status=status,
        reason=why,
        started_step_id=live.mark.step_id,
        qemu_pid=pid,
        started_at=_started_at(pid),
        vnc_socket=place.seen_by(pid, live.vnc_socket),
        guest_agent=live.agent_connected,
    )
    return Seen(observed=observed, live=live)


def seen_one(connection: libvirt.virConnect, vm_id: str, libvirtd_pid: int) -> Seen | None:
    domain = lookup(connection, vm_id)
    return seen(domain, libvirtd_pid) if domain is not None else None


def seen_all(connection: libvirt.virConnect, libvirtd_pid: int) -> tuple[Seen, ...]:
    """Every active domain of ours, in one thread hop."""
    domains = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return tuple(found for domain in domains if (found := seen(domain, libvirtd_pid)) is not None)


def _started_at(pid: int) -> datetime.datetime | None:
    if not pid:
        return None
    try:
        return datetime.datetime.fromtimestamp(psutil.Process(pid).create_time(), datetime.UTC)
    except psutil.Error:
        return None
