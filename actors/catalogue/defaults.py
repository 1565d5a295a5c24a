"""What an entity without behaviour has where nothing was said, and what comes along with a new one. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from protocol.model.document import Version
from protocol.model.inventory import Cluster, Cpu, DataCenter, User
from protocol.model.merge import merge
from protocol.model.network import Network, VnicProfile
from protocol.model.types import Document, Ref

compatibility: Final = Version(major=4, minor=7)
management_network: Final = "ovirtmgmt"

_defaults: Final[dict[type[Any], Document]] = {
    DataCenter: DataCenter(
        description="",
        comment="",
        local=False,
        status="uninitialized",
        quota_mode="disabled",
        version=compatibility,
        supported_versions=(compatibility,),
        storage_format="v5",
    ),
    Cluster: Cluster(
        description="",
        comment="",
        cpu=Cpu(architecture="x86_64"),
        version=compatibility,
        virt_service=True,
        gluster_service=False,
        ballooning_enabled=True,
        threads_as_cores=False,
        bios_type="q35_sea_bios",
    ),
    Network: Network(
        description="",
        comment="",
        mtu=0,
        status="operational",
        stp=False,
        usages=("vm",),
        required=False,
        display=False,
    ),
    VnicProfile: VnicProfile(description="", comment="", port_mirroring=False, migratable=True),
    User: User(name="", last_name="", email="", namespace="*", department=""),
}


def defaulted(document: Document) -> Document:
    """The document with every attribute that clients look into; it has its id."""
    made: Any = merge(_defaults[type(document)], document, read_only=True)
    if isinstance(made, Network):
        return attrs.evolve(made, vdsm_name=made.vdsm_name or made.name)
    if isinstance(made, User):
        return attrs.evolve(made, principal=made.principal or (made.user_name or "").split("@")[0])
    assert isinstance(made, Document)
    return made


def companions(document: Document, fresh_id: Callable[[], str]) -> tuple[Document, ...]:
    """What is added together with a document: a data center's management network, a network's own profile."""
    match document:
        case DataCenter(id=id):
            network = Network(
                id=fresh_id(),
                name=management_network,
                description="The management network",
                data_center=Ref(id=id),
                usages=("default_route", "display", "management", "migration", "vm"),
                required=True,
                display=True,
            )
            return (defaulted(network), *companions(network, fresh_id))
        case Network(id=id, name=name):
            return (defaulted(VnicProfile(id=fresh_id(), name=name, network=Ref(id=id))),)
    return ()
