"""A VM's frozen state: configuration, what is wanted, where it runs, what was seen, and the operation under way."""

from __future__ import annotations

import datetime

import attrs

from protocol.activity.operation import Operation, SideStep
from protocol.message import Message, message
from protocol.node.domain import DomainSpec
from protocol.node.reports import GuestReport
from protocol.vm.events import Copy, Run
from protocol.vm.model import Vm


@message("state.vm")
@attrs.frozen(kw_only=True)
class VmState(Message):
    """`vm` holds the configuration alone; the public document is projected from the whole state."""

    vm: Vm
    status: str
    desired: str = "down"  # up | down | suspended
    operation: Operation | None = None
    side_steps: tuple[SideStep, ...] = ()
    next_run: Vm | None = None
    runs: tuple[Run, ...] = ()
    copies: tuple[Copy, ...] = ()
    spec: DomainSpec | None = None  # what runs now, overrides included
    run_once: bool = False
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

    @property
    def run(self) -> Run | None:
        """The run that counts; None while the VM runs nowhere."""
        return next((run for run in self.runs if run.role == "active"), None)

    @property
    def host_id(self) -> str:
        """Where it runs, "" for nowhere."""
        return self.run.host_id if self.run is not None else ""

    @property
    def started_step(self) -> str:
        """The text of the step that started the run that counts, as domains bear it; "" for none."""
        return str(self.run.step) if self.run is not None else ""
