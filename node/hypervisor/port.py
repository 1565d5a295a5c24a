"""What a hypervisor can do for the node daemon; every implementation passes the same contract suite."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from protocol import limits
from protocol.errors import BadInput
from protocol.node.domain import DomainObserved, DomainSpec, VolumeRef
from protocol.node.reports import DiskRow, DomainChanged, DomainRow, HostFacts, NicRow

events_max = 1_000
"""How many unread events a hypervisor holds; the next one becomes a `EventsMissing`."""

Resolve = Callable[[VolumeRef], str]
"""The path of a volume on this host: `Storage.path_of`. Raises `NotFound` for a storage domain not connected."""


def check_expiry(vm_id: str, expiry_seconds: int) -> None:
    """Raises `BadInput`: the end of a ticket must be a date, and near."""
    if not 1 <= expiry_seconds <= limits.ticket_seconds_max:
        raise BadInput(
            f"A ticket of VM {vm_id} cannot be valid for {expiry_seconds} seconds.",
            remedy=f"Choose 1 to {limits.ticket_seconds_max} seconds.", entity=vm_id,
        )  # fmt: skip


class Capability(enum.Enum):
    """What a hypervisor may be able to do."""

    LIFECYCLE = "lifecycle"  # start, destroy, list, observe, events of both
    SHUTDOWN = "shutdown"  # by ACPI, heard by the guest
    REBOOT = "reboot"
    RESET = "reset"
    PAUSE = "pause"  # and resume
    START_PAUSED = "start_paused"
    SAVE = "save"  # and restore
    TICKET = "ticket"
    STATISTICS = "statistics"
    CONSOLE = "console"
    GUEST_CHANNEL = "guest_channel"
    DISPLAY = "display"
    STORAGE_CHECK = "storage_check"  # a start without its disk fails
    MEMORY_CHECK = "memory_check"  # a start without enough memory fails
    RECONNECT = "reconnect"  # domains outlive the connection


@attrs.frozen
class Capabilities:
    """Which operations work here; the others raise `NotLegal`."""

    operations: frozenset[Capability]

    def supports(self, operation: Capability) -> bool:
        return operation in self.operations


@attrs.frozen
class EventsMissing:
    """Events may be missing (overflow, lost connection): ask `list` again."""

    reason: str


HypervisorEvent = DomainChanged | EventsMissing


@attrs.frozen(kw_only=True)
class Counters:
    """What our domains and their devices counted since the start of each QEMU: rows of a `StatisticsBatch`."""

    domains: tuple[DomainRow, ...] = ()
    nics: tuple[NicRow, ...] = ()
    disks: tuple[DiskRow, ...] = ()


class ByteStream(Protocol):
    """Bytes both ways; `receive_some` gives `b""` at the end, `BrokenResourceError` never at a normal one."""

    async def send_all(self, data: bytes) -> None: ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes: ...

    async def aclose(self) -> None: ...


class Hypervisor(Protocol):
    """One host's hypervisor. Every call may raise `HostFailed` (it tried and could not) or `Unavailable` (it does not
    answer now; nothing is known of the outcome, ask `observe`). Calls are idempotent unless said otherwise."""

    @property
    def events(self) -> trio.MemoryReceiveChannel[HypervisorEvent]:
        """Changes of domains in the order in which they happened, while `run` runs. One reader."""
        ...

    async def connect(self) -> None:
        """Opens the connection. Raises `Unavailable` with what to do. Legal again after `close`."""
        ...

    async def run(self) -> None:
        """Feeds `events` and mends the connection until cancelled: a child of the node's tree. `connect` first."""
        ...

    async def close(self) -> None:
        """Gives the connection back. Domains go on running."""
        ...

    async def capabilities(self) -> Capabilities: ...

    async def facts(self) -> HostFacts: ...

    async def start(self, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        """Boots a transient domain (paused when the spec says so).

        Running under the same step id: the same answer, no second QEMU. Running under another one: `Conflict`.
        A start that fails leaves nothing behind."""
        ...

    async def shutdown(self, vm_id: str) -> None:
        """Presses the power button; the guest may ignore it. `NotFound` when absent."""
        ...

    async def destroy(self, vm_id: str) -> None:
        """Ends QEMU now and returns when it is gone; absent is fine."""
        ...

    async def reboot(self, vm_id: str) -> None:
        """Asks the guest to reboot; the same QEMU goes on. `NotFound` when absent."""
        ...

    async def reset(self, vm_id: str) -> None:
        """Presses the reset button. `NotFound` when absent."""
        ...

    async def pause(self, vm_id: str) -> None: ...

    async def resume(self, vm_id: str) -> None: ...

    async def save(self, vm_id: str, path: str) -> None:
        """Writes the memory to a file and ends QEMU (`StopReason.SAVED`). A failed save leaves the domain running and
        no file; an absent domain whose file is there is saved already."""
        ...

    async def restore(self, path: str, spec: DomainSpec, step_id: str, resolve: Resolve) -> DomainObserved:
        """Resumes from the file of `save` under a new step id, idempotent like `start`. The file stays."""
        ...

    async def set_ticket(self, vm_id: str, value: str, expiry_seconds: int) -> None:
        """A display password, valid from now for `expiry_seconds`. Raises `BadInput` for what is no such time."""
        ...

    async def list(self) -> tuple[DomainObserved, ...]:
        """Every domain that carries Corral's metadata, and no other."""
        ...

    async def observe(self, vm_id: str) -> DomainObserved:
        """One domain as it is now; status `ABSENT` when it is not here."""
        ...

    async def statistics(self) -> Counters:
        """Counters of all our domains and their devices from one call."""
        ...

    async def open_console(self, vm_id: str) -> ByteStream:
        """The serial console. `NotFound` when absent. One opener at a time: `Busy` for the second."""
        ...

    async def guest_channel(self, vm_id: str) -> ByteStream:
        """The virtio-serial port `protocol.guest.channel_name`; the bytes in it are hostile."""
        ...

    async def open_display(self, vm_id: str) -> ByteStream:
        """The display's RFB stream; it asks for the ticket of `set_ticket`."""
        ...
