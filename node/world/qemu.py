"""One simulated QEMU process and the guest in it."""

from __future__ import annotations

import datetime
import enum

import attrs
import trio

from protocol.node.domain import DomainObserved, DomainSpec, DomainStatus, StopReason


@attrs.frozen(kw_only=True)
class GuestShape:
    """How the guests of a host behave."""

    boot_seconds: float = 2.0  # from power to the agent
    shutdown_seconds: float = 1.0  # from the power button to the end of QEMU
    ignores_power_button: bool = False
    has_agent: bool = True
    freeze_error: str = ""  # what the agent answers instead of freezing the file systems


class Guest(enum.Enum):
    """What the guest does, seen from the inside."""

    BOOTING = "booting"
    UP = "up"
    ENDING = "ending"


@attrs.frozen(kw_only=True)
class StartRecord:
    """One QEMU that was ever started: what S1 and S6 are checked against."""

    at: float  # monotonic seconds of the world
    host: str
    vm_id: str
    step_id: str
    pid: int


@attrs.define(eq=False, kw_only=True)
class Qemu:
    """A process: it exists from its start until `ended` is set, with a reason then."""

    vm_id: str
    step_id: str
    spec: DomainSpec
    host: str
    pid: int
    started: float
    started_at: datetime.datetime
    shape: GuestShape
    volume_paths: tuple[str, ...] = ()
    status: DomainStatus = DomainStatus.RUNNING
    pause_reason: str = ""
    guest: Guest = Guest.BOOTING
    boot_number: int = 0  # a timer of an earlier boot must not finish a later one
    boot_is_over: bool = False  # while paused: becomes UP at resume
    ticket: str = ""
    stopped: StopReason | None = None
    ended: trio.Event = attrs.field(factory=trio.Event)
    booted: trio.Event = attrs.field(factory=trio.Event)
    console_open: bool = False
    frozen_until: float | None = None  # monotonic seconds of the world; None while its file systems are written to

    @property
    def agent(self) -> bool:
        return self.shape.has_agent and self.guest is Guest.UP

    def observed(self) -> DomainObserved:
        """What libvirt would say of it."""
        return DomainObserved(
            vm_id=self.vm_id,
            status=self.status,
            reason=self.pause_reason,
            started_step_id=self.step_id,
            qemu_pid=self.pid,
            started_at=self.started_at,
            guest_agent=self.agent,
        )
