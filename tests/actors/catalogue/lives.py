"""The catalogue as transcripts play it: one actor for many entities, so its events say of which. It must not assert."""

from __future__ import annotations

from typing import Any

from actors.catalogue.actor import CatalogueActor
from actors.catalogue.bootstrap import bootstrap
from actors.catalogue.decide import CatalogueDecisionFacts, decide
from actors.catalogue.rows import transaction_of
from actors.catalogue.status import due_changes
from actors.entity.decision import Decision
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.kernel.ports import SeededIds
from protocol.events.catalogue import CatalogueEvent
from protocol.message import Message
from protocol.model.inventory import Cluster, DataCenter
from protocol.model.network import Network
from protocol.model.types import Ref
from tests.actors.comparison import Expected
from tests.actors.playbook import NOW, Play

IDS = SeededIds(7)
START = bootstrap(IDS, NOW)
"""What an engine begins with: a data center, its network, a cluster, the administrator."""

_KEYS = {write.row.key[0]: write.row.key[1] for write in START.writes}
DATA_CENTER, CLUSTER, NETWORK, PROFILE, USER = (
    _KEYS[kind] for kind in ("data_center", "cluster", "network", "vnic_profile", "user")
)


class CataloguePlay(Play):
    """The catalogue's decisions so far. A verdict's changes are its events."""

    shell: Any = CatalogueActor

    def __init__(self) -> None:
        super().__init__("", Rows())
        self.rows.confirm(START)
        self.ids = SeededIds(8)

    def decide(self, message: Message) -> Decision:
        assert isinstance(message, CommandRequest)
        verdict = decide(message, CatalogueDecisionFacts(now=NOW, rows=self.rows, fresh_id=self.ids.uuid))
        changes: Any = verdict.changes
        return Decision(events=changes, audit=verdict.audit, reply=verdict.reply)

    def recover(self) -> Decision:
        changes: Any = due_changes(self.rows, NOW)
        return Decision(events=changes)

    def _carry_out(self, decision: Decision) -> None:
        changes: Any = decision.events
        self.decision = decision
        self.rows.confirm(transaction_of(changes, NOW, audit=decision.audit))

    def only(self, kind: str) -> Any:
        (document,) = self.rows.documents(kind)
        return document


def changed(cls: type[CatalogueEvent], kind: str, id: str = "", **fields: Any) -> Expected:
    """An entity of this kind was added, changed or removed; `fields` are of its document."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found.event) is not cls or found.kind != kind or (id and found.id != id):
            return f"{type(found.event).__name__} of {found.kind} {found.id}"
        wrong = [name for name, value in fields.items() if getattr(found.event.document, name) != value]
        return f"differs in {', '.join(wrong)}" if wrong else None

    return Expected("event", f"changed({cls.__name__}, {kind!r}, {id!r})", differs)


def catalogue() -> CataloguePlay:
    return CataloguePlay()


def cluster(**more: Any) -> Cluster:
    return Cluster(**({"name": "two", "data_center": Ref(id=DATA_CENTER)} | more))


def network(**more: Any) -> Network:
    return Network(**({"name": "blue", "data_center": Ref(id=DATA_CENTER)} | more))


def east(**more: Any) -> DataCenter:
    return DataCenter(**({"name": "east", "local": False} | more))
