"""What a storage domain does next: finds who decides on each message. Decides; never performs."""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity import checks
from actors.entity.checks import invalid
from actors.entity.decision import NOTHING, Decision
from actors.entity.messages import CommandRequest, Wake
from actors.host.signals import HostLost, HostReturned
from actors.operations.operation import current_step
from actors.storage.domain import connect, create, remove
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts, accepted, busy, host_of_step, name_taken, not_found, refusal
from protocol.audit import line
from protocol.commands.storage import AddStorageDomain, RemoveStorageDomain, UpdateStorageDomain
from protocol.errors import Refusal
from protocol.events import storage_domain as events
from protocol.message import Message
from protocol.model.storage import StorageDomain
from protocol.model.types import about
from protocol.node_messages import StepDone, StepProgress, StorageFacts

changeable: Final = frozenset({"name", "description", "comment", "wipe_after_delete"})


def decide(id: str, state: StorageDomainState | None, message: Message, facts: StorageDecisionFacts) -> Decision:
    """`state` is None while there is none. Raises `NotImplementedError` for a message that is not a storage domain's."""
    match message:
        case CommandRequest():
            return _decide_command(state, message, facts)
        case StorageFacts():
            return connect.reported(state, message, facts)
        case StepDone():
            return _step_done(state, message, facts)
        case HostReturned(host_id=host_id):
            return connect.reconnect(state, facts) if state and state.host_id == host_id else NOTHING
        case HostLost(host_id=host_id):
            return connect.host_lost(state, facts) if state and state.host_id == host_id else NOTHING
        case remove.LookAgain():
            return remove.look_again(state, message, facts)
        case Wake():
            return again(state, facts)
        case StepProgress():
            return NOTHING
    raise NotImplementedError(f"storage_domain/{id} got {type(message).__name__}")


def again(state: StorageDomainState | None, facts: StorageDecisionFacts) -> Decision:
    """Goes on after a crash: the step under way, or a look at one that is inactive."""
    if state is None:
        return NOTHING
    if state.operation is not None and state.operation.kind == "remove":
        return Decision(effects=remove.again(state))
    return connect.reconnect(state, facts) if state.status != "active" else NOTHING


def _decide_command(state: StorageDomainState | None, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    match request.command:
        case AddStorageDomain() as command:
            return create.add(state, request, command, facts)
        case UpdateStorageDomain() as command:
            return update(state, request, command, facts)
        case RemoveStorageDomain() as command:
            return remove.remove(state, request, command, facts)
    reason = f"A storage domain knows no {type(request.command).__name__}."
    return Decision(reply=refusal("invalid", reason, status=400))


def _step_done(state: StorageDomainState | None, done: StepDone, facts: StorageDecisionFacts) -> Decision:
    if state is None:
        return Decision(effects=connect.forget(host_of_step(facts.rows, done.step_id), done.step_id))
    step = current_step(state.operation) if state.operation else None
    if step is not None and step.id == done.step_id:
        return create.connected(state, done, facts)
    decision = NOTHING
    if isinstance(done.result, StorageFacts):
        decision = connect.reported(state, done.result, facts)
    elif isinstance(done.result, Refusal) and state.status in ("active", "inactive"):
        reason = str(done.result)
        if state.status == "active" or state.problem != reason:
            decision = connect.deactivated(state, reason, facts)
    return attrs.evolve(decision, effects=(*decision.effects, *connect.forget(state.host_id, done.step_id)))


def update(
    state: StorageDomainState | None, request: CommandRequest, command: UpdateStorageDomain, facts: StorageDecisionFacts
) -> Decision:
    """Names and flags. Legal while no operation runs."""
    if state is None:
        return Decision(reply=not_found("storage domain", command.id))
    assert isinstance(command.document, StorageDomain)
    wanted = {name: value for name, value in checks.given(command.document).items() if name in changeable}
    if problem := _update_problem(state, command.document, facts):
        return Decision(reply=problem)
    storage_domain = attrs.evolve(state.storage_domain, **wanted)
    if request.dry_run or storage_domain == state.storage_domain:
        return Decision(reply=accepted("storage_domain", request, storage_domain))
    return Decision(
        events=(events.StorageDomainUpdated(at=facts.now, storage_domain=storage_domain),),
        audit=(
            line("entity_updated", f"{state.title} was changed.", user=request.principal.user_id, storage_domain=state.id),
        ),
        reply=accepted("storage_domain", request, storage_domain),
        store_outcome=True,
    )  # fmt: skip


def _update_problem(state: StorageDomainState, document: StorageDomain, facts: StorageDecisionFacts) -> Refusal | None:
    if state.operation is not None:
        return busy(state.id, state.title, state.operation)
    if problem := checks.values(document):
        return problem
    for field in attrs.fields(StorageDomain):
        value = getattr(document, field.name)
        if value is None or field.name in changeable | {"id"} or about(field).read_only:
            continue
        if value != getattr(state.storage_domain, field.name):
            return invalid(field.name, f"The {field.name} of a storage domain cannot be changed.", "Leave it out.")
    if document.name is None or document.name == state.storage_domain.name:
        return None
    if facts.rows.named("storage_domain", document.name):
        return name_taken("storage domain", document.name)
    return checks.name("storage domain", document.name)
