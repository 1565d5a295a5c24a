"""What deciding in this room needs beside the state, and the acceptances that its entities share."""

from __future__ import annotations

import datetime

import attrs

from actors.entity.decision import Decision, refuse
from actors.entity.ids import object_id_of
from actors.entity.messages import CommandRequest
from actors.entity.rows import Rows
from actors.storage.volume_names import storage_domain_of
from protocol.activity.operation import Operation
from protocol.command import Add
from protocol.document import Document, id_of
from protocol.errors import Conflict
from protocol.live.engine import Accepted
from protocol.names import title_of
from protocol.storage.model import Disk, StorageDomain


@attrs.frozen(kw_only=True)
class StorageDecisionFacts:
    now: datetime.datetime
    rows: Rows
    fresh_id: str = ""  # an id that nobody used yet


def host_of(disk: Disk, facts: StorageDecisionFacts) -> str:
    """The host of the storage domain that a disk is on; "" when that is gone."""
    storage_domain = facts.rows.get(StorageDomain, storage_domain_of(disk))
    return id_of(storage_domain.host) if storage_domain is not None else ""


def accepted(kind: str, request: CommandRequest, document: Document, *, job_id: str = "") -> Accepted:
    """The reply to a command on `document`."""
    return Accepted(kind=kind, id=id_of(document), job_id=job_id, command_id=request.command_id, document=document)


def new_id(request: CommandRequest) -> str:
    """The id of what an *add* adds: the command's own, unless it names one."""
    assert isinstance(request.command, Add)
    return request.command.id or object_id_of(request.command_id)


def again_or_taken(kind: str, request: CommandRequest, document: Document, operation: Operation | None) -> Decision:
    """An *add* for an id that exists: the same command gets the same answer, any other is refused."""
    id = id_of(document)
    if not _is_same(request, id, operation):
        reason, remedy = f"The {title_of(kind)} {id} exists already.", "Leave the id out to add another one."
        return refuse(Conflict(reason, remedy=remedy, entity=f"{kind}/{id}").refusal)
    return Decision(reply=accepted(kind, request, document, job_id=operation.id if operation else ""))


def _is_same(request: CommandRequest, id: str, operation: Operation | None) -> bool:
    if operation is not None and operation.command_id == request.command_id:
        return True
    return id == object_id_of(request.command_id)
