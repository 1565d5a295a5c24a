"""What every entity refuses alike: while an operation runs on it, and for its status."""

from __future__ import annotations

from typing import Protocol

from actors.entity.operation_record import HasOperation
from protocol import refusals
from protocol.document import kind_and_id
from protocol.errors import Refusal


class EntityState(HasOperation, Protocol):
    """The part of an entity's state that a refusal names."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> str: ...


def busy(state: EntityState, verb: str, *, over: str = "") -> Refusal | None:
    """Refused while an operation runs. One of the kind `over` is no lock: what is asked takes its place."""
    operation = state.operation
    if operation is None or operation.kind == over:
        return None
    kind, id = kind_and_id(state.address)
    return refusals.busy(kind, id, state.name, verb, operation.id, operation.description)


class WithStatus(Protocol):
    """The part of a document that a refusal names."""

    @property
    def id(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...

    @property
    def status(self) -> str | None: ...


def not_ready(
    kind: str, document: WithStatus, verb: str, legal: str, remedy: str = "", field: str = "status"
) -> Refusal:
    """Refused for the status of another object, of which the document is known."""
    id = document.id or ""
    return refusals.not_legal(kind, id, document.name or id, document.status or "", verb, legal, remedy, field)


def not_legal(state: EntityState, verb: str, legal: str, remedy: str = "") -> Refusal:
    """Refused for the entity's status."""
    kind, id = kind_and_id(state.address)
    return refusals.not_legal(kind, id, state.name, state.status, verb, legal, remedy)
