"""The first transaction of an empty journal: what every installation starts with."""

from __future__ import annotations

import datetime

from actors.inventory.kinds import first_documents
from actors.inventory.rows import added, transaction_of
from actors.journal.port import EntityRow, EntityWrite, JournalEntry, Transaction
from actors.kernel.ports import Ids
from actors.storage.template import defaults as template_defaults
from actors.storage.template.state import TemplateState, blank_id
from protocol.codec import encode
from protocol.message import message_type
from protocol.template.events import TemplateAdded
from protocol.template.model import Template


def bootstrap(ids: Ids, at: datetime.datetime) -> Transaction:
    """Data center and cluster *Default*, network *ovirtmgmt* with its profile, template *Blank*, the administrator."""
    plain = transaction_of([added(document, at) for document in first_documents(ids.uuid)], at)
    write, entry = _blank(at)
    return Transaction((*plain.writes, write), (*plain.entries, entry))


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
