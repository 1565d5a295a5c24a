"""Disks, templates and storage domains as transcripts play them, and the points of their lives that several begin with."""

from __future__ import annotations

from typing import Any

from actors.entity.host_signals import StepOutcome, StorageSeen
from actors.entity.ids import derived_id
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.storage.disk.actor import DiskActor
from actors.storage.domain.actor import StorageDomainActor
from actors.storage.domain.operations.remove import LookAgain
from actors.storage.messages import (
    AttachDisk,
    BackDisk,
    DetachDisk,
    DiscardDisk,
    DiskProvided,
    ProvideDisk,
    UnbackDisk,
)
from actors.storage.template.actor import TemplateActor
from actors.storage.volume_names import volume_id_of, volume_of
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.model import Host
from protocol.inventory.model import Cluster, Cpu, CpuTopology
from protocol.message import Message
from protocol.node.commands import Body
from protocol.node.domain import VolumeRef
from protocol.node.reports import StorageFacts, VolumeFacts
from protocol.storage.commands import AddDisk, AddStorageDomain, RemoveDisk, UpdateDisk
from protocol.storage.model import Disk, HostStorage, StorageDomain
from protocol.template.commands import ImportTemplate
from protocol.template.model import Template
from tests.actors.playbook import CORRELATION, Given, Play, answered, done, job_id, put

GiB = 1024**3
HOST = "aaaaaaaa-0000-4000-8000-000000000001"
SD = "dddddddd-0000-4000-8000-000000000001"
NEW = "eeeeeeee-0000-4000-8000-000000000001"
DISK = "11111111-0000-4000-8000-000000000001"
ORIGIN = "22222222-0000-4000-8000-000000000002"
VM = "33333333-0000-4000-8000-000000000003"
TEMPLATE = "44444444-0000-4000-8000-000000000004"
TEMPLATE_DISK = derived_id(TEMPLATE, "first disk")
OPERATION = "66666666-0000-4000-8000-000000000006"
FULL = Refusal(code="host_failed", reason="No space left on device.", status=500)
BUSY = Refusal(code="busy", reason="Locked.", retryable=True)
GONE = Refusal(code="not_found", reason="It is gone.", status=404)
IN_USE = Refusal(code="conflict", reason="A disk rests on it.")


class StoragePlay(Play):
    """The life so far of an entity of this room."""

    asking = (CommandRequest, ProvideDisk, DiscardDisk, AttachDisk, DetachDisk, BackDisk, UnbackDisk, LookAgain)


class DiskPlay(StoragePlay):
    shell = DiskActor

    def __init__(self) -> None:
        super().__init__(DISK, world())


class TemplatePlay(StoragePlay):
    shell = TemplateActor

    def __init__(self, id: str = TEMPLATE) -> None:
        super().__init__(id, world())


class StorageDomainPlay(StoragePlay):
    shell = StorageDomainActor

    def __init__(self) -> None:
        super().__init__(NEW, world())
        put(self.rows, "cluster", Cluster(id="cluster", name="Default", data_center=Ref(id="dc")))


def world() -> Rows:
    """A host that is up, with one active storage domain."""
    rows = Rows()
    put(rows, "host", Host(id=HOST, name="host-1", status="up", cluster=Ref(id="cluster")))
    put(rows, "storage_domain", storage_domain(SD, "data"))
    return rows


def storage_domain(id: str, name: str, **more: Any) -> StorageDomain:
    storage = HostStorage(type="localfs", path=f"/srv/{name}")
    given = {"type": "data", "status": "active", "host": Ref(id=HOST), "storage": storage}
    return StorageDomain(id=id, name=name, **(given | more))


# --- disks --------------------------------------------------------------------------------------------------------


def wanted(**more: Any) -> Disk:
    """A disk as people ask for it."""
    given = {"name": "data", "format": "cow", "provisioned_size": GiB, "storage_domains": (Ref(id=SD),)}
    return Disk(**(given | more))


def adding(**more: Any) -> AddDisk:
    return AddDisk(id=DISK, document=wanted(**more))


def provide(**more: Any) -> ProvideDisk:
    """A VM asks for a disk."""
    given = {"disk": wanted(id=DISK), "operation_id": OPERATION, "correlation_id": CORRELATION, "vm_id": VM}
    return ProvideDisk(**(given | more))


def origin(**more: Any) -> Disk:
    """A disk that others start from."""
    given = {"name": "tiny", "status": "ok", "format": "cow", "provisioned_size": GiB, "image_id": ORIGIN}
    return Disk(id=ORIGIN, **(given | {"storage_domain": Ref(id=SD), "storage_domains": (Ref(id=SD),)} | more))


HELD = DiskProvided(disk=origin(), volume=volume_of(origin()))
"""The answer of the disk that another one starts from."""

VOLUME = VolumeRef(storage_domain_id=SD, image_id=DISK, volume_id=volume_id_of(DISK), format="qcow2")
RAW_VOLUME = VolumeRef(storage_domain_id=SD, image_id=DISK, volume_id=volume_id_of(DISK), format="raw")


def volume(size: int = GiB) -> VolumeFacts:
    """What the node says of a volume that it made or grew; nobody reads the reference in it."""
    return VolumeFacts(volume=VOLUME, size_bytes=size, actual_bytes=4096)


def there(**more: Any) -> DiskProvided:
    """The whole disk, as those get it that asked for it."""
    given: dict[str, Any] = {
        "name": "data", "description": "", "status": "ok", "format": "cow", "sparse": True, "provisioned_size": GiB,
        "actual_size": 4096, "total_size": 4096, "storage_domain": Ref(id=SD), "storage_domains": (Ref(id=SD),),
        "storage_type": "image", "content_type": "data", "image_id": VOLUME.volume_id, "wipe_after_delete": False,
        "shareable": False, "propagate_errors": False, "vms": (),
    }  # fmt: skip
    given = given | more
    version = "qcow2_v3" if given["format"] == "cow" else None
    disk = Disk(id=DISK, alias=given["name"], qcow_version=version, **given)
    return DiskProvided(disk=disk, volume=VOLUME if given["format"] == "cow" else RAW_VOLUME)


def unborn() -> DiskPlay:
    return DiskPlay()


def making() -> DiskPlay:
    return unborn().given(adding())


def providing(**more: Any) -> DiskPlay:
    """For a VM, on its own or from another disk."""
    return unborn().with_row("disk", origin()).given(provide(**more))


def ok(**more: Any) -> DiskPlay:
    """A floating disk that is there."""
    return unborn().given(adding(**more)).given(done(volume()))


def attached(vm_id: str = VM) -> DiskPlay:
    return ok().given(AttachDisk(vm_id=vm_id, operation_id=OPERATION))


def removing() -> DiskPlay:
    return ok().given(RemoveDisk(id=DISK))


def growing() -> DiskPlay:
    return ok().given(UpdateDisk(id=DISK, document=Disk(provisioned_size=2 * GiB)))


def illegal() -> DiskPlay:
    """What is left of its volumes is not known."""
    return removing().given(done(FULL))


def thin() -> DiskPlay:
    """On top of another disk."""
    return (
        providing(disk=Disk(id=DISK, name="web_Disk1"), backing_disk_id=ORIGIN)
        .given(answered(HELD))
        .given(done(volume()))
    )


# --- storage domains ----------------------------------------------------------------------------------------------


def adding_domain(**more: Any) -> AddStorageDomain:
    storage = HostStorage(type="localfs", path="/srv/local/")
    given = {"name": "local", "type": "data", "host": Ref(id=HOST), "storage": storage}
    return AddStorageDomain(id=NEW, document=StorageDomain(**(given | more)))


def seen(available: int = 10 * GiB, used: int = GiB, **more: Any) -> StorageFacts:
    """What the host sees of the new storage domain."""
    return StorageFacts(storage_domain_id=NEW, available_bytes=available, used_bytes=used, **more)


def reported(*args: int, **more: Any) -> StorageSeen:
    """The host says of itself what it sees."""
    return StorageSeen(host_id=HOST, facts=seen(*args, **more))


def no_domain() -> StorageDomainPlay:
    return StorageDomainPlay()


def connecting() -> StorageDomainPlay:
    return no_domain().given(adding_domain())


def active() -> StorageDomainPlay:
    return connecting().given(done(seen()))


# --- templates ----------------------------------------------------------------------------------------------------


def importing_tiny(**more: Any) -> ImportTemplate:
    document = Template(name="tiny", memory=64 * 1024**2, cpu=Cpu(topology=CpuTopology(cores=2)))
    given = {"document": document, "storage_domain_id": SD, "image_path": "/srv/tiny.qcow2", "image_bytes": GiB}
    return ImportTemplate(id=TEMPLATE, **(given | more))


FILLING = ProvideDisk(
    disk=Disk(
        id=TEMPLATE_DISK, name="tiny_Disk1", alias="tiny_Disk1", format="cow", sparse=True, provisioned_size=GiB,
        storage_domain=Ref(id=SD), storage_domains=(Ref(id=SD),),
    ),
    operation_id=job_id(1), correlation_id=CORRELATION, user_id="u", template_id=TEMPLATE,
    import_path="/srv/tiny.qcow2", import_format="qcow2",
)  # fmt: skip
"""What the actor of its disk is asked."""


def template_disk() -> DiskProvided:
    """The template's disk, made."""
    made = Disk(id=TEMPLATE_DISK, status="ok", format="cow", image_id="i", storage_domain=Ref(id=SD))
    return DiskProvided(disk=made, volume=volume_of(made))


def no_template() -> TemplatePlay:
    return TemplatePlay()


def importing() -> TemplatePlay:
    return no_template().given(importing_tiny())


def imported() -> TemplatePlay:
    return importing().given(answered(template_disk()))


def first(body: type[Body]) -> Given:
    """The outcome, once more, of the first step in which a node was asked this."""

    def message(play: Play) -> Message:
        step = next(step for step, sent in play.sent.items() if isinstance(sent.body, body))
        return StepOutcome(host_id=step.host, step=step, result=volume())

    return message
