"""Turns libvirt's events into `DomainChanged`, in their order, without asking libvirt about each.

Pure apart from its memory of the domains on this host.
"""

from __future__ import annotations

import attrs
import libvirt

from node.domain_xml import DeviceIds
from node.hypervisor.libvirt.domains import Seen
from node.hypervisor.libvirt.loop import RawEvent
from protocol.node.domain import DomainObserved, DomainStatus, StopReason
from protocol.node.reports import DomainChanged

_stops = {
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: StopReason.SHUTDOWN,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: StopReason.DESTROYED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: StopReason.CRASHED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: StopReason.MIGRATED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: StopReason.SAVED,
    # libvirt says "failed" when QEMU's monitor closes without a word, also of a QEMU that ran for weeks.
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: StopReason.CRASHED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: StopReason.DESTROYED,
}
_suspends = {
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED: "user",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED: "migration",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR: "io_error",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG: "watchdog",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_RESTORED: "user",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT: "snapshot",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR: "error",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY: "postcopy",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED: "postcopy_failed",
}


def _is_end(event: RawEvent) -> bool:
    return event.kind == "lifecycle" and event.event == libvirt.VIR_DOMAIN_EVENT_STOPPED


@attrs.define
class _Known:
    observed: DomainObserved
    name: str  # libvirt's, for its log
    devices: DeviceIds = attrs.field(factory=DeviceIds)
    ran: bool = True  # it got past its start
    io_error: str = ""


class DomainMemory:
    """The domains of ours on this host, as far as events told."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._expected: dict[str, _Known] = {}

    def expect(self, vm_id: str, step_id: str, name: str) -> None:
        """A start of this step is about to be tried: its QEMU may end before anybody could look at it."""
        observed = DomainObserved(vm_id=vm_id, status=DomainStatus.STARTING, started_step_id=step_id)
        # A step that another one is in front of will be refused: the first one's end must not be told as its own.
        self._expected.setdefault(vm_id, _Known(observed, name, ran=False))

    def expect_no_more(self, vm_id: str, step_id: str) -> None:
        """That start failed and made no QEMU."""
        expected = self._expected.get(vm_id)
        if expected is not None and expected.observed.started_step_id == step_id:
            del self._expected[vm_id]

    def learn(self, found: Seen) -> None:
        """What libvirt says of one domain, asked because of an event."""
        vm_id, step_id = found.observed.vm_id, found.observed.started_step_id
        self._known[vm_id] = _Known(found.observed, found.live.name, found.live.devices)
        self.expect_no_more(vm_id, step_id)

    def learn_all(self, found: tuple[Seen, ...]) -> None:
        """After a connect: what is not named is gone, and its end will not be told."""
        self._known.clear()
        self._expected.clear()
        for one in found:
            self.learn(one)

    def step_of(self, vm_id: str) -> str:
        """The step whose QEMU the next end of this VM is about; empty when there is none."""
        known = self._known.get(vm_id) or self._expected.get(vm_id)
        return known.observed.started_step_id if known else ""

    def name_of(self, vm_id: str) -> str:
        known = self._known.get(vm_id) or self._expected.get(vm_id)
        return known.name if known else ""

    def agent_of(self, vm_id: str) -> bool:
        """Whether an agent was in the guest when it was last looked at."""
        known = self._known.get(vm_id)
        return known is not None and known.observed.guest_agent

    def devices(self) -> dict[str, DeviceIds]:
        """The devices of every VM by its id, as they were when it was last looked at."""
        return {vm_id: known.devices for vm_id, known in self._known.items()}

    def change(self, event: RawEvent, detail: str = "") -> DomainChanged | None:
        """What an event means; None when it says nothing new. `detail` quotes QEMU's last words."""
        known = self._known.get(event.vm_id)
        if known is None and _is_end(event):
            known = self._expected.get(event.vm_id)
        if known is None:
            return None  # not ours, or not started yet: libvirt tells of a start after its first steps
        if event.kind == "reboot":
            return DomainChanged(domain=known.observed, rebooted=True)
        if event.kind == "io_error":
            known.io_error = event.text
            return None
        if event.kind == "lifecycle":
            return self._life(known, event, detail)
        return None

    def _life(self, known: _Known, event: RawEvent, detail: str) -> DomainChanged | None:
        now = known.observed
        if event.event in (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_RESUMED):
            if event.event == libvirt.VIR_DOMAIN_EVENT_STARTED and now.status is DomainStatus.PAUSED:
                return DomainChanged(domain=now)  # started paused
            return self._tell(known, attrs.evolve(now, status=DomainStatus.RUNNING, reason=""))
        if event.event == libvirt.VIR_DOMAIN_EVENT_SUSPENDED:
            why = _suspends.get(event.detail, "unknown")
            text, known.io_error = known.io_error, ""
            return self._tell(known, attrs.evolve(now, status=DomainStatus.PAUSED, reason=why), text)
        if event.event == libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED:
            return self._tell(known, attrs.evolve(now, status=DomainStatus.PAUSED, reason="guest"))
        if event.event == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN:
            return self._tell(known, attrs.evolve(now, status=DomainStatus.SHUTTING_DOWN, reason=""))
        if event.event == libvirt.VIR_DOMAIN_EVENT_CRASHED:
            return self._tell(known, attrs.evolve(now, status=DomainStatus.CRASHED, reason=""), "The guest panicked.")
        if event.event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            return self._ended(known, event, detail)
        return None

    def _tell(self, known: _Known, now: DomainObserved, detail: str = "") -> DomainChanged:
        known.observed = now
        return DomainChanged(domain=now, detail=detail)

    def _ended(self, known: _Known, event: RawEvent, detail: str) -> DomainChanged:
        ended = known.observed
        self._known.pop(event.vm_id, None)
        self.expect_no_more(event.vm_id, ended.started_step_id)
        reason = _stops.get(event.detail, StopReason.UNKNOWN)
        if reason is StopReason.CRASHED and not known.ran:
            reason = StopReason.FAILED
        gone = DomainObserved(
            vm_id=event.vm_id,
            status=DomainStatus.ABSENT,
            started_step_id=ended.started_step_id,
            started_at=ended.started_at,
        )
        return DomainChanged(domain=gone, stopped=reason, detail=detail)
