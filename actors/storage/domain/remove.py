"""Operation *remove*: forgets a storage domain that no disk lives on; its directory's content stays.

A disk may be on its way to the journal while the removal is asked for. So the storage domain takes no new disk first;
then a second step is made durable, behind every disk that was admitted before, because the journal keeps the order;
only then are the disks counted for good. It must not touch the storage.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import NOTHING, Decision, Effect, Tell
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, current_step, with_step
from actors.storage.domain.connect import reconnect
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts, accepted, busy, not_found, refusal
from protocol.audit import line
from protocol.commands.storage import RemoveStorageDomain
from protocol.errors import Refusal
from protocol.events import storage_domain as events
from protocol.events.operation import Outcome
from protocol.message import Message, message


@message("storage_domain.look_again")
@attrs.frozen(kw_only=True)
class LookAgain(Message):
    """To itself: the step with this id is durable."""

    step_id: str


def remove(
    state: StorageDomainState | None, request: CommandRequest, command: RemoveStorageDomain, facts: StorageDecisionFacts
) -> Decision:
    """Legal while no disk lives on it."""
    if state is None:
        return Decision(reply=not_found("storage domain", command.id))
    if state.operation is not None:
        return Decision(reply=busy(state.id, state.title, state.operation))
    if problem := _disks_on(state, facts):
        return Decision(reply=problem)
    if request.dry_run:
        return Decision(reply=accepted("storage_domain", request, state.storage_domain))
    operation = begin_for(request, "remove", f"Removing storage domain {state.storage_domain.name}", facts.now)
    operation = with_step(operation, state.address, "Taking no new disk", facts.now)
    after = attrs.evolve(state, operation=operation)
    return Decision(
        events=(events.StorageDomainRemoveRequested(at=facts.now, operation=operation),),
        effects=again(after),
        reply=accepted("storage_domain", request, state.storage_domain, job_id=operation.id),
        store_outcome=True,
    )


def again(state: StorageDomainState) -> tuple[Effect, ...]:
    """What the step under way sends: a message to itself, which leaves when the step is durable."""
    step = current_step(state.operation) if state.operation else None
    return (Tell(address=state.address, message=LookAgain(step_id=step.id)),) if step else ()


def look_again(state: StorageDomainState | None, message: LookAgain, facts: StorageDecisionFacts) -> Decision:
    """The step is durable: on to the next one, or to the end."""
    operation = state.operation if state else None
    step = current_step(operation) if operation else None
    if state is None or operation is None or step is None or step.id != message.step_id:
        return NOTHING
    if len(operation.steps) == 1:
        operation = with_step(operation, state.address, "Looking for disks once more", facts.now)
        event = events.StorageDomainOperationProgressed(at=facts.now, operation=operation)
        return Decision(events=(event,), effects=again(attrs.evolve(state, operation=operation)))
    if problem := _disks_on(state, facts):
        return _abandoned(state, problem, facts)
    audit = line("storage_domain_removed", f"{state.title} was removed.", user=operation.user_id, host=state.host_id)
    return Decision(events=(events.StorageDomainRemoved(at=facts.now, ended=Outcome(outcome="done")),), audit=(audit,))


def _abandoned(state: StorageDomainState, problem: Refusal, facts: StorageDecisionFacts) -> Decision:
    ended = Outcome(outcome="rolled_back", reason=str(problem))
    event = events.StorageDomainRemoveAbandoned(at=facts.now, reason="Its removal was abandoned.", ended=ended)
    probe = reconnect(attrs.evolve(state, operation=None), facts)
    return Decision(events=(event,), effects=probe.effects)


def _disks_on(state: StorageDomainState, facts: StorageDecisionFacts) -> Refusal | None:
    ids = facts.rows.referring("disk", "storage_domain", state.id)
    if not ids:
        return None
    names = sorted(facts.rows.document("disk", id).name or id for id in ids)
    return refusal(
        "conflict",
        f"{state.title} holds {len(ids)} disks: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}.",
        "Remove them first.",
        entity=state.id,
    )
