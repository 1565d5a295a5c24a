"""Operation *remove*: a template goes with its disks, one after the other.

A disk that something rests on refuses to go, whatever was known when the removal was asked for.
"""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision, accept, joined, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import begin_for, with_step
from actors.entity.operation_record import Ask, OperationRecord, retried, with_step_sent
from actors.entity.refusals import busy
from actors.storage.facts import StorageDecisionFacts, accepted
from actors.storage.messages import DiscardDisk
from actors.storage.template.evolve import evolve
from actors.storage.template.state import TemplateState, blank_id
from protocol.activity.audit import line
from protocol.activity.operation import Operation, Outcome
from protocol.document import id_of
from protocol.errors import Conflict, NotLegal, Refusal
from protocol.message import Message
from protocol.refusals import protected
from protocol.storage.model import Disk
from protocol.template import events
from protocol.template.commands import RemoveTemplate

KIND: Final = "remove"


def request(state: TemplateState, request: CommandRequest, facts: StorageDecisionFacts) -> Decision:
    """Legal while no VM's disk rests on its disks; never for Blank."""
    if refusal := _refusal(state, facts):
        return refuse(refusal)
    operation = begin_for(request, KIND, f"Removing template {state.template.name}", facts.now)
    reply = accepted("template", request, state.template, job_id=operation.id)
    if not state.disk_ids:
        requested = events.TemplateRemoveRequested(at=facts.now, operation=operation)
        decision = joined(Decision(events=(requested,)), _gone(state, operation, facts))
    else:
        event = events.TemplateRemoveRequested(at=facts.now, operation=_with_next(state, operation, facts))
        decision = with_step_sent(REMOVE, evolve, state, event)
    return accept(reply, decision)


def sends(state: TemplateState) -> Ask:
    """The n-th step is the n-th disk's."""
    operation = state.operation
    assert operation is not None
    disk_id = state.disk_ids[len(operation.steps) - 1]
    message = DiscardDisk(operation_id=operation.id, template_id=state.id, correlation_id=operation.correlation_id)
    return Ask(f"disk/{disk_id}", message)


def done(state: TemplateState, result: Message, facts: StorageDecisionFacts) -> Decision:
    """A disk is gone: the next one, or the template is."""
    operation = state.operation
    assert operation is not None
    if len(operation.steps) == len(state.disk_ids):
        return _gone(state, operation, facts)
    further = _with_next(state, operation, facts)
    return with_step_sent(REMOVE, evolve, state, events.TemplateOperationProgressed(at=facts.now, operation=further))


def failed(state: TemplateState, refusal: Refusal, facts: StorageDecisionFacts) -> Decision:
    """A disk refuses to go. With none gone yet, the template is as it was."""
    operation = state.operation
    assert operation is not None
    if (again := retried(refusal)) is not None:
        return again
    reason = str(refusal)
    event = events.TemplateRemoveFailed(
        at=facts.now,
        reason=reason,
        usable=len(operation.steps) == 1 and refusal.code == Conflict.code,
        ended=Outcome(outcome="failed", reason=reason),
    )
    name, by = state.template.name or "", operation.user_id
    audit = line("template_remove_failed", template=state.id, user=by, name=name, reason=reason)
    return Decision(events=(event,), audit=(audit,))


def _with_next(state: TemplateState, operation: Operation, facts: StorageDecisionFacts) -> Operation:
    return with_step(operation, f"template/{state.id}", "Removing a disk", facts.now)


def _gone(state: TemplateState, operation: Operation, facts: StorageDecisionFacts) -> Decision:
    return Decision(
        events=(events.TemplateRemoved(at=facts.now, ended=Outcome(outcome="done")),),
        audit=(line("template_removed", user=operation.user_id, name=state.template.name or ""),),
    )


def _refusal(state: TemplateState, facts: StorageDecisionFacts) -> Refusal | None:
    if state.id == blank_id:
        remedy = "Remove other templates only: VMs without a template are made from it."
        return NotLegal("The template Blank cannot be removed.", remedy=remedy, entity=state.address).refusal
    if refusal := busy(state, "remove"):
        return refusal
    if state.template.delete_protected:
        return protected("template", state.id, state.name)
    children = [id for disk_id in state.disk_ids for id in facts.rows.referring("disk", "backing_disk", disk_id)]
    if not children:
        return None
    names = sorted(_user_of(id, facts) for id in children)
    return Conflict(
        f"Disks rest on the template {state.template.name}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}.",
        remedy="Remove those VMs or disks first.",
        entity=state.address,
    ).refusal


def _user_of(disk_id: str, facts: StorageDecisionFacts) -> str:
    """`disk of the VM name`, as far as known."""
    disk, name = facts.rows.get(Disk, disk_id), facts.rows.name_of("disk", disk_id)
    vms = disk.vms or () if disk is not None else ()
    of = ", ".join(facts.rows.name_of("vm", id_of(vm)) for vm in vms)
    return f"{name} of the VM {of}" if of else name


REMOVE: Final = OperationRecord[TemplateState, StorageDecisionFacts](
    kind=KIND, begun_by=RemoveTemplate, request=request, sends=sends, done=done, failed=failed
)
