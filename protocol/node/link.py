"""The messages that begin a link between a node and the engine: hello, version negotiation, enrolment.

Sans I/O: `agree` decides, transports carry.
"""

from __future__ import annotations

from typing import Final

import attrs

from protocol.errors import Refusal
from protocol.message import Message, message

version_min: Final = 1
version_max: Final = 1


@message("link.node_hello")
@attrs.frozen(kw_only=True)
class NodeHello(Message):
    """First frame of a node: who it is, which versions it speaks, the highest epoch it obeyed."""

    host_id: str
    version_min: int
    version_max: int
    node_version: str
    highest_epoch: int = 0
    incarnation: str = ""  # new at each start of the node daemon


@message("link.engine_hello")
@attrs.frozen(kw_only=True)
class EngineHello(Message):
    """The engine's answer: the version that both use from now on, its epoch, the heartbeat's period in seconds."""

    version: int
    epoch: int
    heartbeat_period_seconds: float
    renewal_only: bool = False  # the certificate has expired: nothing but `CertificateRequested` is heard


@message("link.enrol")
@attrs.frozen(kw_only=True)
class Enrol(Message):
    """First frame of a machine without certificate: a one-time token and a signing request."""

    token: str = attrs.field(repr=False)
    csr_pem: str
    name: str
    address: str
    hardware_uuid: str = ""


@message("link.enrolled")
@attrs.frozen(kw_only=True)
class Enrolled(Message):
    host_id: str
    certificate_pem: str
    ca_pem: str


@message("link.refused")
@attrs.frozen(kw_only=True)
class LinkRefused(Message):
    """The last frame before the engine closes: why."""

    refusal: Refusal


def agree(peer_min: int, peer_max: int, own_min: int = version_min, own_max: int = version_max) -> int | None:
    """The highest version that both speak, or None when the ranges do not meet."""
    highest = min(peer_max, own_max)
    return highest if highest >= max(peer_min, own_min) else None
