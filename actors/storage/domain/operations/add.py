"""Operation *add*: a directory of a host becomes a storage domain of the host's data center.

connect on the host -> active
                    -> gone, rolled back
"""

from __future__ import annotations

import posixpath
from typing import Final

import attrs

from actors.entity import checks
from actors.entity.decision import Decision, accept, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, with_step
from actors.entity.operation_record import OperationRecord, with_step_sent
from actors.entity.refusals import not_ready
from actors.storage.domain.connect import activated, connection
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts, accepted, again_or_taken, new_id
from protocol.activity.audit import line
from protocol.activity.operation import Outcome
from protocol.document import Ref, id_of
from protocol.errors import Conflict, Refusal
from protocol.host.model import Host
from protocol.inventory.model import Cluster
from protocol.message import Message
from protocol.node.reports import StorageFacts
from protocol.refusals import invalid, missing, name_taken, not_found
from protocol.storage import domain_events as events
from protocol.storage.commands import AddStorageDomain
from protocol.storage.model import HostStorage, StorageDomain

KIND: Final = "add"
path_characters_max: Final = 1024


def add(
    state: StorageDomainState | None, request: CommandRequest, command: AddStorageDomain, facts: StorageDecisionFacts
) -> Decision:
    """Legal while the host is up."""
    if state is not None:
        return again_or_taken("storage_domain", request, state.storage_domain, state.operation)
    document = command.document
    assert isinstance(document, StorageDomain)
    host = _checked(document, facts)
    if isinstance(host, Refusal):
        return refuse(host)
    storage_domain = _completed(attrs.evolve(document, id=new_id(request)), host, facts)
    operation = begin_for(request, KIND, f"Adding storage domain {storage_domain.name}", facts.now, id_of(host))
    address = f"storage_domain/{storage_domain.id}"
    operation = with_step(operation, address, "Connecting the directory", facts.now, id_of(host))
    event = events.StorageDomainAdded(at=facts.now, storage_domain=storage_domain, operation=operation)
    reply = accepted("storage_domain", request, storage_domain, job_id=operation.id)
    return accept(reply, with_step_sent(ADD, evolve, None, event))


def sends(state: StorageDomainState) -> Message:
    return connection(state, create=True)


def done(state: StorageDomainState, result: Message, facts: StorageDecisionFacts) -> Decision:
    """The host's outcome: active, unless it cannot be used as it is."""
    assert isinstance(result, StorageFacts), result
    problem = result.problem or ("" if result.writable else "It cannot be written.")
    if problem:
        return _rolled_back(state, problem, facts)
    active = activated(state, result, facts, ended=Outcome(outcome="done"))
    assert state.operation is not None
    by = state.operation.user_id
    said = line("storage_domain_added", user=by, storage_domain=state.id, host=state.host_id, name=state.name)
    return attrs.evolve(active, audit=(said, *active.audit))


def failed(state: StorageDomainState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    return _rolled_back(state, str(refusal), facts)


def _rolled_back(state: StorageDomainState, problem: str, facts: StorageDecisionFacts) -> Decision:
    """The record goes again; the directory's content stays."""
    assert state.operation is not None
    by = state.operation.user_id
    audit = line("storage_domain_add_failed", user=by, host=state.host_id, name=state.name, reason=problem)
    event = events.StorageDomainRemoved(at=facts.now, ended=Outcome(outcome="rolled_back", reason=problem))
    return Decision(events=(event,), audit=(audit,))


def _completed(storage_domain: StorageDomain, host: Host, facts: StorageDecisionFacts) -> StorageDomain:
    assert storage_domain.storage is not None
    cluster = facts.rows.get(Cluster, host.cluster)
    data_center = cluster.data_center if cluster is not None else None
    siblings = facts.rows.referring("storage_domain", "data_center", id_of(data_center)) if data_center else []
    return attrs.evolve(
        storage_domain,
        description=storage_domain.description or "",
        comment=storage_domain.comment or "",
        status="locked",
        storage=HostStorage(type="localfs", path=posixpath.normpath(storage_domain.storage.path or "")),
        host=Ref(id=host.id),
        data_center=Ref(id=data_center.id) if data_center else None,
        data_centers=(Ref(id=data_center.id),) if data_center else (),
        master=not siblings,
        available=0,
        used=0,
        committed=0,
        storage_format="v5",
        wipe_after_delete=bool(storage_domain.wipe_after_delete),
    )


def _checked(storage_domain: StorageDomain, facts: StorageDecisionFacts) -> Host | Refusal:
    """The host that is up and will hold the directory, or what is wrong."""
    if refusal := checks.required(storage_domain, "storage domain") or checks.values(storage_domain):
        return refusal
    if refusal := checks.name("storage domain", storage_domain.name or ""):
        return refusal
    if facts.rows.named(StorageDomain, storage_domain.name or ""):
        return name_taken("storage_domain", storage_domain.name or "")
    if storage_domain.type != "data":
        return invalid("type", f"Storage domains of type {storage_domain.type} are not served yet.", "Use data.")
    assert storage_domain.storage is not None
    if storage_domain.storage.type != "localfs":
        reason = f"Storage of type {storage_domain.storage.type} is not served yet."
        return invalid("storage.type", reason, "Use localfs: a directory of a host.")
    path = storage_domain.storage.path or ""
    if refusal := _path_refusal(path):
        return refusal
    host_id = id_of(storage_domain.host)
    host = facts.rows.get(Host, host_id)
    if host is None:
        return not_found("host", host_id, field="host")
    if host.status != "up":
        return not_ready("host", host, "use", "up", "Activate it first.", "host")
    return _data_center_refusal(storage_domain, host, facts) or _path_taken(path, host, facts) or host


def _data_center_refusal(storage_domain: StorageDomain, host: Host, facts: StorageDecisionFacts) -> Refusal | None:
    """A directory belongs where its host does."""
    cluster = facts.rows.get(Cluster, host.cluster)
    own = id_of(cluster.data_center) if cluster is not None else ""
    if storage_domain.data_center is None or id_of(storage_domain.data_center) == own:
        return None
    reason = f"The host {host.name} belongs to another data center."
    return invalid("data_center", reason, "Leave it out, or choose a host of that data center.")


def _path_refusal(path: str) -> Refusal | None:
    if not path:
        return missing("storage.path", "storage domain", "Give an absolute path of the host.")
    if not path.startswith("/") or posixpath.normpath(path) == "/" or ".." in path.split("/"):
        return invalid("storage.path", f"{path[:80]!r} is no absolute path of a directory.", "Give one without '..'.")
    if not path.isprintable() or len(path) > path_characters_max:
        reason = "The path has characters that cannot be shown, or too many of them."
        return invalid("storage.path", reason, f"Use at most {path_characters_max} printable characters.")
    return None


def _path_taken(path: str, host: Host, facts: StorageDecisionFacts) -> Refusal | None:
    """One directory is one storage domain, and none lies within another."""
    path = posixpath.normpath(path)
    for other in facts.rows.referring_to(StorageDomain, "host", id_of(host)):
        theirs = posixpath.normpath((other.storage.path if other.storage else None) or "/")
        if posixpath.commonpath((path, theirs)) in (path, theirs):
            reason = f"{path} overlaps {theirs}, which is the storage domain {other.name}."
            remedy, entity = "Choose another directory.", f"storage_domain/{other.id}"
            return Conflict(reason, remedy=remedy, entity=entity, field="storage.path").refusal
    return None


ADD: Final = OperationRecord[StorageDomainState, StorageDecisionFacts](kind=KIND, sends=sends, done=done, failed=failed)
