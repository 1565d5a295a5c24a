"""Operation *remove*: forgets a storage domain that no disk lives on; its directory's content stays.

A disk may be on its way to the journal while the removal is asked for. So the storage domain takes no new disk first;
then a second step is made durable, behind every disk that was admitted before, because the journal keeps the order;
only then are the disks counted for good.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import Decision, accept, joined, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, with_step
from actors.entity.operation_record import Ask, OperationRecord, with_step_sent
from actors.entity.refusals import busy
from actors.storage.domain.connect import probe
from actors.storage.domain.evolve import evolve
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts, accepted
from protocol.activity.audit import line
from protocol.activity.operation import Outcome
from protocol.errors import Conflict, Refusal
from protocol.message import Message, message
from protocol.storage import domain_events as events
from protocol.storage.commands import RemoveStorageDomain


@message("storage_domain.look_again")
@attrs.frozen(kw_only=True)
class LookAgain(Message):
    """To itself: what was decided before is durable. Answer: `protocol.node.reports.Done`."""


KIND: Final = "remove"


def request(state: StorageDomainState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Legal while no disk lives on it."""
    if refusal := busy(state, "remove"):
        return refuse(refusal)
    if refusal := _disks_on(state, facts):
        return refuse(refusal)
    operation = begin_for(request, KIND, f"Removing storage domain {state.storage_domain.name}", facts.now)
    operation = with_step(operation, state.address, "Blocking new disks", facts.now)
    reply = accepted("storage_domain", request, state.storage_domain, job_id=operation.id)
    event = events.StorageDomainRemoveRequested(at=facts.now, operation=operation)
    return accept(reply, with_step_sent(REMOVE, evolve, state, event))


def sends(state: StorageDomainState) -> Ask:
    """A question to itself, which leaves when the step is durable."""
    return Ask(state.address, LookAgain())


def done(state: StorageDomainState, result: Message, facts: StorageDecisionFacts) -> Decision:
    """The step is durable: on to the next one, or to the end."""
    operation = state.operation
    assert operation is not None
    if len(operation.steps) == 1:
        operation = with_step(operation, state.address, "Checking for disks again", facts.now)
        return with_step_sent(
            REMOVE, evolve, state, events.StorageDomainOperationProgressed(at=facts.now, operation=operation)
        )
    if refusal := _disks_on(state, facts):
        return failed(state, refusal, facts)
    audit = line("storage_domain_removed", user=operation.user_id, host=state.host_id, name=state.name)
    return Decision(events=(events.StorageDomainRemoved(at=facts.now, ended=Outcome(outcome="done")),), audit=(audit,))


def failed(state: StorageDomainState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    """It stays, inactive until its host has looked at it."""
    ended = Outcome(outcome="rolled_back", reason=str(refusal))
    event = events.StorageDomainRemoveAbandoned(at=facts.now, reason="Its removal was abandoned.", ended=ended)
    assert state.operation is not None
    by, why = state.operation.user_id, str(refusal)
    said = line("storage_domain_remove_failed", user=by, storage_domain=state.id, name=state.name, reason=why)
    return joined(Decision(events=(event,), audit=(said,)), probe(state, facts))


def _disks_on(state: StorageDomainState, facts: StorageDecisionFacts) -> Refusal | None:
    ids = facts.rows.referring("disk", "storage_domain", state.id)
    if not ids:
        return None
    names = sorted(facts.rows.name_of("disk", id) for id in ids)
    return Conflict(
        f"{state.title} holds {len(ids)} disks: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}.",
        remedy="Remove them first.",
        entity=state.address,
    ).refusal


REMOVE: Final = OperationRecord[StorageDomainState, StorageDecisionFacts](
    kind=KIND, begun_by=RemoveStorageDomain, request=request, sends=sends, done=done, failed=failed
)
