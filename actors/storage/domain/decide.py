"""What a storage domain does next: finds who decides on each message."""

from __future__ import annotations

from typing import Final

from actors.entity import checks
from actors.entity.commanded import commanded
from actors.entity.decision import NOTHING, Decision, SetTimer, accept, line_by, refuse
from actors.entity.host_signals import HostLost, HostReturned, StepAdvanced, StepDeclined, StepOutcome, StorageSeen
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.operation import current_step
from actors.entity.operation_record import (
    RETRY,
    RETRY_SECONDS,
    CommandRecord,
    sent_again,
    step_answered,
    step_declined,
    step_ended,
)
from actors.entity.refusals import busy
from actors.kernel.envelope import Answer
from actors.storage.domain import connect
from actors.storage.domain.operations import OPERATIONS, add, remove
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts, accepted
from protocol.activity.operation import StepId
from protocol.errors import Refusal
from protocol.merge import changed_by, given
from protocol.message import Message
from protocol.node.reports import Done
from protocol.refusals import invalid, name_taken
from protocol.storage import domain_events as events
from protocol.storage.commands import AddStorageDomain, UpdateStorageDomain
from protocol.storage.model import StorageDomain

changeable: Final = frozenset({"name", "description", "comment"})


def decide(id: str, state: StorageDomainState | None, message: Message, facts: StorageDecisionFacts) -> Decision:
    """`state` is None while there is none. Raises `NotImplementedError` for a message that is not a storage domain's."""
    match message:
        case CommandRequest(command=AddStorageDomain() as command):
            return add.add(state, message, command, facts)
        case CommandRequest():
            return commanded(f"storage_domain/{id}", OPERATIONS, CHANGES, state, message, facts)
        case StorageSeen():
            return connect.seen(state, message, facts)
        case StepOutcome():
            return _outcome(state, message, facts)
        case StepDeclined(step=step, host_id=host_id):
            return _declined(state, step, host_id)
        case TimerFired():
            return again(state, facts) if state is not None else NOTHING
        case Answer(token=token, body=body):
            return step_answered(OPERATIONS, state, token, body, facts)
        case HostReturned(host_id=host_id):
            return again(state, facts) if state and state.host_id == host_id else NOTHING
        case HostLost(host_id=host_id):
            return connect.host_lost(state, facts) if state and state.host_id == host_id else NOTHING
        case remove.LookAgain():
            return Decision(reply=Done())
        case StepAdvanced():
            return NOTHING
    raise NotImplementedError(f"storage_domain/{id} got {type(message).__name__}")


def again(state: StorageDomainState, facts: StorageDecisionFacts) -> Decision:
    """The host is back, or the engine: the step under way once more, else a fresh look at the directory."""
    if state.operation is not None:
        return Decision(effects=sent_again(OPERATIONS, state))
    return connect.probe(state, facts)


def recovered(state: StorageDomainState, facts: StorageDecisionFacts) -> Decision:
    """A new incarnation goes on. One that is active hears from its host when something changes."""
    return again(state, facts) if state.operation is not None or state.status != "active" else NOTHING


def _outcome(state: StorageDomainState | None, outcome: StepOutcome, facts: StorageDecisionFacts) -> Decision:
    step = current_step(state.operation) if state is not None and state.operation is not None else None
    if step is None or step.id != outcome.step:
        return connect.probed(state, outcome, facts)
    return step_ended(OPERATIONS, state, outcome.step, outcome.result, facts, host_id=outcome.host_id)


def _declined(state: StorageDomainState | None, step: StepId, host_id: str) -> Decision:
    """Of the operation under way, or a look at the directory: either is asked again in a moment."""
    if state is None or host_id != state.host_id:
        return NOTHING
    if state.operation is not None:
        return step_declined(state, step, host_id)
    return Decision(effects=(SetTimer(name=RETRY, seconds=RETRY_SECONDS),))


def update(state: StorageDomainState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Names and flags. Legal while no operation runs."""
    command = request.command
    assert isinstance(command, UpdateStorageDomain)
    assert isinstance(command.document, StorageDomain)
    wanted = {name: value for name, _, value in given(command.document) if name in changeable}
    if refusal := _update_refusal(state, command.document, facts):
        return refuse(refusal)
    storage_domain = changed_by(state.storage_domain, wanted)
    reply = accepted("storage_domain", request, storage_domain)
    if storage_domain == state.storage_domain:
        return Decision(reply=reply)
    name = storage_domain.name or ""
    said = line_by(request.principal, "storage_domain_updated", storage_domain=state.id, name=name)
    event = events.StorageDomainUpdated(at=facts.now, storage_domain=storage_domain)
    return accept(reply, Decision(events=(event,), audit=(said,)))


def _update_refusal(state: StorageDomainState, document: StorageDomain, facts: StorageDecisionFacts) -> Refusal | None:
    if refusal := busy(state, "update"):
        return refusal
    if refusal := checks.values(document):
        return refusal
    for name, known, value in given(document):
        is_fixed = name not in changeable | {"id"} and not known.read_only
        if is_fixed and value != getattr(state.storage_domain, name):
            return invalid(name, f"The {name} of a storage domain cannot be changed.", "Leave it out.")
    if document.name is None or document.name == state.storage_domain.name:
        return None
    if facts.rows.named(StorageDomain, document.name):
        return name_taken("storage_domain", document.name)
    return checks.name("storage domain", document.name)


CHANGES: Final = (
    CommandRecord[StorageDomainState, StorageDecisionFacts](begun_by=UpdateStorageDomain, request=update),
)
"""What is decided at once, without an operation."""
