"""The messages between a gateway and the engine: submit and reply, snapshot and feed, samples.

The gateway knows the engine by these messages only, so it can run in the engine's process or in its own.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.api import Ticket
from protocol.message import Message, Priority, WhenFull, message


@attrs.frozen(kw_only=True)
class Principal:
    """Who asks. `permits` is empty for an administrator, who may do everything."""

    user_id: str
    name: str  # user@domain
    administrator: bool = False


@message("engine.submit")
@attrs.frozen(kw_only=True)
class Submit(Message):
    """One command. `command_id` makes a retry harmless: the same id gets the stored reply. So does the client's own
    `idempotency_key`, which is another one for each user; then the command's id follows from it."""

    command_id: str
    principal: Principal
    command: Message
    correlation_id: str = ""
    idempotency_key: str = ""
    dry_run: bool = False


@message("engine.accepted")
@attrs.frozen(kw_only=True)
class Accepted(Message):
    """The command is durable. `sequence` is the last journal row it wrote: a reader waits for it to see its own write.

    `job_id` names the operation that goes on, "" when all is done. `result` is a message of the action (a ticket, ...).
    `digest` is kept with the reply to a command that came with an idempotency key: what exactly was accepted.
    """

    kind: str
    id: str
    sequence: int = 0
    job_id: str = ""
    command_id: str = ""
    document: Message | None = None
    result: Message | None = None
    digest: str = ""


@message("engine.ticket_reply")
@attrs.frozen(kw_only=True)
class TicketReply(Message):
    """A result that is shown once: the secret and for how many seconds it is good."""

    ticket: Ticket


@message("engine.change")
@attrs.frozen(kw_only=True)
class Change(Message):
    """One journal row as a reader gets it: `document` is the object after it, None when it was removed."""

    sequence: int
    kind: str
    id: str
    version: int
    tag: str  # the domain event's tag: "vm.started"
    at: datetime.datetime
    document: Message | None = None
    correlation_id: str = ""
    parent: str = ""


@attrs.frozen(kw_only=True)
class Entity:
    kind: str
    id: str
    version: int
    document: Message


@message("engine.snapshot")
@attrs.frozen(kw_only=True)
class Snapshot(Message):
    """Everything as of `sequence` of stream `stream_id`; `events` are the latest of the audit trail, oldest first."""

    stream_id: str
    sequence: int
    entities: tuple[Entity, ...]
    events: tuple[Change, ...] = ()


@attrs.frozen(kw_only=True)
class VmSample:
    vm_id: str
    cpu_percent: float  # of the VM's vCPUs: 100 is all of them busy
    memory_bytes: int
    memory_used_bytes: int
    network_rx_bytes_per_second: float
    network_tx_bytes_per_second: float
    disk_read_bytes_per_second: float
    disk_write_bytes_per_second: float


NicSample = tuple[str, str, float, float, int, int, int, int, int, int]
"""vm_id, nic_id, rx and tx bytes per second (-1 unknown), and since the start of the QEMU: rx bytes, tx bytes,
rx errors, tx errors, rx drops, tx drops (packets)."""

DiskSample = tuple[str, str, float, float, float, float]
"""vm_id, disk_id, read and written bytes per second, reads and writes per second (-1 unknown)."""


@message("engine.host_samples", priority=Priority.BULK, when_full=WhenFull.CONFLATE)
@attrs.frozen(kw_only=True)
class HostSamples(Message):
    """The latest figures of one host, its domains and their devices; percentages are of one host CPU set / of the
    VM's vCPUs. Devices are rows: there are thousands a second."""

    host_id: str
    at: datetime.datetime
    cpu_percent: float
    cpu_user_percent: float  # the part of it that is not the kernel's
    memory_used_bytes: int
    memory_free_bytes: int
    load_average: float
    vms: tuple[VmSample, ...] = ()
    nics: tuple[NicSample, ...] = ()
    disks: tuple[DiskSample, ...] = ()

    @property
    def conflation_key(self) -> str:
        return self.host_id
