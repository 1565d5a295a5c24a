"""Templates, as the API shows them: a VM's attributes without those of a run."""

from __future__ import annotations

import datetime

import attrs

from protocol import limits
from protocol.document import AT_NEXT_START, AT_ONCE, SHOWN, Document, Ref, attribute, label, not_yet
from protocol.inventory.model import Cpu
from protocol.message import message
from protocol.network.model import Nic
from protocol.storage.model import DiskAttachment
from protocol.vm.model import Bios, Console, Display, HighAvailability, MemoryPolicy, OperatingSystem, TimeZone


@message("model.template")
@attrs.frozen(kw_only=True)
class Template(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=6)
    comment: str | None = attribute(effect=SHOWN, search="comment")
    type: str | None = attribute(
        effect=label("VMs of all types run alike"), choices=("desktop", "high_performance", "server")
    )
    status: str | None = attribute(read_only=True, choices=("illegal", "locked", "ok"), search="status", column=2)
    cluster: Ref | None = attribute(effect=SHOWN, refers="Cluster", search="cluster", column=3)
    memory: int | None = attribute(
        effect=AT_NEXT_START,
        unit="bytes",
        minimum=limits.vm_memory_bytes_min,
        maximum=limits.vm_memory_bytes_max,
        column=4,
    )
    memory_policy: MemoryPolicy | None = attribute()
    cpu: Cpu | None = attribute(column=5)
    os: OperatingSystem | None = attribute()
    bios: Bios | None = attribute()
    display: Display | None = attribute()
    console: Console | None = attribute()
    time_zone: TimeZone | None = attribute()
    high_availability: HighAvailability | None = attribute()
    stateless: bool | None = attribute(effect=not_yet(False))
    delete_protected: bool | None = attribute(effect=AT_ONCE)
    origin: str | None = attribute(read_only=True)
    creation_time: datetime.datetime | None = attribute(read_only=True)
    nics: tuple[Nic, ...] | None = attribute(link=True)
    disk_attachments: tuple[DiskAttachment, ...] | None = attribute(link=True)
