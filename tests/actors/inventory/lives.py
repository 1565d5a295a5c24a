"""The inventory as transcripts play it: one actor for many entities, so its events say of which."""

from __future__ import annotations

from typing import Any

from actors.entity.rows import Rows
from actors.first_transaction import bootstrap
from actors.inventory.actor import InventoryActor
from actors.kernel.ports import SeededIds
from protocol.document import Ref
from protocol.inventory.events import InventoryEvent
from protocol.inventory.model import Cluster, DataCenter
from protocol.network.model import Network
from protocol.registry import BY_KIND
from tests.actors.backstage import NOW
from tests.actors.comparison import Expected
from tests.actors.playbook import Play

IDS = SeededIds(7)
START = bootstrap(IDS, NOW)
"""What an engine begins with: a data center, its network, a cluster, the administrator."""

_KEYS = {write.row.key[0]: write.row.key[1] for write in START.writes}
DATA_CENTER, CLUSTER, NETWORK, PROFILE, USER = (
    _KEYS[kind] for kind in ("data_center", "cluster", "network", "vnic_profile", "user")
)


class InventoryPlay(Play):
    """The inventory's decisions so far: changes of documents."""

    shell = InventoryActor

    def __init__(self) -> None:
        rows = Rows()
        rows.confirm(START)
        super().__init__("", rows)

    def made(self) -> InventoryActor:
        return InventoryActor(self.context, self.services)

    def only(self, kind: str) -> Any:
        (document,) = self.rows.all(BY_KIND[kind].cls)
        return document


def changed(cls: type[InventoryEvent], kind: str, id: str = "", **fields: Any) -> Expected:
    """An entity of this kind was added, changed or removed; `fields` are of its document."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found.event) is not cls or found.kind != kind or (id and found.id != id):
            return f"{type(found.event).__name__} of {found.kind} {found.id}"
        wrong = [name for name, value in fields.items() if getattr(found.event.document, name) != value]
        return f"differs in {', '.join(wrong)}" if wrong else None

    return Expected("changes", f"changed({cls.__name__}, {kind!r}, {id!r})", differs)


def inventory() -> InventoryPlay:
    return InventoryPlay()


def cluster(**more: Any) -> Cluster:
    return Cluster(**({"name": "two", "data_center": Ref(id=DATA_CENTER)} | more))


def network(**more: Any) -> Network:
    return Network(**({"name": "blue", "data_center": Ref(id=DATA_CENTER)} | more))


def east(**more: Any) -> DataCenter:
    return DataCenter(**({"name": "east", "local": False} | more))
