"""The first transaction of an empty journal: what every installation starts with.

The data center is not `local`, although a lab's storage is a directory of one host: a local data center has one host
only, and clients that ask for a shared one are to find it. It must not read the journal or the clock.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from actors.catalogue.decide import administrator
from actors.catalogue.defaults import companions, defaulted
from actors.catalogue.rows import added, transaction_of
from actors.journal.port import EntityRow, EntityWrite, JournalEntry, Transaction
from actors.kernel.ports import Ids
from actors.storage.template import defaults as template_defaults
from actors.storage.template.state import TemplateState, blank_id
from protocol.codec import encode
from protocol.events.template import TemplateAdded
from protocol.message import message_type
from protocol.model.inventory import Cluster, DataCenter, User
from protocol.model.types import Document, Ref
from protocol.model.vm import Template


def bootstrap(ids: Ids, at: datetime.datetime) -> Transaction:
    """Data center and cluster *Default*, network *ovirtmgmt* with its profile, template *Blank*, the administrator."""
    plain = transaction_of([added(document, at) for document in first_documents(ids)], at)
    write, entry = _blank(at)
    return Transaction((*plain.writes, write), (*plain.entries, entry))


def first_documents(ids: Ids) -> Iterator[Document]:
    """What the catalogue holds at first."""
    data_center = DataCenter(id=ids.uuid(), name="Default", description="The default data center", local=False)
    yield defaulted(data_center)
    cluster = Cluster(
        id=ids.uuid(), name="Default", description="The default cluster", data_center=Ref(id=data_center.id)
    )
    yield defaulted(cluster)
    yield from companions(data_center, ids.uuid)
    yield defaulted(User(id=ids.uuid(), name="admin", user_name=administrator))


def blank(at: datetime.datetime) -> Template:
    """The template without disks that a VM is made from when none is named."""
    template = Template(id=blank_id, name="Blank", description="Blank template", status="ok", creation_time=at)
    return template_defaults.defaulted(template)


def _blank(at: datetime.datetime) -> tuple[EntityWrite, JournalEntry]:
    template = blank(at)
    document = encode(template)
    event = TemplateAdded(at=at, template=template)
    row = EntityRow("template", blank_id, 1, template.name, "", encode(TemplateState(template=template)), document)
    entry = JournalEntry("template", blank_id, 1, message_type(event).tag, encode(event), document, "", at)
    return EntityWrite(row, 0), entry
