"""The kinds of entities without behaviour: what each has where nothing was said, what comes and goes along with it, and
what always stays. A new kind is a record here and a resource in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from actors.entity.rows import Rows
from protocol.access.model import User
from protocol.api import Version
from protocol.document import Document, Ref
from protocol.errors import NotLegal, Refusal
from protocol.inventory.model import ROOT_TAG_ID, Cluster, Cpu, DataCenter, Tag
from protocol.merge import merge
from protocol.network.model import Network, VnicProfile
from protocol.references import reference_paths
from protocol.refusals import invalid
from protocol.registry import BY_CLASS
from protocol.resource import Resource

COMPATIBILITY: Final = Version(major=4, minor=7)
MANAGEMENT_NETWORK: Final = "ovirtmgmt"
mtu_bytes_min: Final = 68  # RFC 791
ADMINISTRATOR: Final = "admin@internal"
FreshId = Callable[[], str]


def _as_it_is(document: Document) -> Document:
    return document


def _none(document: Document, fresh_id: FreshId) -> tuple[Document, ...]:
    return ()


def _nothing_at_first(known: Mapping[str, Document], fresh_id: FreshId) -> tuple[Document, ...]:
    return ()


def _may_be(document: Document) -> Refusal | None:
    return None


def _may_go(document: Document) -> Refusal | None:
    return None


@attrs.frozen(kw_only=True)
class InventoryKind:
    """One kind. `defaults`: what a new one has where nothing was said; `completed` adds what follows from the rest.

    `companions` are added together with a new one. `owner`: the reference to what it goes along with when that is
    removed, unless something else needs it; an owner of the same kind makes a tree, in which one can move. `refused`
    says why what was sent cannot be, beside what the registry says. `kept` says why one must always stay and keep its
    name. `name`: the attribute that names it. `first`: those that an installation starts with, from the first ones of
    the kinds before. `built_in`: those that are in every installation.
    """

    defaults: Document
    completed: Callable[[Document], Document] = _as_it_is
    companions: Callable[[Document, FreshId], tuple[Document, ...]] = _none
    owner: str = ""
    refused: Callable[[Document], Refusal | None] = _may_be
    kept: Callable[[Document], Refusal | None] = _may_go
    name: str = "name"
    first: Callable[[Mapping[str, Document], FreshId], tuple[Document, ...]] = _nothing_at_first
    built_in: tuple[Document, ...] = ()

    @property
    def resource(self) -> Resource:
        return BY_CLASS[type(self.defaults)]


# --- data center --------------------------------------------------------------------------------------------------


def _management_network(data_center: Document, fresh_id: FreshId) -> tuple[Document, ...]:
    network = Network(
        id=fresh_id(),
        name=MANAGEMENT_NETWORK,
        description="The management network",
        data_center=Ref(id=data_center.id),
        usages=("default_route", "display", "management", "migration", "vm"),
        required=True,
        display=True,
    )
    return (network,)


def _default_data_center(known: Mapping[str, Document], fresh_id: FreshId) -> tuple[Document, ...]:
    """Not `local`, although a lab's storage is a directory of one host: a local data center has one host only, and
    clients that ask for a shared one are to find it."""
    return (DataCenter(id=fresh_id(), name="Default", description="The default data center", local=False),)


DATA_CENTER: Final = InventoryKind(
    defaults=DataCenter(
        description="",
        comment="",
        local=False,
        status="uninitialized",
        quota_mode="disabled",
        version=COMPATIBILITY,
        supported_versions=(COMPATIBILITY,),
        storage_format="v5",
    ),
    companions=_management_network,
    first=_default_data_center,
)

# --- cluster ------------------------------------------------------------------------------------------------------


def _default_cluster(known: Mapping[str, Document], fresh_id: FreshId) -> tuple[Document, ...]:
    data_center = Ref(id=known["data_center"].id)
    return (Cluster(id=fresh_id(), name="Default", description="The default cluster", data_center=data_center),)


CLUSTER: Final = InventoryKind(
    defaults=Cluster(
        description="",
        comment="",
        cpu=Cpu(architecture="x86_64"),
        version=COMPATIBILITY,
        virt_service=True,
        gluster_service=False,
        ballooning_enabled=True,
        threads_as_cores=False,
        bios_type="q35_sea_bios",
    ),
    first=_default_cluster,
)

# --- network ------------------------------------------------------------------------------------------------------


def _with_bridge(network: Document) -> Network:
    assert isinstance(network, Network)
    return attrs.evolve(network, vdsm_name=network.vdsm_name or network.name)


def _own_profile(network: Document, fresh_id: FreshId) -> tuple[Document, ...]:
    assert isinstance(network, Network)
    return (VnicProfile(id=fresh_id(), name=network.name, network=Ref(id=network.id)),)


def _mtu_refused(network: Document) -> Refusal | None:
    """0 leaves it to the host; no host makes a bridge for IPv4 with less than 68."""
    assert isinstance(network, Network)
    if not network.mtu or network.mtu >= mtu_bytes_min:
        return None
    reason = f"An MTU of {network.mtu} bytes is too small for IPv4."
    return invalid("mtu", reason, f"Give {mtu_bytes_min} bytes or more, or 0 for the host's default.")


def _management_stays(network: Document) -> Refusal | None:
    assert isinstance(network, Network)
    if "management" not in (network.usages or ()):
        return None
    reason = f"The network {network.name} is the management network of its data center."
    return NotLegal(reason, remedy="It goes with its data center.", entity=f"network/{network.id}").refusal


NETWORK: Final = InventoryKind(
    defaults=Network(
        description="",
        comment="",
        mtu=0,
        status="operational",
        stp=False,
        usages=("vm",),
        required=False,
        display=False,
    ),
    completed=_with_bridge,
    companions=_own_profile,
    refused=_mtu_refused,
    owner="data_center",
    kept=_management_stays,
)

VNIC_PROFILE: Final = InventoryKind(
    defaults=VnicProfile(description="", comment="", port_mirroring=False, migratable=True), owner="network"
)

# --- user ---------------------------------------------------------------------------------------------------------


def _with_principal(user: Document) -> User:
    assert isinstance(user, User)
    return attrs.evolve(user, principal=user.principal or (user.user_name or "").split("@")[0])


def _administrator_stays(user: Document) -> Refusal | None:
    assert isinstance(user, User)
    if user.user_name != ADMINISTRATOR:
        return None
    return NotLegal(
        "The built-in administrator stays.", remedy="Remove other users only.", entity=f"user/{user.id}"
    ).refusal


def _first_administrator(known: Mapping[str, Document], fresh_id: FreshId) -> tuple[Document, ...]:
    return (User(id=fresh_id(), name="admin", user_name=ADMINISTRATOR),)


USER: Final = InventoryKind(
    defaults=User(name="", last_name="", email="", namespace="*", department=""),
    completed=_with_principal,
    kept=_administrator_stays,
    name="user_name",
    first=_first_administrator,
)

# --- tag ----------------------------------------------------------------------------------------------------------


def _below_root(tag: Document) -> Tag:
    assert isinstance(tag, Tag)
    is_root = tag.id == ROOT_TAG_ID
    return tag if is_root else attrs.evolve(tag, parent=tag.parent or Ref(id=ROOT_TAG_ID))


def _root_stays(tag: Document) -> Refusal | None:
    assert isinstance(tag, Tag)
    if tag.id != ROOT_TAG_ID:
        return None
    reason = f"The tag {tag.name} is built in: it stays."
    return NotLegal(reason, remedy="Change or remove a tag below it.", entity=f"tag/{tag.id}").refusal


TAG: Final = InventoryKind(
    defaults=Tag(description="", comment=""),
    completed=_below_root,
    owner="parent",
    kept=_root_stays,
    built_in=(Tag(id=ROOT_TAG_ID, name="root", description="All tags lie below this one."),),
)

KINDS: Final[Mapping[str, InventoryKind]] = {
    each.resource.kind: each for each in (DATA_CENTER, CLUSTER, NETWORK, VNIC_PROFILE, USER, TAG)
}


def kind_of(document: Document) -> InventoryKind:
    """The record of a document's kind."""
    return KINDS[BY_CLASS[type(document)].kind]


def completed(document: Document) -> Document:
    """The document with every attribute that clients look into; it has its id."""
    kind = kind_of(document)
    return kind.completed(merge(kind.defaults, document, read_only=True))


def with_companions(document: Document, fresh_id: FreshId) -> tuple[Document, ...]:
    """A new document and all that comes along with it, each completed."""
    whole = completed(document)
    return (
        whole,
        *(each for other in kind_of(whole).companions(whole, fresh_id) for each in with_companions(other, fresh_id)),
    )


def first_documents(fresh_id: FreshId) -> tuple[Document, ...]:
    """What the inventory of an installation holds at first."""
    known: dict[str, Document] = {}
    found: list[Document] = []
    for name, kind in KINDS.items():
        for document in (*kind.built_in, *kind.first(known, fresh_id)):
            known.setdefault(name, document)
            found += with_companions(document, fresh_id)
    return tuple(found)


def going_along(rows: Rows, kind: str, id: str) -> list[tuple[str, str]]:
    """(kind, id) of all that goes along with an object, itself last."""
    found: list[tuple[str, str]] = []
    for other, record in KINDS.items():
        if record.owner and _refers(record, record.owner) == kind:
            for other_id in rows.referring(other, record.owner, id):
                found += going_along(rows, other, other_id)
    return [*found, (kind, id)]


def _refers(record: InventoryKind, attribute: str) -> str:
    return next(path.kind for path in reference_paths(record.resource.cls) if path.path == attribute)
