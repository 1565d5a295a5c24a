"""The gate between a link and the engine: what a node says counts only for what runs, is stored or is watched there, and
nothing of it is longer than it may be.

A node is one machine of many, and may be in the wrong hands: it says of itself what it likes, and of others nothing.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import attrs

from actors.entity.rows import Rows
from protocol.document import id_of
from protocol.merge import changed_by
from protocol.message import Message
from protocol.node.reports import (
    DomainChanged,
    DomainsSnapshot,
    GuestReport,
    GuestSilent,
    HostFacts,
    StatisticsBatch,
    StepDone,
    StorageFacts,
)
from protocol.storage.model import StorageDomain
from protocol.vm.model import Vm

text_characters_max: Final = 2_000
items_max: Final = 4_000
strangers_max: Final = 100
"""How many domains that belong to no VM here are named in the audit trail when a host comes up."""

JOURNALED: Final = (HostFacts, DomainsSnapshot, DomainChanged, GuestReport, GuestSilent, StorageFacts)
"""What may write to the journal whenever it is said. Outcomes do so once for each step, but for refusals of what is asked
again until it succeeds."""
journaled_per_second_max: Final = 200.0
journaled_burst_max: Final = 5_000.0


@attrs.define
class Pace:
    """How much a host may say that is journaled: a bucket that fills by time and outlives its links."""

    left: float = journaled_burst_max
    at: float = 0.0

    def allows(self, message: Message, now: float) -> bool:
        """Whether there is room for it; takes that."""
        refused = isinstance(message, StepDone) and message.failed is not None  # what must succeed is tried again
        if not (refused or isinstance(message, JOURNALED)):
            return True
        self.left = min(journaled_burst_max, self.left + max(0.0, now - self.at) * journaled_per_second_max)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


def bounded(message: Message) -> Message:
    """The same with every text and every list cut to its most, and texts without what a terminal would obey."""
    made = _bounded(message)
    assert isinstance(made, Message)
    return made


def _bounded(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= text_characters_max and value.isprintable() else _cleaned(value)
    if isinstance(value, tuple):
        items = tuple(map(_bounded, value[:items_max]))
        return value if len(items) == len(value) and all(map(_is, items, value)) else items
    if not attrs.has(type(value)):
        return value
    cleaned = {field.name: _bounded(getattr(value, field.name)) for field in attrs.fields(type(value))}  # type: ignore[arg-type]
    changed = {name: after for name, after in cleaned.items() if after is not getattr(value, name)}
    return changed_by(value, changed) if changed else value


def _is(one: object, other: object) -> bool:
    return one is other


def _cleaned(text: str) -> str:
    """White space of any kind is a blank; what else is invisible is left out."""
    cut = text[:text_characters_max]
    return "".join(" " if c.isspace() else c for c in cut if c.isspace() or unicodedata.category(c)[0] != "C")


def misplaced(message: Message, host_id: str, rows: Rows) -> str:
    """Of whom a node speaks that is none of its business, as an address; "" when it may say so."""
    match message:
        case GuestReport(vm_id=vm_id) | GuestSilent(vm_id=vm_id):
            vm = rows.get(Vm, vm_id)
            return "" if vm is None or id_of(vm.host) == host_id else f"vm/{vm_id}"
        case StorageFacts(storage_domain_id=id):
            storage_domain = rows.get(StorageDomain, id)
            return "" if storage_domain is None or id_of(storage_domain.host) == host_id else f"storage_domain/{id}"
    return ""


def own_statistics(batch: StatisticsBatch, host_id: str, rows: Rows) -> StatisticsBatch:
    """Figures of the VMs that run there; of others a host has none."""
    here = frozenset(rows.referring("vm", "host", host_id))
    if all(row[0] in here for rows_of in (batch.domains, batch.nics, batch.disks) for row in rows_of):
        return batch
    return attrs.evolve(
        batch,
        domains=tuple(row for row in batch.domains if row[0] in here),
        nics=tuple(row for row in batch.nics if row[0] in here),
        disks=tuple(row for row in batch.disks if row[0] in here),
    )
