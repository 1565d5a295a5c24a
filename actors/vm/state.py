"""A VM's frozen state: configuration, what is wanted, what was seen, and the operation that runs.

It must not behave: events change it, in `evolve` alone.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.events.operation import Operation
from protocol.message import Message, message
from protocol.model.vm import Vm
from protocol.node_messages import DomainSpec, GuestReport


@message("state.vm")
@attrs.frozen(kw_only=True)
class VmState(Message):
    """`vm` holds the configuration alone; the public document is projected from the whole state."""

    vm: Vm
    status: str
    desired: str = "down"  # up | down | suspended
    operation: Operation | None = None
    next_run: Vm | None = None
    host_id: str = ""
    run: DomainSpec | None = None  # what runs now, overrides included
    run_once: bool = False
    start_step_id: str = ""  # which step started the QEMU that counts
    pause_reason: str = ""
    stop_reason: str = ""
    started_at: datetime.datetime | None = None
    stopped_at: datetime.datetime | None = None
    saved_on: str = ""  # storage domain that holds the suspended memory
    guest: GuestReport | None = None
    guest_silent_since: datetime.datetime | None = None
    boot_id: str = ""  # of the guest that reported last; outlives what it reported

    @property
    def id(self) -> str:
        assert self.vm.id is not None
        return self.vm.id

    @property
    def name(self) -> str:
        return self.vm.name or self.id

    @property
    def address(self) -> str:
        return f"vm/{self.vm.id}"


RUNNING_STATUSES = frozenset(
    {"wait_for_launch", "powering_up", "up", "paused", "powering_down", "reboot_in_progress", "saving_state",
     "restoring_state", "unknown"}
)  # fmt: skip
"""Statuses in which a QEMU may exist on `host_id`."""
