"""The first transaction of an empty journal: what every installation starts with.

The data center is not `local`, although a lab's storage is a directory of one host: a local data center has one host
only, and clients that ask for a shared one are to find it. It must not read the journal or the clock.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import attrs

from actors.catalogue.rows import added, transaction_of
from actors.journal.port import EntityRow, EntityWrite, JournalEntry, Transaction
from actors.kernel.ports import Ids
from actors.storage.template.defaults import defaulted
from actors.storage.template.state import TemplateState, blank_id
from protocol.codec import encode
from protocol.events.template import TemplateAdded
from protocol.model.document import Version
from protocol.model.inventory import Cluster, Cpu, DataCenter, User
from protocol.model.network import Network, VnicProfile
from protocol.model.types import Document, Ref
from protocol.model.vm import Template
from protocol.words import word_of

compatibility = Version(major=4, minor=7)
administrator = "admin@internal"


def bootstrap(ids: Ids, at: datetime.datetime) -> Transaction:
    """Data center and cluster *Default*, network *ovirtmgmt* with its profile, template *Blank*, the administrator."""
    plain = transaction_of([added(document, at) for document in first_documents(ids)], at)
    write, entry = _blank(at)
    return Transaction((*plain.writes, write), (*plain.entries, entry))


def first_documents(ids: Ids) -> Iterator[Document]:
    """What the catalogue holds at first."""
    data_center, network = ids.uuid(), ids.uuid()
    yield DataCenter(
        id=data_center,
        name="Default",
        description="The default data center",
        local=False,
        status="uninitialized",
        quota_mode="disabled",
        version=compatibility,
        supported_versions=(compatibility,),
        storage_format="v5",
    )
    yield Cluster(
        id=ids.uuid(),
        name="Default",
        description="The default cluster",
        data_center=Ref(id=data_center),
        cpu=Cpu(architecture="x86_64"),
        version=compatibility,
        virt_service=True,
        gluster_service=False,
        ballooning_enabled=True,
        threads_as_cores=False,
        bios_type="q35_sea_bios",
    )
    yield Network(
        id=network,
        name="ovirtmgmt",
        description="The management network",
        data_center=Ref(id=data_center),
        mtu=0,
        status="operational",
        stp=False,
        usages=("default_route", "display", "management", "migration", "vm"),
        required=True,
        display=True,
        vdsm_name="ovirtmgmt",
    )
    yield VnicProfile(id=ids.uuid(), name="ovirtmgmt", network=Ref(id=network), port_mirroring=False, migratable=True)
    yield User(
        id=ids.uuid(),
        name="admin",
        last_name="",
        user_name=administrator,
        principal="admin",
        email="",
        namespace="*",
        department="",
    )


def blank(at: datetime.datetime) -> Template:
    """The template without disks that a VM is made from when none is named."""
    template = Template(id=blank_id, name="Blank", description="Blank template", status="ok", creation_time=at)
    return defaulted(attrs.evolve(template, delete_protected=True))


def _blank(at: datetime.datetime) -> tuple[EntityWrite, JournalEntry]:
    template = blank(at)
    document = encode(template)
    event = TemplateAdded(at=at, template=template)
    row = EntityRow("template", blank_id, 1, template.name, "", encode(TemplateState(template=template)), document)
    entry = JournalEntry("template", blank_id, 1, word_of(event).tag, encode(event), document, "", at)
    return EntityWrite(row, 0), entry
