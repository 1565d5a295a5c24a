"""DataCenter, Cluster and Tag."""

from __future__ import annotations

from typing import Final

import attrs

from protocol.api import Version
from protocol.document import AT_NEXT_START, SHOWN, Document, Ref, attribute, label, not_yet
from protocol.message import message


@attrs.frozen(kw_only=True)
class CpuTopology:
    sockets: int | None = attribute(effect=AT_NEXT_START, minimum=1)
    cores: int | None = attribute(effect=AT_NEXT_START, minimum=1)
    threads: int | None = attribute(effect=AT_NEXT_START, minimum=1)


@attrs.frozen(kw_only=True)
class Cpu:
    architecture: str | None = attribute(
        effect=not_yet("x86_64"), choices=("aarch64", "loongarch64", "ppc64", "s390x", "undefined", "x86_64")
    )
    topology: CpuTopology | None = attribute()
    name: str | None = attribute(read_only=True)
    speed: float | None = attribute(read_only=True, unit="MHz")
    type: str | None = attribute(effect=AT_NEXT_START, doc="A CPU model known to libvirt, such as Westmere.")
    mode: str | None = attribute(
        effect=AT_NEXT_START,
        doc="If left out, the best that the host offers.",
        choices=("custom", "host_model", "host_passthrough"),
    )


@message("model.data_center")
@attrs.frozen(kw_only=True)
class DataCenter(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=5)
    comment: str | None = attribute(effect=SHOWN, search="comment")
    local: bool | None = attribute(effect=not_yet(False), required=True, column=2)
    status: str | None = attribute(
        read_only=True,
        choices=("contend", "maintenance", "not_operational", "problematic", "uninitialized", "up"),
        search="status",
        column=3,
    )
    quota_mode: str | None = attribute(effect=not_yet("disabled"), choices=("audit", "disabled", "enabled"))
    version: Version | None = attribute(effect=label("there are no compatibility levels yet"), column=4)
    supported_versions: tuple[Version, ...] | None = attribute(read_only=True)
    storage_format: str | None = attribute(effect=not_yet("v5"), choices=("v1", "v2", "v3", "v4", "v5"))


@message("model.cluster")
@attrs.frozen(kw_only=True)
class Cluster(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=4)
    comment: str | None = attribute(effect=SHOWN, search="comment")
    data_center: Ref | None = attribute(effect=SHOWN, refers="DataCenter", required=True, search="datacenter", column=2)
    cpu: Cpu | None = attribute(
        column=3,
        nested={
            "type": label("the CPUs of the hosts are not compared with it"),
            "mode": not_yet(),
            "topology": not_yet(),
        },
    )
    version: Version | None = attribute(effect=label("there are no compatibility levels yet"))
    virt_service: bool | None = attribute(effect=not_yet(True))
    gluster_service: bool | None = attribute(effect=not_yet(False))
    ballooning_enabled: bool | None = attribute(effect=not_yet(True))
    threads_as_cores: bool | None = attribute(effect=not_yet(False))
    bios_type: str | None = attribute(
        effect=AT_NEXT_START,
        doc="The type that VMs with `cluster_default` get.",
        later=("cluster_default", "q35_secure_boot"),
        choices=("cluster_default", "i440fx_sea_bios", "q35_ovmf", "q35_sea_bios", "q35_secure_boot"),
    )


ROOT_TAG_ID: Final = "00000000-0000-0000-0000-000000000000"
"""oVirt's id of the tag that all others lie below."""


@message("model.tag")
@attrs.frozen(kw_only=True)
class Tag(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(effect=SHOWN, required=True, search="name", column=1)
    description: str | None = attribute(effect=SHOWN, search="description", column=3)
    comment: str | None = attribute(effect=SHOWN, search="comment")
    parent: Ref | None = attribute(
        effect=SHOWN,
        refers="Tag",
        search="parent",
        column=2,
        doc="The parent tag; `root` if left out.",
    )
