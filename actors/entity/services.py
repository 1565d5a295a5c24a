"""The services that the engine's actors get besides their mailbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from actors.entity.in_flight import InFlight
from actors.entity.rows import Rows
from actors.journal.port import Transaction
from actors.journal.writer import Durable, Failed
from actors.kernel.ref import ActorRef
from protocol.message import Message


class Journaling(Protocol):
    """The part of the journal's writer that an actor needs."""

    @property
    def available(self) -> bool: ...

    def submit(self, transaction: Transaction, on_done: Callable[[Durable | Failed], None]) -> None: ...


class Nodes(Protocol):
    """The part of the link hub that an actor needs."""

    def send(self, host_id: str, message: Message) -> bool: ...

    def linked(self, host_id: str) -> bool: ...

    def session_of(self, host_id: str) -> str: ...

    def disconnect(self, host_id: str, reason: str) -> None: ...


@attrs.define(kw_only=True)
class Services:
    """Shared by all actors of one engine. `ensure(kind, id)` starts an entity's actor on demand."""

    rows: Rows
    writer: Journaling
    nodes: Nodes
    ensure: Callable[[str, str], ActorRef | None]
    epoch: Callable[[], int]
    silent_after_seconds: float
    guest_up_timeout_seconds: float
    shutdown_timeout_seconds: float
    in_flight: InFlight = attrs.field(factory=InFlight)
    publish: Callable[[Message], None] = lambda _: None
